package client

import (
	"context"
	"io"
	"net/http"
	"net/url"

	"github.com/hindsight-app/hindsight/publish/api"
)

// Record starts a recording beside the replays. The same call again returns the same running recording.
func (c *Client) Record(ctx context.Context, req api.RecordingRequest) (*api.Recording, error) {
	return call[api.Recording](ctx, c, request{method: http.MethodPost, path: "/recordings", body: req, again: true,
		timeout: startTimeout})
}

// Recordings lists the user's recordings, newest first, without their files.
func (c *Client) Recordings(ctx context.Context) (*api.RecordingList, error) {
	return call[api.RecordingList](ctx, c, request{method: http.MethodGet, path: "/recordings", again: true})
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

// DeleteRecording deletes a recording that is over, and its files.
func (c *Client) DeleteRecording(ctx context.Context, id string) error {
	_, err := call[struct{}](ctx, c, request{method: http.MethodDelete, path: "/recordings/" + url.PathEscape(id),
		again: true})
	return err
}

// RecordingFile copies a file of a recording to w and returns its length in bytes. Only the context limits its time.
func (c *Client) RecordingFile(ctx context.Context, id, name string, w io.Writer) (int64, error) {
	return c.download(ctx, "/recordings/"+url.PathEscape(id)+"/files/"+url.PathEscape(name), w)
}
