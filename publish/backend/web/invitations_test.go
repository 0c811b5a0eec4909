package web

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/state"
	"github.com/hindsight-app/hindsight/publish/client"
)

// An invitation gives one token to whoever comes first, and the token works; the code is no token.
func TestInvitationIsExchangedOnce(t *testing.T) {
	d := newDesk(t, 1)
	ctx := t.Context()
	_, code, err := d.DB.Invite(ctx, "carol", "team-*", time.Now().Add(time.Hour))
	require.NoError(t, err)
	link := api.Invitation{Server: d.server.URL, Identity: "carol", Code: code}.Link()
	i, err := api.ParseInvitation(link)
	require.NoError(t, err)

	direct, err := client.New(d.server.URL, code)
	require.NoError(t, err)
	_, err = direct.Clips(ctx)
	require.ErrorIs(t, err, client.ErrToken)

	got, err := client.Accept(ctx, i)
	require.NoError(t, err)
	require.Equal(t, "carol", got.Identity)
	require.Equal(t, "team-*", got.RoomPattern)
	require.Equal(t, []string{"publish"}, got.Scopes)
	c, err := client.New(d.server.URL, got.Token)
	require.NoError(t, err)
	_, err = c.Clips(ctx)
	require.NoError(t, err)

	_, err = client.Accept(ctx, i)
	require.ErrorIs(t, err, client.ErrInvitation)
	i.Code = "hsi_guess"
	_, err = client.Accept(ctx, i)
	require.ErrorIs(t, err, client.ErrInvitation)

	for _, token := range []string{"", d.alice} {
		response, _ := d.call(token, http.MethodPost, "/invitations/accept", "", "")
		require.Equal(t, http.StatusUnauthorized, response.StatusCode)
	}
	_, code, err = d.DB.Invite(ctx, "dave", "", time.Now().Add(time.Hour), state.View)
	require.NoError(t, err)
	response, _ := d.call(code, http.MethodPost, "/invitations/accept", "", "")
	require.Equal(t, http.StatusOK, response.StatusCode, "as the document describes it")
}
