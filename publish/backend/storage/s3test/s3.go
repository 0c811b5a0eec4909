// Package s3test is an S3 bucket in memory, for tests. Its server ends with Close.
package s3test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/rclone/gofakes3"
	"github.com/rclone/gofakes3/s3mem"
)

// Server is an S3 server on loopback that keeps its objects in memory and refuses whoever does not sign with its keys
// (AWS Signature Version 4).
type Server struct {
	// Bucket is the name of its one bucket.
	Bucket         string
	server         *httptest.Server
	refuses        atomic.Bool
	objects        gofakes3.Backend
	access, secret string
}

// Start starts a server with an empty bucket.
func Start(ctx context.Context) (*Server, error) {
	s := &Server{Bucket: "clips-and-segments", access: "AKTEST", secret: "a secret of the test's S3 server"}
	backend := s3mem.New()
	if err := backend.CreateBucket(ctx, s.Bucket); err != nil {
		return nil, err
	}
	s.objects = backend
	objects := gofakes3.New(backend, gofakes3.WithV4Auth(map[string]string{s.access: s.secret})).Server()
	s.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.refuses.Load() && (r.Method == http.MethodDelete || r.Method == http.MethodPost && r.URL.Query().Has("delete")) {
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, "<Error><Code>AccessDenied</Code><Message>deleting is not allowed</Message></Error>")
			return
		}
		objects.ServeHTTP(w, r)
	}))
	return s, nil
}

// URL is the address of the bucket as --storage takes it, with a prefix of keys.
func (s *Server) URL(prefix string) string {
	q := url.Values{"region": {"us-east-1"}, "endpoint": {s.server.URL}, "use_path_style": {"true"}}
	return "s3://" + s.Bucket + "/" + strings.Trim(prefix, "/") + "?" + q.Encode()
}

// Env are the environment variables with the keys.
func (s *Server) Env() map[string]string {
	return map[string]string{"AWS_ACCESS_KEY_ID": s.access, "AWS_SECRET_ACCESS_KEY": s.secret}
}

// RefuseDeletes has the server refuse to delete anything, or not anymore, as a bucket with another policy does.
func (s *Server) RefuseDeletes(refuse bool) { s.refuses.Store(refuse) }

// Keys lists the objects below a prefix.
func (s *Server) Keys(ctx context.Context, prefix string) (keys []string, err error) {
	p := gofakes3.NewFolderPrefix(prefix)
	p.HasDelimiter = false
	list, err := s.objects.ListBucket(ctx, s.Bucket, &p, gofakes3.ListBucketPage{})
	if err != nil {
		return nil, err
	}
	for _, c := range list.Contents {
		keys = append(keys, c.Key)
	}
	return keys, nil
}

// Close ends the server.
func (s *Server) Close() { s.server.Close() }
