package backend

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/api"
)

// The OpenAPI document names exactly the calls there are.
func TestOpenAPIMatchesRoutes(t *testing.T) {
	var doc struct {
		Paths map[string]map[string]struct {
			Security *[]any
		}
	}
	require.NoError(t, json.Unmarshal(api.OpenAPI, &doc))
	documented := map[string]bool{}
	for path, methods := range doc.Paths {
		for method := range methods {
			documented[strings.ToUpper(method)+" "+api.Prefix+path] = true
		}
	}
	served := map[string]bool{}
	for pattern := range (&Server{metrics: newMetrics()}).routes() {
		served[pattern] = true
	}
	require.Equal(t, served, documented)
}

func TestKeyedMutexForgetsKeys(t *testing.T) {
	var k keyedMutex
	first := k.lock("a")
	second := k.lock("b") // another key does not wait
	second()
	got := make(chan func())
	go func() { got <- k.lock("a") }()
	first()
	(<-got)()
	require.Empty(t, k.locks)
}
