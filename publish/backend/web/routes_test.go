package web

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

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
	for pattern := range (&Server{}).routes() {
		served[pattern] = true
	}
	require.Equal(t, served, documented)
}

// speechless panics where it is to sign a token.
type speechless struct{ Tokens }

func (speechless) Join(string, string, string, time.Duration) (string, error) { panic("out of ink") }

// A panic in a call is logged with its stack, and breaks no more than that call.
func TestPanicsOfCallsAreTold(t *testing.T) {
	d := newDesk(t, 1)
	var log bytes.Buffer
	d.o.Log, d.o.Audit = slog.New(slog.NewTextHandler(&log, nil)), slog.New(slog.DiscardHandler)
	d.o.Tokens = speechless{}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.server.URL+api.Prefix+"/token",
		strings.NewReader(`{"roomName":"den"}`))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+d.alice)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err == nil {
		resp.Body.Close()
	}
	require.ErrorIs(t, err, io.EOF)
	d.do(http.StatusOK, d.alice, http.MethodGet, "/clips", "", nil)
	d.server.Close() // waits for the calls
	require.Contains(t, log.String(), "level=ERROR")
	require.Contains(t, log.String(), "out of ink")
	require.Contains(t, log.String(), "routes_test.go", "the stack")
}
