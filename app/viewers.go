package app

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/desktop"
	"github.com/hindsight-app/hindsight/app/links"
	"github.com/hindsight-app/hindsight/app/locale"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/app/ui"
	"github.com/hindsight-app/hindsight/publish"
	"github.com/hindsight-app/hindsight/publish/api"
)

// replyWait is how long the user has to allow a viewer's clip.
const replyWait = 30 * time.Second

// topicViewer is that of a viewer's request and of what came of it.
const topicViewer = "viewer"

// allowClip decides on a viewer's request by the settings, and asks the user where they say so.
func (a *App) allowClip(ctx context.Context, viewer string, r api.ClipRequest) error {
	s := a.session.Snapshot()
	who := s.Settings.Sharing.ViewerClips
	switch {
	case who != config.AskFirst && who != config.AnyoneClips:
		return &publish.ClipRefusal{Code: api.RPCRefused, Message: "viewers may not clip this screen"}
	case s.Paused:
		return &publish.ClipRefusal{Code: api.RPCNothing, Message: "the replay is paused"}
	case !a.requests.allow(viewer, time.Now()):
		return &publish.ClipRefusal{Code: api.RPCTooMany, Message: "too many requests; try again in a minute"}
	case who == config.AnyoneClips:
		return nil
	}
	return a.askForClip(ctx, viewer, r)
}

// askForClip asks in a notification and, while the window is visible, there as well. No reply is no.
func (a *App) askForClip(ctx context.Context, viewer string, r api.ClipRequest) error {
	select {
	case <-a.ready:
	case <-ctx.Done():
		return ctx.Err()
	}
	reply := make(chan bool, 2)
	say := func(yes bool) func() {
		return func() {
			select {
			case reply <- yes:
			default: // the user has said both
			}
		}
	}
	title := locale.Text("{{.Name}} asks for a clip", map[string]any{"Name": viewerName(viewer)})
	body := locale.Text("Of the last {{.Seconds}} s of your screen.", map[string]any{
		"Seconds": locale.Number(r.Seconds, 0)})
	if r.Title != "" {
		body += "\n" + r.Title
	}
	a.notify(desktop.Notification{Title: title, Body: body, Topic: topicViewer, Actions: []desktop.Action{
		{Label: locale.Text("Open Hindsight"), Do: a.ui.Show}, // a click on the notification itself must not allow it
		{Label: locale.Text("Allow"), Do: say(true)},
		{Label: locale.Text("Deny"), Do: say(false)},
	}})
	closed := a.ui.AskClip(ui.ClipQuestion{Title: title, Text: body, Allow: say(true), Deny: say(false)})
	defer closed()
	timer := time.NewTimer(replyWait)
	defer timer.Stop()
	select {
	case yes := <-reply:
		if yes {
			return nil
		}
		return &publish.ClipRefusal{Code: api.RPCRefused, Message: "the request was denied"}
	case <-timer.C:
	case <-ctx.Done():
	}
	a.notify(desktop.Notification{Title: title, Body: locale.Text("You didn't reply in time, so no clip was made."),
		Topic: topicViewer, Quiet: true})
	return &publish.ClipRefusal{Code: api.RPCRefused, Message: "there was no reply"}
}

// viewerClip tells the user and, where it is to know, the room of a clip that a viewer had made.
func (a *App) viewerClip(c api.RoomClip, in session.Place) {
	<-a.ready
	a.notify(desktop.Notification{
		Title: locale.Text("{{.Name}} made a clip", map[string]any{"Name": viewerName(c.RequestedBy)}),
		Body: locale.Text("Of the last {{.Seconds}} s of your screen.", map[string]any{
			"Seconds": locale.Number(c.Seconds, 0)}),
		Topic: topicViewer, Actions: []desktop.Action{{Label: locale.Text("Copy link"), Do: func() { a.ui.Copy(c.URL) }}},
	})
	if how := a.session.Snapshot().Settings.Sharing.TellRoom; how != config.TellNothing {
		a.tasks.Go(func() { a.announce(c, in, how) })
	}
}

// viewerName is an identity as far as it is shown.
func viewerName(identity string) string {
	const most = 60
	name := []rune(api.Printable(identity))
	if len(name) > most {
		name = append(name[:most-1], '…')
	}
	return string(name)
}

// tellRoom gives the room a link to a clip that was saved, where the settings say so. It does not wait.
func (a *App) tellRoom(e session.Event) {
	how := a.session.Snapshot().Settings.Sharing.TellRoom
	if e.Kind != session.ServerSaved || e.Save.ClipID == "" || how == config.TellNothing {
		return
	}
	save, path := *e.Save, ""
	in := session.Place{Backend: save.Backend, Room: save.Room}
	if save.Clip != nil {
		path = save.Clip.Path
	}
	a.tasks.Go(func() {
		if !a.session.SharedIn(in) {
			return // it has ended in the meantime, or is in another room: no link is needed
		}
		ctx, cancel := context.WithTimeout(a.ctx, linkWait)
		defer cancel()
		made, err := a.makeLink(ctx, links.Copy{Backend: save.Backend, ClipID: save.ClipID}, path)
		if a.ctx.Err() != nil {
			return
		}
		if err != nil {
			a.log.Warn("the room has not heard of a clip", "clip", save.ClipID, "error", err)
			a.failed(locale.Text("Couldn't tell the room of the clip"), err)
			return
		}
		a.announce(api.RoomClip{ClipID: save.ClipID, Seconds: save.ServerSeconds, URL: made.URL,
			ExpiresAt: made.ExpiresAt}, in, how)
	})
}

// announce tells the room that a clip is of.
func (a *App) announce(c api.RoomClip, in session.Place, how config.TellRoom) {
	switch err := a.session.Announce(c, in, how == config.TellChat); {
	case errors.Is(err, session.ErrElsewhere), errors.Is(err, session.ErrClosed):
		a.log.Info("the room has not heard of a clip", "clip", c.ClipID, "reason", err)
	case err != nil:
		a.log.Warn("the room has not heard of a clip", "clip", c.ClipID, "error", err)
		a.failed(locale.Text("Couldn't tell the room of the clip"), err)
	}
}

// What viewers may ask for: each one, and all of them together. A burst is let through first.
const (
	viewerEvery = 30 * time.Second
	roomEvery   = 5 * time.Second
	roomBurst   = 4
	// mostViewers are remembered; beyond that, those who have asked no more for longest are forgotten.
	mostViewers = 256
)

// requestLimits count the requests of viewers. The zero value is ready.
type requestLimits struct {
	mu   sync.Mutex
	room *rate.Limiter
	each map[string]time.Time // of the last request that was let through
}

// allow is whether a viewer may ask now.
func (l *requestLimits) allow(viewer string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.room == nil {
		l.room, l.each = rate.NewLimiter(rate.Every(roomEvery), roomBurst), map[string]time.Time{}
	}
	if last, asked := l.each[viewer]; asked && now.Sub(last) < viewerEvery || !l.room.AllowN(now, 1) {
		return false
	}
	if len(l.each) >= mostViewers {
		oldest := viewer
		for v, at := range l.each {
			if t, ok := l.each[oldest]; !ok || at.Before(t) {
				oldest = v
			}
		}
		delete(l.each, oldest)
	}
	l.each[viewer] = now
	return true
}
