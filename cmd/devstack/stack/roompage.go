package stack

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"time"
)

// LiveKit's JavaScript client, from its package livekit-client, and the SHA-256 of the file that is taken.
const (
	jsClientVersion = "2.15.0"
	jsClientFile    = "livekit-client.umd.js"
	jsClientSum     = "a36f67a6382a80eea00746e5778ebb3cb6650641ff0d84e351ab501010e8157d"
)

//go:embed room.html
var roomHTML []byte

// startRoomPage serves the page that LiveKit Egress captures for Room Composite. LiveKit's own page is part of Egress's
// image and not of its Go module; this one has the same layouts.
func startRoomPage(ctx context.Context, log io.Writer) (*Page, error) {
	return StartPage(ctx, log, roomHTML)
}

// Page serves a page and, beside it, LiveKit's JavaScript client as livekit-client.umd.js. Close ends the server.
type Page struct {
	// URL is http://127.0.0.1:port/.
	URL    string
	server *http.Server
}

// StartPage fetches LiveKit's client once and serves on a free port of the loopback interface.
func StartPage(ctx context.Context, log io.Writer, html []byte) (*Page, error) {
	dir, err := cached(ctx, "livekit-client-"+jsClientVersion,
		func(dir string) error { return fetchJSClient(ctx, log, dir) })
	if err != nil {
		return nil, fmt.Errorf("LiveKit's JavaScript client cannot be fetched: %w", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(html)
	})
	mux.HandleFunc("GET /"+jsClientFile, func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, filepath.Join(dir, jsClientFile))
	})
	p := &Page{URL: "http://" + l.Addr().String() + "/",
		server: &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}}
	go p.server.Serve(l) //nolint:errcheck // ErrServerClosed after Close
	return p, nil
}

// Close ends the server. It may be called twice.
func (p *Page) Close() error { return p.server.Close() }

func fetchJSClient(ctx context.Context, log io.Writer, dir string) error {
	return fetchNPM(ctx, log, dir, "livekit-client", jsClientVersion, "dist/"+jsClientFile, jsClientSum)
}
