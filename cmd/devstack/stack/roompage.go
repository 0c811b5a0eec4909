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

// jsClientVersion is that of LiveKit's JavaScript client, from its package livekit-client.
const jsClientVersion = "2.15.0"

// jsClientFiles are the client and its worker for end-to-end encryption, with the SHA-256 of each.
var jsClientFiles = map[string]string{
	"livekit-client.umd.js":         "a36f67a6382a80eea00746e5778ebb3cb6650641ff0d84e351ab501010e8157d",
	"livekit-client.e2ee.worker.js": "6ad0379ac3e70662a957dd9bc45b277771339c0303a5dd634ef399702822a4e1",
}

//go:embed room.html
var roomHTML []byte

// startRoomPage serves the page that LiveKit Egress captures for Room Composite. LiveKit's own page is part of Egress's
// image and not of its Go module; this one has the same layouts.
func startRoomPage(ctx context.Context, log io.Writer) (*Page, error) {
	return StartPage(ctx, log, roomHTML)
}

// Page serves a page and, beside it, LiveKit's JavaScript client as livekit-client.umd.js and its worker for encryption
// as livekit-client.e2ee.worker.js. Close ends the server.
type Page struct {
	// URL is http://127.0.0.1:port/.
	URL    string
	server *http.Server
}

// StartPage fetches LiveKit's client once and serves on a free port of the loopback interface.
func StartPage(ctx context.Context, log io.Writer, html []byte) (*Page, error) {
	dir, err := cached(ctx, "livekit-client-e2ee-"+jsClientVersion,
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
	for file := range jsClientFiles {
		mux.HandleFunc("GET /"+file, func(w http.ResponseWriter, r *http.Request) {
			http.ServeFile(w, r, filepath.Join(dir, file))
		})
	}
	p := &Page{URL: "http://" + l.Addr().String() + "/",
		server: &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}}
	go p.server.Serve(l) //nolint:errcheck // ErrServerClosed after Close
	return p, nil
}

// Close ends the server. It may be called twice.
func (p *Page) Close() error { return p.server.Close() }

func fetchJSClient(ctx context.Context, log io.Writer, dir string) error {
	for file, sum := range jsClientFiles {
		if err := fetchNPM(ctx, log, dir, "livekit-client", jsClientVersion, "dist/"+file, sum); err != nil {
			return err
		}
	}
	return nil
}
