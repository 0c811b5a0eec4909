package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hindsight-app/hindsight/app/control"
	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/client"
)

// errNotWatchable is what watch links fail with while the server keeps no replay of the screen.
var errNotWatchable = errors.New("the server keeps no replay of your screen now; start sharing first")

// watchable is access to the server that keeps the replay that is shared now, and the replay's name there.
func (a *App) watchable() (*client.Client, string, error) {
	replay := a.session.Snapshot().Share.ReplayID
	if replay == "" {
		return nil, "", errNotWatchable
	}
	backend, err := a.server()
	if err != nil {
		return nil, "", err
	}
	c, err := a.dial(backend)
	return c, replay, err
}

// makeWatchLink makes a link with which everybody can rewind what is shared now. life 0 is a day, empty clips is that
// they may ask.
func (a *App) makeWatchLink(ctx context.Context, life time.Duration, clips api.ClipPolicy) (api.WatchLink, error) {
	c, replay, err := a.watchable()
	if err != nil {
		return api.WatchLink{}, err
	}
	link, err := c.CreateWatchLink(ctx, replay, life, clips)
	if err != nil {
		return api.WatchLink{}, err
	}
	media.Poke(a.watchLinked)
	return *link, nil
}

// watchLinks lists the links to what is shared now, oldest first.
func (a *App) watchLinks(ctx context.Context) ([]api.WatchLink, error) {
	c, replay, err := a.watchable()
	if err != nil {
		return nil, err
	}
	list, err := c.WatchLinks(ctx, replay)
	if err != nil {
		return nil, err
	}
	return list.Links, nil
}

// revokeWatchLink makes a link to what is shared now useless.
func (a *App) revokeWatchLink(ctx context.Context, id string) error {
	c, replay, err := a.watchable()
	if err != nil {
		return err
	}
	list, err := c.WatchLinks(ctx, replay)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(list.Links, func(l api.WatchLink) bool { return l.LinkID == id }) {
		return fmt.Errorf("there is no watch link %q; see: hindsightctl watch-link list", id)
	}
	return c.RevokeWatchLink(ctx, replay, id)
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
