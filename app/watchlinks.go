package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hindsight-app/hindsight/app/control"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/client"
)

// errNotWatchable is what watch links fail with while the server keeps no replay of the screen, errEncryptedWatch while
// it cannot.
var (
	errNotWatchable   = errors.New("the server keeps no replay of your screen now; start sharing first")
	errEncryptedWatch = errors.New("your share is end-to-end encrypted, so the server keeps no replay that a link could " +
		"show; turn the encryption off in Settings, Sharing, to share with watch links")
)

// account is access to the server that is set.
func (a *App) account() (*client.Client, error) {
	backend, err := a.server()
	if err != nil {
		return nil, err
	}
	return a.dial(backend)
}

// makeWatchLink makes a link with which everybody can rewind what is shared now. life 0 is a day, empty clips is that
// they may ask.
func (a *App) makeWatchLink(ctx context.Context, life time.Duration, clips api.ClipPolicy) (api.WatchLink, error) {
	share := a.session.Snapshot().Share
	switch {
	case share.Recording == session.ServerEncrypted:
		return api.WatchLink{}, errEncryptedWatch
	case share.ReplayID == "" && share.Error != "":
		return api.WatchLink{}, fmt.Errorf("the server keeps no replay of your screen now: %s", share.Error)
	case share.ReplayID == "":
		return api.WatchLink{}, errNotWatchable
	}
	c, err := a.account()
	if err != nil {
		return api.WatchLink{}, err
	}
	link, err := c.CreateWatchLink(ctx, share.ReplayID, life, clips)
	if client.IsWrongValue(err) {
		err = &control.InvalidError{Err: err}
	}
	if err != nil {
		return api.WatchLink{}, err
	}
	media.Poke(a.watchLinked)
	return *link, nil
}

// watchLinks lists the user's links, also those to what was shared before, oldest first.
func (a *App) watchLinks(ctx context.Context) ([]api.WatchLink, error) {
	c, err := a.account()
	if err != nil {
		return nil, err
	}
	list, err := c.AllWatchLinks(ctx)
	if err != nil {
		return nil, err
	}
	return list.Links, nil
}

// revokeWatchLink makes one of them useless.
func (a *App) revokeWatchLink(ctx context.Context, id string) error {
	list, err := a.watchLinks(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list, func(l api.WatchLink) bool { return l.LinkID == id })
	if i < 0 {
		return fmt.Errorf("there is no watch link %q; see: hindsightctl watch-link list", id)
	}
	c, err := a.account()
	if err != nil {
		return err
	}
	return c.RevokeWatchLink(ctx, list[i].ReplayID, id)
}

// handleWatchLink is the command line's way to them.
func (a *App) handleWatchLink(ctx context.Context, r control.Request) (any, error) {
	switch r.Command {
	case control.WatchLinks:
		list, err := a.watchLinks(ctx)
		if list == nil {
			list = []api.WatchLink{}
		}
		return list, err
	case control.UnwatchLink:
		return nil, a.revokeWatchLink(ctx, r.Text)
	}
	return a.makeWatchLink(ctx, time.Duration(r.Seconds*float64(time.Second)), api.ClipPolicy(r.Text))
}
