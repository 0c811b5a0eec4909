// Package jwt accepts the access tokens of a team's own identity provider: JSON Web Tokens (RFC 7519) signed with a key
// of a key set (RFC 7517), which is read from an address or a file.
//
// With an address, one goroutine fetches the set again every hour, and a token with an unknown key has it fetched at
// once, at most every minute. Close ends it. A file is read once, at the start.
package jwt

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/time/rate"

	"github.com/hindsight-app/hindsight/publish/backend/state"
)

const (
	fetchTimeout = 10 * time.Second
	refetch      = time.Minute
	leeway       = 30 * time.Second // by which clocks may differ
)

// The claims that a token may have beside the registered ones: a room pattern, and scopes as a list or with spaces
// between.
const (
	roomsClaim  = "hindsight_rooms"
	scopesClaim = "hindsight_scopes"
)

// methods are the signatures that a key set's public keys can check; never "none" or a shared secret.
var methods = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// Options say whose tokens are accepted, and what their claims mean.
type Options struct {
	// KeySet is an https:// address, or the path of a file; http:// only on this machine, for whoever changes the set
	// in transit makes tokens.
	KeySet string
	// Issuer and Audience must be in every token as iss and aud.
	Issuer, Audience string
	// IdentityClaim is the user's name in rooms; empty is sub.
	IdentityClaim string
	// Rooms and Scopes are those of tokens without the claims.
	Rooms  string
	Scopes []state.Scope
	Log    *slog.Logger
}

// Verifier checks tokens. It may be used from many goroutines.
type Verifier struct {
	o      Options
	keys   keyfunc.Keyfunc
	parser *jwt.Parser
	cancel context.CancelFunc
}

// Open reads the key set. A set that cannot be fetched now is fetched when it is needed.
func Open(o Options) (*Verifier, error) {
	if o.Issuer == "" || o.Audience == "" {
		return nil, errors.New("the issuer and the audience of the tokens must be set: tokens meant for others must not " +
			"work here")
	}
	o.IdentityClaim = cmp.Or(o.IdentityClaim, "sub")
	o.Log = cmp.Or(o.Log, slog.Default())
	ctx, cancel := context.WithCancel(context.Background())
	keys, err := openKeys(ctx, o)
	if err != nil {
		cancel()
		return nil, err
	}
	return &Verifier{o: o, keys: keys, cancel: cancel, parser: jwt.NewParser(jwt.WithValidMethods(methods),
		jwt.WithIssuer(o.Issuer), jwt.WithAudience(o.Audience), jwt.WithExpirationRequired(), jwt.WithLeeway(leeway))}, nil
}

func openKeys(ctx context.Context, o Options) (keyfunc.Keyfunc, error) {
	if u, err := url.Parse(o.KeySet); err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http") {
		if !safe(u) {
			return nil, fmt.Errorf("the key set must come over https://, not from %s: whoever changes it in transit could "+
				"make tokens",
				o.KeySet)
		}
		return keyfunc.NewDefaultOverrideCtx(ctx, []string{o.KeySet}, keyfunc.Override{
			Client: &http.Client{CheckRedirect: checkRedirect}, HTTPTimeout: fetchTimeout, RateLimitWaitMax: time.Second,
			RefreshUnknownKID: rate.NewLimiter(rate.Every(refetch), 1),
			RefreshErrorHandlerFunc: func(string) func(context.Context, error) {
				return func(ctx context.Context, err error) {
					o.Log.ErrorContext(ctx, "cannot fetch the key set for tokens", "url", o.KeySet, "err", err)
				}
			}})
	}
	raw, err := os.ReadFile(o.KeySet)
	if err != nil {
		return nil, fmt.Errorf("the key set cannot be read: %w", err)
	}
	keys, err := keyfunc.NewJWKSetJSON(raw)
	if err != nil {
		return nil, fmt.Errorf("%s is not a JSON Web Key Set: %w", o.KeySet, err)
	}
	return keys, nil
}

// safe reports whether nobody can change in transit what comes from an address.
func safe(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// checkRedirect follows redirects as far as net/http does, and none to an address that is not safe.
func checkRedirect(r *http.Request, via []*http.Request) error {
	if len(via) >= 10 || !safe(r.URL) {
		return fmt.Errorf("the key set is redirected to %s://%s, which is not followed", r.URL.Scheme, r.URL.Host)
	}
	return nil
}

// Close ends the fetching. It may be called twice.
func (v *Verifier) Close() error {
	v.cancel()
	return nil
}

// Verify returns whose token it is. The error says what is wrong with it.
func (v *Verifier) Verify(ctx context.Context, text string) (state.Token, error) {
	claims := jwt.MapClaims{}
	if _, err := v.parser.ParseWithClaims(text, claims, v.keys.KeyfuncCtx(ctx)); err != nil {
		return state.Token{}, explain(err)
	}
	t := state.Token{Issuer: v.o.Issuer, Rooms: v.o.Rooms, Scopes: v.o.Scopes}
	if ends, err := claims.GetExpirationTime(); err == nil && ends != nil {
		t.Expires = ends.Time
	}
	t.Identity, _ = claims[v.o.IdentityClaim].(string)
	if claim, ok := claims[roomsClaim]; ok {
		if t.Rooms, ok = claim.(string); !ok || t.Rooms == "" {
			return state.Token{}, fmt.Errorf("its claim %s is not a room pattern", roomsClaim)
		}
	}
	if claim, ok := claims[scopesClaim]; ok {
		scopes, err := readScopes(claim)
		if err != nil {
			return state.Token{}, fmt.Errorf("its claim %s: %w", scopesClaim, err)
		}
		t.Scopes = scopes
	}
	if err := t.Check(); err != nil {
		return state.Token{}, fmt.Errorf("its claim %s: %w", v.o.IdentityClaim, err)
	}
	// The name in rooms must outlive a token that is renewed, and should differ between two machines of one user: sid
	// is the login's id (OpenID Connect Front-Channel Logout 1.0, 3).
	sid, _ := claims["sid"].(string)
	sum := sha256.Sum256([]byte(v.o.Issuer + "\x00" + t.Identity + "\x00" + sid))
	t.ID = hex.EncodeToString(sum[:4])
	return t, nil
}

// readScopes takes a list, or words in one text as OAuth has them (RFC 8693, 4.2).
func readScopes(claim any) ([]state.Scope, error) {
	switch c := claim.(type) {
	case string:
		return state.ParseScopes(c)
	case []any:
		var words []string
		for _, w := range c {
			s, ok := w.(string)
			if !ok {
				return nil, errors.New("it is not a list of words")
			}
			words = append(words, s)
		}
		return state.ParseScopes(strings.Join(words, " "))
	}
	return nil, errors.New("it is neither text nor a list")
}

// explain puts what is wrong with a token into words.
func explain(err error) error {
	for known, text := range map[error]string{
		jwt.ErrTokenExpired:              "it has expired; log in again",
		jwt.ErrTokenNotValidYet:          "it is not valid yet; are the clocks right?",
		jwt.ErrTokenInvalidIssuer:        "it is from another issuer",
		jwt.ErrTokenInvalidAudience:      "it is meant for another service",
		jwt.ErrTokenMalformed:            "it is not a JSON Web Token",
		jwt.ErrTokenRequiredClaimMissing: "it lacks exp, iss or aud",
	} {
		if errors.Is(err, known) {
			return errors.New(text)
		}
	}
	return errors.New("its signature is not from a known key")
}
