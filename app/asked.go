package app

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/hindsight-app/hindsight/app/locale"
	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/client"
)

const (
	// askedWait is how long the server holds a question for what viewers ask for.
	askedWait = 25 * time.Second
	// askedPause is the pause after a failure, linksEvery how often links are looked for that somebody else has made.
	askedPause, linksEvery = 5 * time.Second, time.Minute
)

// followAsked asks the user about clips that viewers of watch links ask for, until the session ends.
func (a *App) followAsked() {
	snapshots, stop := a.session.Watch()
	defer stop()
	replay, asked := "", 0
	end := func() {}
	for s := range snapshots {
		if s.Share.Asked > asked {
			media.Poke(a.watchLinked) // by a link that this program does not know of
		}
		asked = s.Share.Asked
		if s.Share.ReplayID == replay {
			continue
		}
		end()
		end = func() {}
		if replay = s.Share.ReplayID; replay != "" {
			ctx, cancel := context.WithCancel(a.ctx)
			end = cancel
			backend, id := s.Settings.Sharing.BackendURL, replay
			a.tasks.Go(func() { a.followReplay(ctx, backend, id) })
		}
	}
	end()
}

// followReplay waits for what viewers of a replay ask for while there is a link with which they may, until ctx ends.
func (a *App) followReplay(ctx context.Context, backend, replay string) {
	asks := map[string]openAsk{} // by their clips
	defer func() {
		for _, asked := range asks {
			asked.cancel(errDecided)
		}
	}()
	var looked time.Time
	wanted, seen, failing := false, "", false
	for ctx.Err() == nil {
		c, err := a.dial(backend)
		if err == nil && time.Since(looked) >= linksEvery {
			wanted, err = a.viewersMayAsk(ctx, c, replay)
			if err == nil {
				looked = time.Now()
			}
		}
		if err == nil && wanted {
			var list *api.AskedList
			if list, err = c.Asked(ctx, replay, seen, askedWait); err == nil {
				seen = list.Cursor
				a.askAbout(ctx, c, replay, list.Asked, asks)
			}
		}
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, client.ErrNotFound): // it has ended, or the server is too old for watch links
			return
		case err != nil && !failing:
			a.log.Warn("what viewers ask for is not known; it is tried again", "error", err)
		}
		if failing = err != nil; !failing && wanted {
			select {
			case <-a.watchLinked:
				looked = time.Time{}
			default:
			}
			continue
		}
		pause := linksEvery
		if failing {
			pause = askedPause
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-a.watchLinked:
			looked = time.Time{}
		}
		timer.Stop()
	}
}

// viewersMayAsk is whether a replay has a link with which viewers may ask for clips, or one asks already.
func (a *App) viewersMayAsk(ctx context.Context, c *client.Client, replay string) (bool, error) {
	list, err := c.WatchLinks(ctx, replay)
	if err != nil {
		return false, err
	}
	return a.session.Snapshot().Share.Asked > 0 || slices.ContainsFunc(list.Links, func(l api.WatchLink) bool {
		return l.Clips == api.ClipsAsk && time.Now().Before(l.ExpiresAt)
	}), nil
}

// errDecided ends a question that somebody else has replied to.
var errDecided = errors.New("decided")

// openAsk is a clip that the user is asked about.
type openAsk struct {
	since  time.Time
	cancel context.CancelCauseFunc
}

// askAbout asks the user about each clip that is new in a list, and no longer about those that are not in it: the time
// is up, or somebody else has replied. asks are those that the user is asked about.
func (a *App) askAbout(ctx context.Context, c *client.Client, replay string, list []api.AskedClip,
	asks map[string]openAsk) {
	gone := func(id string) bool {
		return !slices.ContainsFunc(list, func(asked api.AskedClip) bool { return asked.ClipID == id })
	}
	for id, asked := range asks {
		if !gone(id) {
			continue
		}
		if time.Since(asked.since) < (api.AskSeconds-5)*time.Second {
			asked.cancel(errDecided)
		} else {
			asked.cancel(context.DeadlineExceeded)
		}
		delete(asks, id)
	}
	for _, asked := range list {
		if _, there := asks[asked.ClipID]; there {
			continue
		}
		life, cancel := context.WithCancelCause(ctx)
		asks[asked.ClipID] = openAsk{time.Now(), cancel}
		a.tasks.Go(func() {
			timed, stop := context.WithTimeout(life, api.AskSeconds*time.Second)
			defer stop()
			a.decide(timed, c, replay, asked)
		})
	}
}

// decide has the user allow or deny a clip and tells the server.
func (a *App) decide(ctx context.Context, c *client.Client, replay string, asked api.AskedClip) {
	log := a.log.With("clip", asked.ClipID, "by", asked.By)
	title, body := askedText(asked)
	said := a.ask(ctx, title, body)
	if said == unanswered {
		if a.ctx.Err() == nil {
			log.Info("a viewer's clip was not made: there was no reply here")
		}
		return
	}
	// The time that the user took is not taken from the call's.
	ctx, cancel := context.WithTimeout(a.ctx, linkWait)
	defer cancel()
	tell := c.DenyClip
	if said == allowed {
		tell = c.AllowClip
	}
	err := tell(ctx, replay, asked.ClipID)
	switch {
	case a.ctx.Err() != nil:
	case err != nil && said == allowed:
		log.Warn("a viewer's clip was allowed, but the server does not make it", "error", err)
		a.failed(locale.Text("Couldn't allow the clip"), err)
	case err != nil:
		log.Info("a viewer's clip was denied, but the server does not know it", "error", err)
	case said == allowed:
		log.Info("a viewer's clip was allowed")
	default:
		log.Info("a viewer's clip was denied")
	}
}

// askedText is the question about a clip.
func askedText(asked api.AskedClip) (title, body string) {
	name := viewerName(asked.By)
	if name == "" || strings.HasPrefix(name, "a viewer") { // of a link
		name = locale.Text("A viewer")
	}
	title = locale.Text("{{.Name}} asks for a clip", map[string]any{"Name": name})
	body = locale.Text("{{.Seconds}} s of your screen, from {{.From}} to {{.To}}.", map[string]any{
		"Seconds": locale.Number(asked.Seconds, 0), "From": locale.Clock(asked.From.Local()),
		"To": locale.Clock(asked.To.Local())})
	if called := api.Printable(asked.Title); called != "" {
		body += "\n" + called
	}
	return title, body
}

// watching is ui.Watching.
type watching struct{ *App }

func (w watching) NewWatchLink(ctx context.Context, life time.Duration, clips api.ClipPolicy) (api.WatchLink, error) {
	return w.makeWatchLink(ctx, life, clips)
}

func (w watching) WatchLinks(ctx context.Context) ([]api.WatchLink, error) {
	list, err := w.watchLinks(ctx)
	return slices.DeleteFunc(list, func(l api.WatchLink) bool { return time.Now().After(l.ExpiresAt) }), err
}

func (w watching) RevokeWatchLink(ctx context.Context, link string) error {
	c, replay, err := w.watchable()
	if err != nil {
		return err
	}
	return c.RevokeWatchLink(ctx, replay, link)
}
