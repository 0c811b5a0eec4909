package api

import (
	"errors"
	"net/url"
	"strings"
)

// invitationScheme is the scheme of an invitation's link, which the app's package registers with the desktop.
const invitationScheme = "hindsight"

// Invitation is what an invitation's link says: hindsight://join?server=URL&identity=NAME&code=CODE. It asks the app to
// exchange the code for a token at the server; the link never has the token itself. Anybody can write such a link, so
// that server and identity are only what it claims.
type Invitation struct {
	// Server is the backend's URL, without Prefix.
	Server string
	// Identity is the user's name in rooms.
	Identity string
	// Code can be exchanged once, with POST /invitations/accept.
	Code string
}

// Link is the invitation as a link.
func (i Invitation) Link() string {
	q := url.Values{"server": {i.Server}, "identity": {i.Identity}, "code": {i.Code}}
	return invitationScheme + "://join?" + q.Encode()
}

// longestLink bounds what is read of a link, in bytes.
const longestLink = 2048

var errNoInvitation = errors.New("this is not an invitation to Hindsight; it should begin with hindsight://join")

// ParseInvitation reads a link. The error is a message for the person who opened it.
func ParseInvitation(link string) (Invitation, error) {
	link = strings.TrimSpace(link)
	u, err := url.Parse(link)
	if err != nil || len(link) > longestLink || u.Scheme != invitationScheme || u.Host != "join" ||
		strings.Trim(u.Path, "/") != "" {
		return Invitation{}, errNoInvitation
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Invitation{}, errNoInvitation
	}
	i := Invitation{Server: strings.TrimSuffix(q.Get("server"), "/"), Identity: q.Get("identity"), Code: q.Get("code")}
	server, err := url.Parse(i.Server)
	if err != nil || server.Host == "" || server.User != nil || server.RawQuery != "" || server.Fragment != "" ||
		server.Scheme != "https" && server.Scheme != "http" {
		return Invitation{}, errors.New("the invitation names no server; ask for a new one")
	}
	// Name and server are shown in a question: nothing in them may make it look like another one.
	if i.Identity == "" || len(i.Identity) > 128 || strings.ContainsFunc(i.Identity+i.Server+server.Host, unprintable) {
		return Invitation{}, errors.New("the invitation names nobody; ask for a new one")
	}
	if i.Code == "" || strings.ContainsFunc(i.Code, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return Invitation{}, errors.New("the invitation has no code; ask for a new one")
	}
	return i, nil
}

// AcceptedInvitation is the response to POST /invitations/accept.
type AcceptedInvitation struct {
	// Token is the user token, which cannot be read again.
	Token    string `json:"token"`
	TokenID  string `json:"tokenId"`
	Identity string `json:"identity"`
	// RoomPattern is which rooms it is for, for example team-*.
	RoomPattern string   `json:"roomPattern"`
	Scopes      []string `json:"scopes"`
}
