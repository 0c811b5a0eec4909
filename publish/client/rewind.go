package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/hindsight-app/hindsight/publish/api"
)

// replayPath is the path of a call about a replay.
func replayPath(replay string, more ...string) string {
	path := "/replays/" + url.PathEscape(replay)
	for _, m := range more {
		path += "/" + url.PathEscape(m)
	}
	return path
}

// CreateWatchLink makes a link with which everybody can rewind a running replay; its URL cannot be read again. life 0
// is a day, empty clips api.ClipsAsk. Another try could make another link, so there is none.
func (c *Client) CreateWatchLink(ctx context.Context, replay string, life time.Duration,
	clips api.ClipPolicy) (*api.WatchLink, error) {
	return call[api.WatchLink](ctx, c, request{method: http.MethodPost, path: replayPath(replay, "links"),
		body: api.WatchLinkRequest{ExpiresIn: int64(life.Seconds()), Clips: clips}})
}

// WatchLinks lists the watch links to a replay, oldest first, without their URLs, which the server does not keep.
func (c *Client) WatchLinks(ctx context.Context, replay string) (*api.WatchLinkList, error) {
	return call[api.WatchLinkList](ctx, c, request{method: http.MethodGet, path: replayPath(replay, "links"), again: true})
}

// AllWatchLinks lists those to all replays of the user, also to those that have ended.
func (c *Client) AllWatchLinks(ctx context.Context) (*api.WatchLinkList, error) {
	return call[api.WatchLinkList](ctx, c, request{method: http.MethodGet, path: "/watch-links", again: true})
}

// RevokeWatchLink makes a watch link useless at once.
func (c *Client) RevokeWatchLink(ctx context.Context, replay, link string) error {
	_, err := call[struct{}](ctx, c, request{method: http.MethodDelete, path: replayPath(replay, "links", link),
		again: true})
	return err
}

// Pause keeps from viewers what is recorded from a moment on, or lets them see what is recorded after it. at is by this
// machine's wall clock and is corrected to the backend's; zero is now. The backend remembers it.
func (c *Client) Pause(ctx context.Context, replay string, paused bool, at time.Time) error {
	if at.IsZero() {
		at = time.Now()
	}
	if !c.clock.known() {
		_, _ = c.Replay(ctx, replay) // measures the difference of the clocks, as for Save
	}
	at = at.Add(c.clock.offset())
	_, err := call[struct{}](ctx, c, request{method: http.MethodPost, path: replayPath(replay, "pause"), again: true,
		body: api.PauseRequest{Paused: paused, At: &at}})
	return err
}

// Timeline tells from when to when viewers can rewind a replay, and where it has gaps.
func (c *Client) Timeline(ctx context.Context, replay string) (*api.Timeline, error) {
	return call[api.Timeline](ctx, c, request{method: http.MethodGet, path: replayPath(replay, "timeline"), again: true})
}

// maxWait is how long Asked waits at most.
const maxWait = 25 * time.Second

// Asked returns the clips that viewers of a replay ask for now. It returns once the list is another one than seen
// stands for, the cursor of the list before, empty at first; or after wait, at most 25 s. Call it in a loop: what is in
// it ends by itself after api.AskSeconds.
func (c *Client) Asked(ctx context.Context, replay, seen string, wait time.Duration) (*api.AskedList, error) {
	wait = min(max(wait, 0), maxWait)
	q := url.Values{"wait": {strconv.Itoa(int(wait.Seconds()))}}
	if seen != "" {
		q.Set("seen", seen)
	}
	return call[api.AskedList](ctx, c, request{method: http.MethodGet, again: true, timeout: callTimeout + wait,
		path: replayPath(replay, "asked") + "?" + q.Encode()})
}

// AllowClip has a clip made that a viewer asks for; DenyClip tells the viewer no. ErrInvalid means that it is too late:
// another one of the user has decided, or the time is up.
func (c *Client) AllowClip(ctx context.Context, replay, clip string) error {
	return c.decide(ctx, replay, clip, "allow")
}

// DenyClip is the other reply to a viewer who asks for a clip.
func (c *Client) DenyClip(ctx context.Context, replay, clip string) error {
	return c.decide(ctx, replay, clip, "deny")
}

func (c *Client) decide(ctx context.Context, replay, clip, how string) error {
	_, err := call[struct{}](ctx, c, request{method: http.MethodPost, path: replayPath(replay, "clips", clip, how),
		again: true})
	return err
}
