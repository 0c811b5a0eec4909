package app

import (
	"context"
	"errors"
	"strings"

	"github.com/hindsight-app/hindsight/app/control"
	"github.com/hindsight-app/hindsight/app/desktop"
	"github.com/hindsight-app/hindsight/publish/client"
)

// teamPage makes a code for the team's page, and opens the page signed in with it.
func (a *App) teamPage(ctx context.Context, open bool) (control.TeamAnswer, error) {
	backend, err := a.server()
	if err != nil {
		return control.TeamAnswer{}, err
	}
	c, err := a.dial(backend)
	if err != nil {
		return control.TeamAnswer{}, err
	}
	code, err := c.SignInCode(ctx)
	if errors.Is(err, client.ErrNotFound) {
		err = errors.New("the server has no team page yet; ask its operator for an update")
	}
	if err != nil {
		return control.TeamAnswer{}, err
	}
	if open {
		err = desktop.OpenURL(code.URL)
	}
	page, _, _ := strings.Cut(code.URL, "#")
	return control.TeamAnswer{Page: page, Code: code.Code, URL: code.URL, ExpiresAt: code.ExpiresAt}, err
}

func (c clips) TeamPage(ctx context.Context) error {
	_, err := c.teamPage(ctx, true)
	return err
}
