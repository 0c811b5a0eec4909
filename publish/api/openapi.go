package api

import _ "embed"

// OpenAPI is the OpenAPI 3.1 document of the interface, JSON.
//
//go:embed openapi.json
var OpenAPI []byte
