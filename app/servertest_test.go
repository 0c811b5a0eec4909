package app

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/token"
	"github.com/hindsight-app/hindsight/app/ui"
	"github.com/hindsight-app/hindsight/publish/api"
)

// Each step of the test of a connection says what it has found, and the first that fails is the last.
func TestAConnectionIsTestedInSteps(t *testing.T) {
	media := httptest.NewServer(http.NotFoundHandler())
	defer media.Close()
	mux := http.NewServeMux()
	reply := func(w http.ResponseWriter, status int, body any) {
		kind := "application/json"
		if status >= 400 {
			kind = api.ProblemMediaType
		}
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(body)
	}
	mux.HandleFunc("GET "+api.Prefix+"/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 200, map[string]string{"openapi": "3.1.0"})
	})
	mux.HandleFunc("GET "+api.Prefix+"/clips", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer good" {
			reply(w, 401, api.Problem{Type: api.ProblemToken, Detail: "the access token is not known"})
			return
		}
		reply(w, 200, api.ClipList{})
	})
	mux.HandleFunc("POST "+api.Prefix+"/token", func(w http.ResponseWriter, r *http.Request) {
		var ask api.TokenRequest
		_ = json.NewDecoder(r.Body).Decode(&ask)
		if ask.RoomName != "studio" {
			reply(w, 403, api.Problem{Type: api.ProblemRoom, Detail: "this token is not for that room"})
			return
		}
		reply(w, 200, api.TokenResponse{ServerURL: strings.Replace(media.URL, "http", "ws", 1), Identity: "alice"})
	})
	backend := httptest.NewServer(mux)
	defer backend.Close()
	a := &App{tokens: &token.Store{File: filepath.Join(t.TempDir(), "token"), NoKeyring: true}}
	for name, c := range map[string]struct {
		ask   ui.ServerTest
		steps int
		wrong string
	}{
		"all is well":     {ui.ServerTest{URL: backend.URL, Token: "good", Room: "studio"}, 4, ""},
		"no URL":          {ui.ServerTest{URL: "example", Token: "good", Room: "studio"}, 1, "https://host"},
		"not a backend":   {ui.ServerTest{URL: media.URL, Token: "good", Room: "studio"}, 1, media.Listener.Addr().String()},
		"a wrong token":   {ui.ServerTest{URL: backend.URL, Token: "bad", Room: "studio"}, 2, "not known"},
		"no token is set": {ui.ServerTest{URL: backend.URL, Room: "studio"}, 2, "token"},
		"a wrong room":    {ui.ServerTest{URL: backend.URL, Token: "good", Room: "kitchen"}, 3, "not for that room"},
		"no room":         {ui.ServerTest{URL: backend.URL, Token: "good"}, 3, "room"},
	} {
		t.Run(name, func(t *testing.T) {
			var done []ui.ServerStep
			begun := 0
			a.testServer(t.Context(), c.ask, func(s ui.ServerStep) {
				require.Equal(t, ui.StepKind(len(done)), s.Kind)
				if begun++; s.Done {
					done = append(done, s)
				}
			})
			require.Len(t, done, c.steps)
			require.Equal(t, 2*c.steps, begun)
			last := done[len(done)-1]
			if c.wrong != "" {
				require.ErrorContains(t, last.Err, c.wrong)
				return
			}
			require.NoError(t, last.Err)
			require.Equal(t, "alice", done[2].Found)
		})
	}
}
