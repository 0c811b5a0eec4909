package client

import (
	"context"
	"errors"
	"net/http"

	"github.com/hindsight-app/hindsight/publish/api"
)

// ErrInvitation means that the code of an invitation is unknown, used up or expired.
var ErrInvitation = errors.New("this invitation was used already, or has expired; ask for a new one")

// Accept exchanges an invitation's code for a user token. It is not tried again once the request is sent: the code is
// good for one exchange. Like a token, the code goes over http:// to this machine only.
func Accept(ctx context.Context, i api.Invitation, opts ...Option) (*api.AcceptedInvitation, error) {
	c, err := New(i.Server, i.Code, opts...)
	if err != nil {
		return nil, err
	}
	out, err := call[api.AcceptedInvitation](ctx, c, request{method: http.MethodPost, path: "/invitations/accept"})
	switch {
	case errors.Is(err, ErrToken):
		return nil, ErrInvitation
	case err == nil && out.Token == "":
		return nil, ErrServer
	}
	return out, err
}
