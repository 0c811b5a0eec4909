// Package client speaks to the backend: tokens for LiveKit, start and stop of the recorder, server clips.
//
// A Client has no goroutines and needs no Close; it may be used from many goroutines at once. Every call takes a
// context, has its own time limit, and is retried only where a retry cannot do the work twice. Errors are
// one message for the user and match one of the Err values with errors.Is.
package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hindsight-app/hindsight/publish/api"
)

// What a call can fail with; see errors.Is.
var (
	// ErrURL means that the backend URL is wrong: not a URL, or the server there is not a Hindsight backend.
	ErrURL = errors.New("wrong server URL")
	// ErrUnreachable means that nothing responds at the backend URL, or not in time.
	ErrUnreachable = errors.New("server unreachable")
	// ErrToken means that the user token is missing, wrong or revoked.
	ErrToken = errors.New("wrong access token")
	// ErrRoom means that the user may not share in this room, or that the tracks are not the user's.
	ErrRoom = errors.New("room refused")
	// ErrTrack means that LiveKit does not know the tracks.
	ErrTrack = errors.New("track refused")
	// ErrEncrypted means that the tracks are end-to-end encrypted, so that the server cannot record them.
	ErrEncrypted = errors.New("the share is end-to-end encrypted")
	// ErrEgress means that LiveKit's recorder refused or does not respond.
	ErrEgress = errors.New("recorder refused")
	// ErrNotFound means that the replay or clip does not exist.
	ErrNotFound = errors.New("not found")
	// ErrInvalid means that the backend does not accept the request as it is.
	ErrInvalid = errors.New("invalid request")
	// ErrQuota means that the user has as much on the server as allowed, or that the server has no space left.
	ErrQuota = errors.New("no space on the server")
	// ErrServer is any other response of the backend.
	ErrServer = errors.New("server error")
)

const (
	callTimeout  = 15 * time.Second
	startTimeout = 45 * time.Second // the backend waits for LiveKit to accept the recording
	tries        = 3
	firstPause   = 200 * time.Millisecond
	maxAnswer    = 4 << 20 // bytes of JSON
)

// Client is one user's access to one backend.
type Client struct {
	base  string // without a slash at the end, with api.Prefix
	token string
	http  *http.Client
	plain bool // http:// to other machines was consented to
	clock clock
}

// Option changes a Client.
type Option func(*Client)

// WithHTTPClient makes the calls with h, which must not have a Timeout: the calls have their own.
func WithHTTPClient(h *http.Client) Option { return func(c *Client) { c.http = h } }

// WithPlainHTTP consents to http:// to other machines: whoever is in between can read the token, and use it.
func WithPlainHTTP() Option { return func(c *Client) { c.plain = true } }

// New makes a Client for the backend at baseURL, for example https://replay.example.com, with or without api.Prefix.
// The token goes over http:// to this machine only, unless WithPlainHTTP is given.
func New(baseURL, token string, opts ...Option) (*Client, error) {
	u, err := url.Parse(strings.TrimSpace(baseURL))
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("%w: %q is not of the form https://host; correct it in Settings", ErrURL, baseURL)
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%w: it must not contain a user name, a query or a fragment", ErrURL)
	}
	if token = strings.TrimSpace(token); token == "" || strings.ContainsAny(token, "\r\n") {
		return nil, fmt.Errorf("%w: the access token is empty; enter the one that hindsight-backend token create printed",
			ErrToken)
	}
	path := strings.TrimSuffix(strings.TrimSuffix(u.EscapedPath(), "/"), api.Prefix)
	c := &Client{base: u.Scheme + "://" + u.Host + path + api.Prefix, token: token, http: &http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 4,
			TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: startTimeout, IdleConnTimeout: time.Minute,
		},
	}}
	for _, o := range opts {
		o(c)
	}
	if u.Scheme == "http" && !c.plain && !isLoopback(u.Hostname()) {
		return nil, fmt.Errorf("%w: with http:// anyone on the way to %s can read your token; use https://, which "+
			"the server's operator has to set up", ErrURL, u.Host)
	}
	h := *c.http // the caller's keeps its own rule
	h.CheckRedirect = c.checkRedirect
	c.http = &h
	return c, nil
}

