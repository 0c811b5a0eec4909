package backendtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/hindsight-app/hindsight/publish/api"
)

// Calls are the calls that the app does not make, so that package client has none for them. Where one is refused, the
// error is the problem's type and detail.
type Calls struct {
	// URL is the backend's, without api.Prefix.
	URL   string
	Token string
}

// DeleteClip deletes a clip and its file.
func (c Calls) DeleteClip(ctx context.Context, id string) error {
	_, err := c.call(ctx, http.MethodDelete, "/clips/"+url.PathEscape(id), io.Discard)
	return err
}

// Recordings lists the user's recordings, newest first, without their files.
func (c Calls) Recordings(ctx context.Context) ([]api.Recording, error) {
	var body bytes.Buffer
	if _, err := c.call(ctx, http.MethodGet, "/recordings", &body); err != nil {
		return nil, err
	}
	var list api.RecordingList
	err := json.Unmarshal(body.Bytes(), &list)
	return list.Recordings, err
}

// DeleteRecording deletes a recording that is over, and its files.
func (c Calls) DeleteRecording(ctx context.Context, id string) error {
	_, err := c.call(ctx, http.MethodDelete, "/recordings/"+url.PathEscape(id), io.Discard)
	return err
}

// RecordingFile copies a file of a recording to w and returns its length in bytes.
func (c Calls) RecordingFile(ctx context.Context, id, name string, w io.Writer) (int64, error) {
	return c.call(ctx, http.MethodGet, "/recordings/"+url.PathEscape(id)+"/files/"+url.PathEscape(name), w)
}

// call copies the body of what is not refused to w.
func (c Calls) call(ctx context.Context, method, path string, w io.Writer) (int64, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.URL+api.Prefix+path, nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+c.Token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 == 2 {
		return io.Copy(w, resp.Body)
	}
	var p api.Problem
	if err := json.NewDecoder(resp.Body).Decode(&p); err != nil {
		return 0, errors.Join(fmt.Errorf("the backend answers %s", resp.Status), err)
	}
	return 0, fmt.Errorf("%s: %s", p.Type, p.Detail)
}
