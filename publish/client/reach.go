package client

import (
	"context"
	"encoding/json"
	"net/http"
)

// Reach asks the backend for something that needs no token: an error says that no backend was reached.
func (c *Client) Reach(ctx context.Context) error {
	_, err := call[json.RawMessage](ctx, c, request{method: http.MethodGet, path: "/openapi.json"})
	return err
}
