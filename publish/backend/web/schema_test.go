package web

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/api"
)

// contract is the OpenAPI document, whose schemas are JSON Schema 2020-12 (OpenAPI 3.1, 4.8.24).
var contract = sync.OnceValues(func() (*jsonschema.Compiler, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(api.OpenAPI))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	return c, c.AddResource("https://hindsight.test/openapi.json", doc)
})

// described wants an answer to be as the OpenAPI document describes it: the status, the type, and the body.
func described(t *testing.T, r *http.Response, body []byte) {
	t.Helper()
	var doc struct {
		Paths map[string]map[string]struct {
			Responses map[string]struct {
				Content map[string]struct {
					Schema struct {
						Ref string `json:"$ref"`
					}
				}
			}
		}
	}
	require.NoError(t, json.Unmarshal(api.OpenAPI, &doc))
	path, inside := strings.CutPrefix(r.Request.URL.Path, api.Prefix)
	for template, methods := range doc.Paths {
		pattern := "^" + regexp.MustCompile(`\\\{[a-z]+\\\}`).ReplaceAllString(regexp.QuoteMeta(template), `[^/]+`) + "$"
		operation, ok := methods[strings.ToLower(r.Request.Method)]
		if !inside || !ok || !regexp.MustCompile(pattern).MatchString(path) {
			continue
		}
		answer, ok := operation.Responses[strconv.Itoa(r.StatusCode)]
		if !ok {
			require.GreaterOrEqual(t, r.StatusCode, 400, "%s %s answers %d, which the document has not", r.Request.Method, path,
				r.StatusCode)
			answer = operation.Responses["default"]
		}
		kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
		if kind == "" {
			require.Empty(t, answer.Content, "%s %s: an answer without a body", r.Request.Method, path)
			return
		}
		require.Contains(t, answer.Content, kind, "%s %s: %d", r.Request.Method, path, r.StatusCode)
		if ref := answer.Content[kind].Schema.Ref; ref != "" {
			compiler, err := contract()
			require.NoError(t, err)
			schema, err := compiler.Compile("https://hindsight.test/openapi.json" + ref)
			require.NoError(t, err)
			value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
			require.NoError(t, err)
			require.NoError(t, schema.Validate(value), "%s %s: %s", r.Request.Method, path, body)
		}
		return
	}
}
