package app

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/desktop"
	"github.com/hindsight-app/hindsight/app/links"
	"github.com/hindsight-app/hindsight/app/locale"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/capture/clip"
	"github.com/hindsight-app/hindsight/publish"
	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/client"
)

// topicMade is that of what came of viewers' requests.
const topicMade = "made"

// allowClip decides on a viewer's request by the settings, and asks the user where they say so. What is to be made here
// stays in the buffer while the user decides.
func (a *App) allowClip(ctx context.Context, viewer string, r api.ClipRequest, asked time.Time,
	in session.Place) (publish.ClipMaker, error) {
	s := a.session.Snapshot()
	who := s.Settings.Sharing.ViewerClips
	switch {
	case who != config.AskFirst && who != config.AnyoneClips:
		return nil, &publish.ClipRefusal{Code: api.RPCRefused, Message: "viewers may not clip this screen"}
	case s.Paused:
		return nil, &publish.ClipRefusal{Code: api.RPCNothing, Message: "the replay is paused"}
	}
	if wait := a.requests.wait(viewer, time.Now()); wait > 0 {
		return nil, tooMany(wait)
	}
	if s.Share.Recording == session.ServerEncrypted {
		// Nobody is asked. One made here would reach the server in plain, for viewers with the passphrase or without.
		return nil, &publish.ClipRefusal{Code: api.RPCNothing, Message: publish.NotRecordedEncrypted}
	}
	var here *session.Pinned
	if s.Settings.Sharing.ViewerClipFrom == config.FromHere {
		var err error
		here, err = a.session.Pin(r.Seconds, asked)
		switch {
		case errors.Is(err, session.ErrEncrypted):
			return nil, &publish.ClipRefusal{Code: api.RPCNothing, Message: publish.NotRecordedEncrypted}
		case err != nil:
			return nil, &publish.ClipRefusal{Code: api.RPCNothing, Message: "the publisher keeps no replay now"}
		}
	}
	if who == config.AnyoneClips {
		if wait := a.requests.length(time.Now(), requested(r.Seconds, s)); wait > 0 {
			if here != nil {
				here.Release()
			}
			return nil, tooMany(wait)
		}
	}
	if who == config.AskFirst {
		if err := a.askForClip(ctx, viewer, r); err != nil {
			if here != nil {
				here.Release()
			}
			a.requests.from(viewer, time.Now()) // else who asks again at once leaves no time to the others
			return nil, err
		}
	}
	if here == nil {
		return nil, nil // the server makes it
	}
	return func(ctx context.Context) (api.RoomClip, error) { return a.clipHere(ctx, here, r, in) }, nil
}

func tooMany(wait time.Duration) error {
	return &publish.ClipRefusal{Code: api.RPCTooMany,
		Message: fmt.Sprintf("too many requests; try again in %.0f s", math.Ceil(wait.Seconds()))}
}

// requested is how long a clip is at most that a viewer asks for so much of.
func requested(seconds float64, s session.Snapshot) time.Duration {
	there := s.Share.ServerSeconds
	if s.Settings.Sharing.ViewerClipFrom == config.FromHere {
		there = float64(s.Settings.Replay.Seconds)
	}
	return time.Duration(min(seconds, there) * float64(time.Second))
}

// askForClip asks the user. No reply is no.
func (a *App) askForClip(ctx context.Context, viewer string, r api.ClipRequest) error {
	// The buffer must not keep what viewers ask for as long as their apps say that they wait.
	ctx, cancel := context.WithTimeout(ctx, 2*replyWait)
	defer cancel()
	body := locale.Text("Of the last {{.Seconds}} s of your screen.", map[string]any{
		"Seconds": locale.Number(r.Seconds, 0)})
	if r.Title != "" {
		body += "\n" + r.Title
	}
	switch a.ask(ctx, locale.Text("{{.Name}} asks for a clip", map[string]any{"Name": viewerName(viewer)}), body) {
	case allowed:
		return nil
	case denied:
		return &publish.ClipRefusal{Code: api.RPCRefused, Message: "the request was denied"}
	}
	return &publish.ClipRefusal{Code: api.RPCRefused, Message: "there was no reply"}
}

// linkMargin is what making the link to an uploaded clip, and the reply to the viewer, may take.
const linkMargin = 5 * time.Second

