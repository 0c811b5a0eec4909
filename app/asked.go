package app

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/hindsight-app/hindsight/app/desktop"
	"github.com/hindsight-app/hindsight/app/links"
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
	// decideEvery is the pause between two tries to tell the server what the user has decided.
	decideEvery = 2 * time.Second
	// askedLeast is how long a question is held that has nothing new; one of a server that ends is not, and is put again
	// after as long.
	askedLeast = time.Second
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

// followReplay waits for what viewers of a replay clip and ask for while there is a link with which they may, until ctx
// ends.
func (a *App) followReplay(ctx context.Context, backend, replay string) {
	asks := map[string]openAsk{} // by their clips
	known := map[string]bool{}   // clips that the user has heard of
	defer func() {
		for _, asked := range asks {
			asked.cancel(errDecided)
		}
	}()
	var looked, asked time.Time
	wanted, idle, seen, failing := false, false, "", false
	for ctx.Err() == nil {
		c, err := a.dial(backend)
		if err == nil && time.Since(looked) >= linksEvery {
			wanted, err = a.viewersMayClip(ctx, c, replay)
			if err == nil {
				looked = time.Now()
			}
		}
		if err == nil && wanted {
			var list *api.AskedList
			asked = time.Now()
			if list, err = c.Asked(ctx, replay, seen, askedWait); err == nil {
				idle = list.Cursor == seen && time.Since(asked) < askedLeast
				seen = list.Cursor
				for _, asked := range list.Asked {
					known[asked.ClipID] = true
				}
				a.askAbout(ctx, c, replay, list.Asked, asks)
				a.tellMade(backend, list.Made, known)
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
		if failing = err != nil; !failing && wanted && !idle {
			select {
			case <-a.watchLinked:
				looked = time.Time{}
			default:
			}
			continue
		}
		pause := linksEvery
		switch {
		case failing:
			pause = askedPause
		case wanted:
			pause = askedLeast
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

// viewersMayClip is whether a replay has a link with which viewers may clip or ask for clips, or one asks already.
func (a *App) viewersMayClip(ctx context.Context, c *client.Client, replay string) (bool, error) {
	list, err := c.WatchLinks(ctx, replay)
	if err != nil {
		return false, err
	}
	return a.session.Snapshot().Share.Asked > 0 || slices.ContainsFunc(list.Links, func(l api.WatchLink) bool {
		return l.Clips != api.ClipsNobody && time.Now().Before(l.ExpiresAt)
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
	tell := c.DenyClip
	if said == allowed {
		tell = c.AllowClip
	}
	err := a.tellServer(ctx, func(ctx context.Context) error { return tell(ctx, replay, asked.ClipID) })
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

// tellServer makes a call, and again while the server does not take it, as long as the question goes on.
func (a *App) tellServer(question context.Context, call func(context.Context) error) error {
	for {
		err := func() error {
			// The time that the user took is not taken from the call's.
			ctx, cancel := context.WithTimeout(a.ctx, linkWait)
			defer cancel()
			return call(ctx)
		}()
		if err == nil || !errors.Is(err, client.ErrServer) && !errors.Is(err, client.ErrUnreachable) {
			return err
		}
		select {
		case <-time.After(decideEvery):
		case <-question.Done():
			return err
		}
	}
}

// tellMade tells the user of the clips that viewers had made without being allowed to here, each once.
func (a *App) tellMade(backend string, list []api.AskedClip, known map[string]bool) {
	for _, made := range list {
		if known[made.ClipID] {
			continue
		}
		known[made.ClipID] = true
		a.log.Info("a viewer of a watch link made a clip", "clip", made.ClipID, "by", made.By, "seconds", made.Seconds)
		at := links.Copy{Backend: backend, ClipID: made.ClipID}
		a.notify(desktop.Notification{
			Title: locale.Text("{{.Name}} made a clip", map[string]any{"Name": askerName(made)}), Body: clipText(made),
			Topic: topicMade, Actions: []desktop.Action{{Label: locale.Text("Copy link"), Do: func() { a.copyLinkTo(at) }}}})
	}
}

// copyLinkTo makes a link to a clip that only the server has, once it is ready, and copies it.
func (a *App) copyLinkTo(at links.Copy) {
	a.tasks.Go(func() {
		select {
		case <-a.ready:
		case <-a.ctx.Done():
			return
		}
		ctx, cancel := context.WithTimeout(a.ctx, linkWait)
		defer cancel()
		c, err := a.dial(at.Backend)
		if err == nil {
			err = ready(ctx, c, at.ClipID)
		}
		url := ""
		if err == nil {
			url, err = a.linkTo(ctx, at, "")
		}
		switch {
		case a.ctx.Err() != nil:
		case err != nil:
			a.failed(locale.Text("Couldn't create link"), err)
		default:
			a.ui.Copy(url)
		}
	})
}

// ready waits until the server has made a clip, or cannot.
func ready(ctx context.Context, c *client.Client, id string) error {
	for {
		made, err := c.Clip(ctx, id)
		if err != nil || made.State != api.ClipWaiting {
			return err // of one that failed there is no link
		}
		select {
		case <-ctx.Done():
			return errors.New("the server's copy of this clip is not ready yet; try again in a moment")
		case <-time.After(time.Second):
		}
	}
}

// askerName is who asked for a clip, as the user reads it.
func askerName(asked api.AskedClip) string {
	name := viewerName(asked.By)
	if name == "" || strings.HasPrefix(name, "a viewer") { // of a link
		return locale.Text("A viewer")
	}
	return name
}

// askedText is the question about a clip.
func askedText(asked api.AskedClip) (title, body string) {
	return locale.Text("{{.Name}} asks for a clip", map[string]any{"Name": askerName(asked)}), clipText(asked)
}

// clipText says what is in a viewer's clip.
func clipText(asked api.AskedClip) string {
	body := locale.Text("{{.Seconds}} s of your screen, from {{.From}} to {{.To}}.", map[string]any{
		"Seconds": locale.Number(asked.Seconds, 0), "From": locale.Clock(asked.From.Local()),
		"To": locale.Clock(asked.To.Local())})
	if called := api.Printable(asked.Title); called != "" {
		body += "\n" + called
	}
	return body
}

// watching is ui.Watching.
type watching struct{ *App }

func (w watching) NewWatchLink(ctx context.Context, life time.Duration, clips api.ClipPolicy) (api.WatchLink, error) {
	return w.makeWatchLink(ctx, life, clips)
}

func (w watching) WatchLinks(ctx context.Context) ([]api.WatchLink, error) { return w.watchLinks(ctx) }

func (w watching) RevokeWatchLink(ctx context.Context, link string) error {
	return w.revokeWatchLink(ctx, link)
}
