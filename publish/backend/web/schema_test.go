package web

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
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

// operation is a call that the document describes.
type operation struct {
	path      *regexp.Regexp
	Responses map[string]struct {
		Content map[string]struct {
			Schema struct {
				Ref string `json:"$ref"`
			}
		}
	}
}

// operations are the calls of each method, those with a fixed path before those with a name in it.
var operations = sync.OnceValues(func() (map[string][]operation, error) {
	var doc struct {
		Paths map[string]map[string]operation
	}
	if err := json.Unmarshal(api.OpenAPI, &doc); err != nil {
		return nil, err
	}
	out := map[string][]operation{}
	name := regexp.MustCompile(`\\\{[a-z]+\\\}`)
	for _, template := range slices.Sorted(maps.Keys(doc.Paths)) {
		for method, o := range doc.Paths[template] {
			o.path = regexp.MustCompile("^" + name.ReplaceAllString(regexp.QuoteMeta(template), `[^/]+`) + "$")
			out[strings.ToUpper(method)] = append(out[strings.ToUpper(method)], o)
		}
	}
	return out, nil
})

var (
	schemasMu sync.Mutex
	schemas   = map[string]*jsonschema.Schema{}
)

// schema compiles a schema of the document, once.
func schema(ref string) (*jsonschema.Schema, error) {
	schemasMu.Lock()
	defer schemasMu.Unlock()
	if s := schemas[ref]; s != nil {
		return s, nil
	}
	compiler, err := contract()
	if err != nil {
		return nil, err
	}
	schemas[ref], err = compiler.Compile("https://hindsight.test/openapi.json" + ref)
	return schemas[ref], err
}

// described wants an answer to be as the OpenAPI document describes it: the status, the type, and the body.
func described(t *testing.T, r *http.Response, body []byte) {
	t.Helper()
	all, err := operations()
	require.NoError(t, err)
	path, inside := strings.CutPrefix(r.Request.URL.Path, api.Prefix)
	list := all[r.Request.Method]
	i := slices.IndexFunc(list, func(o operation) bool { return o.path.MatchString(path) })
	if !inside || i < 0 {
		return
	}
	answer, ok := list[i].Responses[strconv.Itoa(r.StatusCode)]
	if !ok {
		require.GreaterOrEqual(t, r.StatusCode, 400, "%s %s answers %d, which the document has not", r.Request.Method, path,
			r.StatusCode)
		answer = list[i].Responses["default"]
	}
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if kind == "" {
		require.Empty(t, answer.Content, "%s %s: an answer without a body", r.Request.Method, path)
		return
	}
	require.Contains(t, answer.Content, kind, "%s %s: %d", r.Request.Method, path, r.StatusCode)
	ref := answer.Content[kind].Schema.Ref
	if ref == "" || r.Request.Method == http.MethodHead {
		return
	}
	s, err := schema(ref)
	require.NoError(t, err)
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	require.NoError(t, err)
	require.NoError(t, s.Validate(value), "%s %s: %s", r.Request.Method, path, body)
}