// isLoopback says whether a host is this machine: such traffic is on no network (RFC 6761, 6.3; RFC 1122, 3.2.1.3).
// Names below localhost are not taken for it: RFC 6761 reserves them, but not every resolver keeps to that.
func isLoopback(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// maxRedirects is how many are followed, as net/http does by itself.
const maxRedirects = 10

// errPlainRedirect means that a redirect would send the token unencrypted.
var errPlainRedirect = errors.New("redirect to plain http")

// checkRedirect follows no redirect from https:// to http://, nor from this machine to another in plain. One to another
// server does not get the token, which net/http would send along to another port and to hosts below.
func (c *Client) checkRedirect(req *http.Request, via []*http.Request) error {
	last := via[len(via)-1].URL
	if first := via[0].URL; req.URL.Scheme != first.Scheme || req.URL.Host != first.Host {
		req.Header.Del("Authorization")
	}
	switch {
	case len(via) >= maxRedirects:
		return fmt.Errorf("stopped after %d redirects", maxRedirects)
	case req.URL.Scheme == "https":
		return nil
	case last.Scheme == "https", !c.plain && !isLoopback(req.URL.Hostname()):
		return errPlainRedirect
	}
	return nil
}

// Token requests a token to join a room.
func (c *Client) Token(ctx context.Context, req api.TokenRequest) (*api.TokenResponse, error) {
	return call[api.TokenResponse](ctx, c, request{method: http.MethodPost, path: "/token", body: req, again: true})
}

// Start has two published tracks recorded. The same call again returns the same replay, so it is tried again.
func (c *Client) Start(ctx context.Context, req api.StartRequest) (*api.StartResponse, error) {
	return call[api.StartResponse](ctx, c, request{method: http.MethodPost, path: "/start", body: req, again: true,
		timeout: startTimeout})
}

// Stop ends a replay's recording; its buffer stays for a while.
func (c *Client) Stop(ctx context.Context, req api.StopRequest) (*api.Replay, error) {
	return call[api.Replay](ctx, c, request{method: http.MethodPost, path: "/stop", body: req, again: true})
}

// Replay reports on a replay.
func (c *Client) Replay(ctx context.Context, id string) (*api.Replay, error) {
	return call[api.Replay](ctx, c, request{method: http.MethodGet, path: "/replays/" + url.PathEscape(id), again: true})
}

// Save asks for a server clip. A second request would make a second clip, so it is only tried again where the first
// did not leave this machine. PressedAt and Marks are by this machine's wall clock and are corrected to the backend's;
// without PressedAt the press is the moment of the call.
func (c *Client) Save(ctx context.Context, req api.SaveRequest) (*api.SaveResponse, error) {
	at := time.Now()
	if req.PressedAt != nil {
		at = *req.PressedAt
	}
	if !c.clock.known() {
		// One cheap call measures the difference of the clocks; if it fails, so will the save, and says why.
		_, _ = c.Replay(ctx, req.ReplayID)
	}
	offset := c.clock.offset()
	at = at.Add(offset)
	req.PressedAt, req.Marks = &at, slices.Clone(req.Marks)
	for i := range req.Marks {
		req.Marks[i].At = req.Marks[i].At.Add(offset)
	}
	return call[api.SaveResponse](ctx, c, request{method: http.MethodPost, path: "/save", body: req})
}

// Clips lists the user's clips, newest first.
func (c *Client) Clips(ctx context.Context) (*api.ClipList, error) {
	return call[api.ClipList](ctx, c, request{method: http.MethodGet, path: "/clips", again: true})
}

// Clip reports on a clip.
func (c *Client) Clip(ctx context.Context, id string) (*api.Clip, error) {
	return call[api.Clip](ctx, c, request{method: http.MethodGet, path: "/clips/" + url.PathEscape(id), again: true})
}

// CreateLink makes a link with which everybody can watch a clip. life 0 is a week. Another try could make another link,
// so there is none.
func (c *Client) CreateLink(ctx context.Context, clip string, life time.Duration) (*api.Link, error) {
	return call[api.Link](ctx, c, request{method: http.MethodPost, path: "/clips/" + url.PathEscape(clip) + "/links",
		body: api.LinkRequest{ExpiresIn: int64(life.Seconds())}})
}

// SetPoster sets the image shown before a clip plays, a JPEG of at most 2 MiB.
func (c *Client) SetPoster(ctx context.Context, clip string, jpeg []byte) error {
	_, err := call[struct{}](ctx, c, request{method: http.MethodPut, path: "/clips/" + url.PathEscape(clip) + "/poster",
		raw: jpeg, kind: "image/jpeg", again: true})
	return err
}

// clock knows how far the backend's wall clock is ahead of this machine's, from the call with the shortest round trip.
type clock struct {
	mu    sync.Mutex
	ahead time.Duration
	trip  time.Duration // of the call it was measured with; 0: none yet
}

func (k *clock) known() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.trip > 0
}

func (k *clock) offset() time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.ahead
}

// learn takes the time in a response as that of the middle of the call, as NTP does (RFC 5905, 8).
func (k *clock) learn(header string, sent, got time.Time) {
	t, err := time.Parse(time.RFC3339Nano, header)
	trip := got.Sub(sent)
	if err != nil || trip <= 0 {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	// An old measure slowly loses its weight, for clocks wander.
	if k.trip == 0 || trip <= k.trip+k.trip/8 {
		k.ahead, k.trip = t.Sub(sent.Add(trip/2)), trip
	} else {
		k.trip += k.trip / 16
	}
}
