// Package icons holds the app's icon as SVG, for web pages. It owns no state.
package icons

import _ "embed"

// SVG is the icon.
//
//go:embed hindsight.svg
var SVG string