// clipHere makes a viewer's clip from the replay buffer here, which it releases, uploads it and makes a link. Where
// that fails, or the viewer no longer waits, nothing of it stays.
func (a *App) clipHere(ctx context.Context, from *session.Pinned, r api.ClipRequest,
	in session.Place) (out api.RoomClip, err error) {
	made, err := from.Save(ctx, api.FitTitle(r.Title))
	from.Release() // the upload may take minutes
	if err != nil {
		return api.RoomClip{}, err
	}
	a.placed(made.Path)
	a.library.Refresh()
	transfer := ""
	defer func() {
		if err == nil {
			return
		}
		if transfer != "" {
			a.transfers.Remove(transfer)
		}
		if gone := clip.Remove(made.Path); gone != nil {
			a.log.Warn("a viewer's clip stays, although its upload failed", "path", made.Path, "error", gone)
		}
		a.library.Refresh()
	}()
	if limit := uploadLimit(a.session.Snapshot()); limit > 0 {
		takes := time.Duration(float64(made.Bytes*8) / float64(limit*1000) * float64(time.Second))
		if until, ends := ctx.Deadline(); ends && time.Until(until) < takes+linkMargin {
			return api.RoomClip{}, &publish.ClipRefusal{Code: api.RPCFailed, Message: fmt.Sprintf("the upload of this clip "+
				"takes about %.0f s, longer than your app waits; ask for fewer seconds", takes.Seconds())}
		}
	}
	if transfer, err = a.transfers.Upload(in.Backend, made.Path, false, false, 0); err != nil {
		return api.RoomClip{}, err
	}
	done, err := a.transfers.Wait(ctx, transfer)
	if err != nil {
		return api.RoomClip{}, notUploaded(err)
	}
	link, err := a.makeLink(ctx, links.Copy{Backend: done.Backend, ClipID: done.ClipID}, made.Path)
	if err != nil {
		a.takeBack(links.Copy{Backend: done.Backend, ClipID: done.ClipID}, made.Path)
		return api.RoomClip{}, err
	}
	return api.RoomClip{ClipID: done.ClipID, Seconds: made.Seconds, URL: link.URL, ExpiresAt: link.ExpiresAt}, nil
}

// takeBack has the server delete a viewer's clip to which there is no link. The viewer's time may be over by now.
func (a *App) takeBack(at links.Copy, path string) {
	ctx, cancel := context.WithTimeout(a.ctx, linkWait)
	defer cancel()
	server, err := a.dial(at.Backend)
	if err == nil {
		err = server.DeleteClip(ctx, at.ClipID)
	}
	if err == nil {
		err = a.links.Forget(path)
	}
	if err != nil {
		a.log.Warn("a viewer's clip stays on the server, although there is no link to it", "clip", at.ClipID, "error", err)
	}
}

// notUploaded is what a viewer may know of why an upload failed: what the server says of the clip, and that it is full.
func notUploaded(err error) error {
	var refused *client.RefusedError
	switch {
	case errors.As(err, &refused):
		return &publish.ClipRefusal{Code: api.RPCFailed, Message: "the server does not take the clip: " + refused.Reason}
	case errors.Is(err, client.ErrQuota):
		return &publish.ClipRefusal{Code: api.RPCFailed, Message: "the server has no space for the clip"}
	}
	return err
}

// viewerClip tells the user and, where it is to know, the room of a clip that a viewer had made.
func (a *App) viewerClip(c api.RoomClip, in session.Place) {
	<-a.ready
	a.notify(desktop.Notification{
		Title: locale.Text("{{.Name}} made a clip", map[string]any{"Name": viewerName(c.RequestedBy)}),
		Body: locale.Text("Of the last {{.Seconds}} s of your screen.", map[string]any{
			"Seconds": locale.Number(c.Seconds, 0)}),
		Topic: topicMade, Actions: []desktop.Action{{Label: locale.Text("Copy link"), Do: func() { a.ui.Copy(c.URL) }}},
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
	// roomLength is how much viewers together may have made in an hour without the user being asked.
	roomLength = time.Hour
	// mostViewers are remembered; beyond that, those who have asked no more for longest are forgotten.
	mostViewers = 256
)

// requestLimits count the requests of viewers. The zero value is ready.
type requestLimits struct {
	mu   sync.Mutex
	room *rate.Limiter
	long *rate.Limiter        // of seconds
	each map[string]time.Time // of the last request that was let through
}

// from has the wait of a viewer whose request was let through begin later.
func (l *requestLimits) from(viewer string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, asked := l.each[viewer]; asked {
		l.each[viewer] = now
	}
}

// length counts what is to be made without asking the user and returns 0, or returns after how long it may be.
func (l *requestLimits) length(now time.Time, length time.Duration) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.long == nil {
		const seconds = int(roomLength / time.Second)
		l.long = rate.NewLimiter(rate.Every(time.Hour/time.Duration(seconds)), seconds)
	}
	r := l.long.ReserveN(now, min(int(math.Ceil(length.Seconds())), l.long.Burst()))
	wait := r.DelayFrom(now)
	if wait > 0 {
		r.CancelAt(now)
	}
	return wait
}

// wait counts a request of a viewer and returns 0, or returns after how long the viewer may ask.
func (l *requestLimits) wait(viewer string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.room == nil {
		l.room, l.each = rate.NewLimiter(rate.Every(roomEvery), roomBurst), map[string]time.Time{}
	}
	if last, asked := l.each[viewer]; asked && now.Sub(last) < viewerEvery {
		return viewerEvery - now.Sub(last)
	}
	r := l.room.ReserveN(now, 1)
	if wait := r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
		return wait
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
	return 0
}
