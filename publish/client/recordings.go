package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/hindsight-app/hindsight/publish/api"
)

// Record starts a recording beside the replays. The same call again returns the same running recording.
func (c *Client) Record(ctx context.Context, req api.RecordingRequest) (*api.Recording, error) {
	return call[api.Recording](ctx, c, request{method: http.MethodPost, path: "/recordings", body: req, again: true,
		timeout: startTimeout})
}

// Recording reports on a recording and its files.
func (c *Client) Recording(ctx context.Context, id string) (*api.Recording, error) {
	return call[api.Recording](ctx, c, request{method: http.MethodGet, path: "/recordings/" + url.PathEscape(id),
		again: true})
}

// StopRecording ends a recording; its files are complete when its state is api.StateEnded.
func (c *Client) StopRecording(ctx context.Context, id string) (*api.Recording, error) {
	return call[api.Recording](ctx, c, request{method: http.MethodPost, path: "/recordings/" + url.PathEscape(id) +
		"/stop",
		again: true})
}
