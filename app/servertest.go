package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hindsight-app/hindsight/app/ui"
	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/client"
)

// stepWait bounds one step of a test of the connection.
const stepWait = 15 * time.Second

// testServer tries what sharing needs, step by step, and ends with the first that fails. Nothing is published.
func (a *App) testServer(ctx context.Context, t ui.ServerTest, report func(ui.ServerStep)) {
	var c *client.Client
	var joined *api.TokenResponse
	for _, step := range []struct {
		kind ui.StepKind
		try  func(context.Context) (found string, err error)
	}{
		{ui.StepServer, func(ctx context.Context) (_ string, err error) {
			var options []client.Option
			if t.AllowHTTP {
				options = append(options, client.WithPlainHTTP())
			}
			token := cmp.Or(t.Token, "none") // the first call sends none that counts
			if c, err = client.New(t.URL, token, options...); err != nil {
				return "", err
			}
			return "", c.Reach(ctx)
		}},
		{ui.StepToken, func(ctx context.Context) (_ string, err error) {
			token := t.Token
			if token == "" {
				if token, err = a.tokens.For(t.URL); err != nil {
					return "", err
				}
				var options []client.Option
				if t.AllowHTTP {
					options = append(options, client.WithPlainHTTP())
				}
				if c, err = client.New(t.URL, token, options...); err != nil {
					return "", err
				}
			}
			_, err = c.Clips(ctx)
			return "", err
		}},
		{ui.StepRoom, func(ctx context.Context) (_ string, err error) {
			if t.Room == "" {
				return "", errors.New("enter the room to share in")
			}
			if joined, err = c.Token(ctx, api.TokenRequest{RoomName: t.Room}); err != nil {
				return "", err
			}
			return joined.Identity, nil
		}},
		{ui.StepMedia, func(ctx context.Context) (string, error) { return reachMedia(ctx, joined.ServerURL) }},
	} {
		report(ui.ServerStep{Kind: step.kind})
		limited, cancel := context.WithTimeout(ctx, stepWait)
		found, err := step.try(limited)
		cancel()
		report(ui.ServerStep{Kind: step.kind, Done: true, Found: found, Err: err})
		if err != nil {
			return
		}
	}
}

// reachMedia asks a LiveKit server for anything; whatever it says, it is there. It returns the server's host.
func reachMedia(ctx context.Context, server string) (string, error) {
	u, err := url.Parse(strings.Replace(server, "ws", "http", 1))
	if err != nil || u.Host == "" {
		return "", fmt.Errorf("the backend names no LiveKit server, but %q; tell the server's operator", server)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", fmt.Errorf("the LiveKit server %s cannot be reached (%w); check the network, or ask the server's operator",
			u.Host, errors.Unwrap(err))
	}
	return u.Host, resp.Body.Close()
}
