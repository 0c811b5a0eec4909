package app

import (
	"context"
	"fmt"
	"time"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/desktop"
	"github.com/hindsight-app/hindsight/app/locale"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/app/ui"
	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/client"
)

// acceptWait bounds the exchange of an invitation, with what follows.
const acceptWait = time.Minute

// invite has the window ask whether to accept an invitation. Whoever sends a link can do no more than that: nothing is
// sent anywhere and no setting changes before the user has agreed.
func (a *App) invite(link string) error {
	i, err := api.ParseInvitation(link)
	if err != nil {
		return err
	}
	a.ui.Invite(ui.Invitation{Server: i.Server, Identity: i.Identity, Accept: func(ctx context.Context) (string, error) {
		return a.accept(ctx, i)
	}})
	return nil
}

// openInvitation is invite for a link that the program was started with.
func (a *App) openInvitation(link string) {
	if err := a.invite(link); err != nil {
		a.log.Warn("an invitation cannot be used", "error", err)
		a.notify(desktop.Notification{Title: locale.Text("Couldn't open invitation"),
			Body: locale.Message(session.Plain(err)), Failure: true})
	}
}

// accept exchanges the invitation's code for a token, stores it with the server's URL, and tries it. It returns the
// identity that the token is for. After an error of the trial the token is stored: the code cannot be used again.
func (a *App) accept(ctx context.Context, i api.Invitation) (identity string, err error) {
	ctx, cancel := context.WithTimeout(ctx, acceptWait)
	defer cancel()
	got, err := client.Accept(ctx, i)
	if err != nil {
		return "", err
	}
	who := api.Printable(got.Identity)
	// What is shared now was meant for the other server.
	if s := a.session.Snapshot(); s.ShareOn && s.Settings.Sharing.BackendURL != i.Server {
		if err := a.session.SetShare(false); err != nil {
			return "", err
		}
	}
	patch := config.Edit(a.session.Snapshot().Settings, func(c *config.Config) {
		c.Sharing.BackendURL, c.Sharing.AllowHTTP = i.Server, false
	})
	if err := a.session.Apply(ctx, patch.WithToken(got.Token)).Err(); err != nil {
		return "", fmt.Errorf("the invitation is accepted, but its token could not be stored: %w; ask for a new invitation",
			err)
	}
	a.log.Info("an invitation was accepted", "server", i.Server, "token", got.TokenID)
	c, err := client.New(i.Server, got.Token)
	if err == nil {
		_, err = c.Clips(ctx)
	}
	if err != nil {
		return who, fmt.Errorf("the invitation is accepted, but the server does not work: %w", err)
	}
	return who, nil
}
