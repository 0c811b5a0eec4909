package config

import (
	"cmp"
	"net/url"
	"strings"
)

const serverKey = "sharing.backend_url"

// AllowHTTPKey is the setting that consents to plain http, for the server that is set.
const AllowHTTPKey = "sharing.allow_http"

// consents are the settings that were agreed to for one server, and what they are without that.
var consents = []struct {
	key string
	off any
	in  func(*Sharing) any
}{
	{AllowHTTPKey, false, func(s *Sharing) any { return s.AllowHTTP }},
	{"sharing.link_saved", false, func(s *Sharing) any { return s.LinkSaved }},
	{"sharing.viewer_clips", NobodyClips, func(s *Sharing) any { return s.ViewerClips }},
	{"sharing.tell_room", TellNothing, func(s *Sharing) any { return s.TellRoom }},
}

// Origin is the scheme, host and port of a server's URL, as browsers compare them (RFC 6454, 4): what an access token
// was given for. It is empty for a text that is no URL of a server.
func Origin(server string) string {
	u, err := url.Parse(strings.TrimSpace(server))
	if err != nil || u.Hostname() == "" {
		return ""
	}
	scheme, host, port := strings.ToLower(u.Scheme), strings.ToLower(u.Hostname()), u.Port()
	switch {
	case scheme != "http" && scheme != "https":
		return ""
	case scheme == "http" && port == "80", scheme == "https" && port == "443":
		port = ""
	}
	if strings.Contains(host, ":") { // IPv6
		host = "[" + host + "]"
	}
	if port != "" {
		port = ":" + port
	}
	return scheme + "://" + host + port
}

// Explain says in the result of a patch that ForServer has prepared what it has more than was asked for.
func (p Patch) Explain(r *Result, asked Patch) {
	for _, c := range consents {
		if f, there := r.Of(c.key); there && !asked.Has(c.key) {
			r.Set(c.key, f.State, "turned off, because it was allowed for another server")
		}
	}
}

// SharesElsewhere is whether these settings share with another server, or in another room, than those before.
func (c Config) SharesElsewhere(before Config) bool {
	return c.Sharing.BackendURL != before.Sharing.BackendURL || c.Sharing.Room != before.Sharing.Room
}

// changesServer is whether the patch may have another server get the token.
func (p Patch) changesServer() bool { return p.Has(serverKey) || p.token != nil }

// TokenKeeper knows which server the access token is for.
type TokenKeeper interface {
	// Bind takes the server that is set, for tokens that do not say which one they are for.
	Bind(server string) error
	// Origin is the Origin that the token is for, empty for none.
	Origin() (string, error)
}

// ForServer prepares a patch that may change the server that is shared with: the token stays that of the server it was
// given for, and what was agreed to for one server does not go over to another. The error says that it is not known
// which server the token is for; the patch can be used nevertheless, for such a token goes to none.
func (p Patch) ForServer(before Config, tokens TokenKeeper) (Patch, error) {
	if !p.changesServer() {
		return p, nil
	}
	err := tokens.Bind(before.Sharing.BackendURL)
	if e := tokens.Bind(p.On(before).Sharing.BackendURL); err == nil { // where this is the first server
		err = e
	}
	origin, e := tokens.Origin()
	if err == nil {
		err = e
	}
	return p.withConsent(before, origin), err
}

// withConsent is the patch with consents turned off that were given for another server than the one that is set with
// the patch, where the patch itself does not say. TokenFor is the origin of the access token, empty for none.
func (p Patch) withConsent(before Config, tokenFor string) Patch {
	was := cmp.Or(tokenFor, Origin(before.Sharing.BackendURL))
	if !p.changesServer() || was == "" || Origin(p.On(before).Sharing.BackendURL) == was {
		return p
	}
	for _, c := range consents {
		if c.in(&before.Sharing) != c.off && !p.Has(c.key) {
			p = p.with(c.key, c.off)
		}
	}
	return p
}
