package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/hindsight-app/hindsight/publish/api"
)

// SignInCode makes a code that signs a browser in at the team's page, once. A lost answer leaves one that nobody has.
func (c *Client) SignInCode(ctx context.Context) (*api.SignInCode, error) {
	out, err := call[api.SignInCode](ctx, c, request{method: http.MethodPost, path: "/sessions/code", again: true})
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(out.URL)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || out.Code == "" {
		return nil, ErrServer
	}
	return out, nil
}
