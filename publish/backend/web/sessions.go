package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// A browser is signed in by a cookie, which only the team's pages take: calls take tokens alone.

// guessesPerSecond is how many codes are taken from one address in the long run, and burstSeconds as many at once,
// whatever the operator allows of other calls.
const guessesPerSecond = 1

// sameOrigin refuses requests that change something and come from another server's page, by what browsers say of
// them. Where a proxy changes Host, the base URL says what ours is called.
func sameOrigin(base string) *http.CrossOriginProtection {
	p := http.NewCrossOriginProtection()
	if u, err := url.Parse(base); err == nil && u.Host != "" {
		_ = p.AddTrustedOrigin(u.Scheme + "://" + u.Host) // it has only what an origin has
	}
	return p
}

// postCode makes a code for the user's browser.
func (s *Server) postCode(w http.ResponseWriter, r *http.Request, user state.Token) error {
	code, expires, err := s.o.State.AddCode(r.Context(), user, time.Now())
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, api.SignInCode{Code: code, URL: s.origin(r) + "/#code=" + code,
		ExpiresAt: expires.UTC()})
}

// sessionCookie is the cookie's name and path, and whether it is for TLS alone. Browsers take a name with a prefix only
// from whom it says: __Host- from this very host, not from others in its domain (RFC 6265bis, 4.1.3).
func (s *Server) sessionCookie(r *http.Request) (name, path string, secure bool) {
	u, err := url.Parse(s.origin(r))
	if err != nil {
		u = &url.URL{}
	}
	name, path, secure = "hindsight-session", strings.TrimSuffix(u.Path, "/"), u.Scheme == "https"
	switch {
	case path == "" && secure:
		return "__Host-" + name, "/", secure
	case secure:
		return "__Secure-" + name, path, secure
	case path == "":
		path = "/"
	}
	return name, path, secure
}

func (s *Server) setSession(w http.ResponseWriter, r *http.Request, secret string, expires time.Time) {
	name, path, secure := s.sessionCookie(r)
	c := &http.Cookie{Name: name, Value: secret, Path: path, Secure: secure, HttpOnly: true,
		SameSite: http.SameSiteStrictMode, Expires: expires}
	if secret == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// errSignedOut means that a browser is not signed in.
var errSignedOut = &failure{http.StatusUnauthorized, api.ProblemToken,
	"you are not signed in, or not anymore; sign in at the team's page"}

// session finds out who is signed in. It refuses what another server's page has the browser change; who takes the
// cookie for anything has that by calling this.
func (s *Server) session(r *http.Request) (state.Token, error) {
	name, _, _ := s.sessionCookie(r)
	c, err := r.Cookie(name)
	if err != nil || c.Value == "" {
		return state.Token{}, errSignedOut
	}
	if err := s.sameOrigin.Check(r); err != nil {
		return state.Token{}, &failure{http.StatusForbidden, api.ProblemScope,
			"this was sent by the page of another server, so nothing is done"}
	}
	user, _, err := s.o.State.Session(r.Context(), c.Value, time.Now())
	if errors.Is(err, state.ErrNotFound) || err == nil && user.Issuer != "" && s.o.JWT == nil {
		return state.Token{}, errSignedOut
	}
	if err != nil {
		return state.Token{}, err
	}
	trailOf(r.Context()).user = user
	return user, nil
}

// postSession signs a browser in with a code.
func (s *Server) postSession(w http.ResponseWriter, r *http.Request) {
	page := s.teamPage(r, state.Token{}, pageSignIn, "Sign in")
	err := s.signIn(w, r)
	var f *failure
	switch {
	case err == nil:
		redirect(w, page.Root)
	case errors.As(err, &f):
		page.Error = f.detail
		s.showTeam(w, r, f.status, page)
	default:
		s.fail(w, r, err)
	}
}

func (s *Server) signIn(w http.ResponseWriter, r *http.Request) error {
	if err := tooMany(w, s.guesses.wait("codes from "+s.caller(r).bucket(), time.Now())); err != nil {
		return err
	}
	if err := s.sameOrigin.Check(r); err != nil {
		return &failure{http.StatusForbidden, api.ProblemScope,
			"This was sent by the page of another server, so you are not signed in."}
	}
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	code := r.PostFormValue("code")
	user, secret, expires, err := s.o.State.SignIn(r.Context(), code, time.Now())
	if errors.Is(err, state.ErrNotFound) {
		return &failure{http.StatusUnauthorized, api.ProblemToken,
			"This code doesn't work. A code works once, and for two minutes: get a new one."}
	}
	if err != nil {
		return err
	}
	trailOf(r.Context()).user = user
	if name, _, _ := s.sessionCookie(r); name != "" { // of whoever was signed in before
		if c, err := r.Cookie(name); err == nil {
			s.signOut(r.Context(), c.Value)
		}
	}
	s.setSession(w, r, secret, expires)
	return nil
}

func (s *Server) signOut(ctx context.Context, secret string) {
	if err := s.o.State.SignOut(context.WithoutCancel(ctx), secret); err != nil {
		s.o.Log.ErrorContext(ctx, "a session is not ended", "err", err)
	}
}

// postSignOut ends the session, and has the browser forget it.
func (s *Server) postSignOut(w http.ResponseWriter, r *http.Request, _ state.Token) error {
	name, _, _ := s.sessionCookie(r)
	c, err := r.Cookie(name)
	if err != nil {
		return err
	}
	if err := s.o.State.SignOut(r.Context(), c.Value); err != nil {
		return err
	}
	s.setSession(w, r, "", time.Unix(1, 0))
	redirect(w, rootOf(r)+"?done="+doneSignedOut)
	return nil
}

// redirect leads a browser on after a form. The address is relative, for a proxy may have us below a path of its own.
func redirect(w http.ResponseWriter, to string) {
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}
