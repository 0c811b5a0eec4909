package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/control"
	"github.com/hindsight-app/hindsight/app/links"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/app/storage"
	"github.com/hindsight-app/hindsight/publish/api"
)

// maxAfter is the most that a clip may reach into the future, in seconds.
const maxAfter = 600

// beginWait is how long a command waits for what it switched.
const beginWait = time.Minute

// showWait is how long the window may take to show a page.
const showWait = 10 * time.Second

// begun waits until a switch has taken effect, so that a script knows.
func begun(ctx context.Context, await func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, beginWait)
	defer cancel()
	err := await(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("this takes longer than a minute and continues in the background; see: hindsightctl status")
	}
	return err
}

// turn switches something over, or to what the request says.
func turn(r control.Request, toggle func() error, set func(on bool) error) error {
	if r.Toggle {
		return toggle()
	}
	return set(r.On)
}

// handle serves the control socket.
func (a *App) handle(ctx context.Context, r control.Request) (any, error) {
	s := a.session
	switch r.Command {
	case control.Status:
		return s.Snapshot(), nil
	case control.Save:
		if r.Seconds < 0 || r.Seconds > 24*60*60 {
			return nil, fmt.Errorf("%g seconds can't be saved; use 0 (the replay buffer's length) to 86400", r.Seconds)
		}
		if r.After < 0 || r.After > maxAfter {
			return nil, fmt.Errorf("%g more seconds can't be waited for; use 0 to %d", r.After, maxAfter)
		}
		record, err := s.SaveAs(ctx, session.Ask{Seconds: r.Seconds, All: r.All, After: r.After})
		if err != nil {
			return nil, err
		}
		return record, nil
	case control.Share:
		if err := turn(r, s.ToggleShare, s.SetShare); err != nil {
			return nil, err
		}
		return nil, begun(ctx, s.AwaitShare)
	case control.Replay:
		if err := a.consent(ctx, r.On || r.Toggle); err != nil {
			return nil, err
		}
		return nil, turn(r, s.ToggleReplay, s.SetReplay)
	case control.Mute:
		if r.Toggle {
			return nil, s.ToggleMute(session.Source(r.Source))
		}
		return nil, s.Mute(session.Source(r.Source), r.On)
	case control.Pause:
		if err := s.SetPaused(r.On); err != nil {
			return nil, err
		}
		now := s.Snapshot()
		return control.PauseAnswer{Paused: now.Paused, By: string(now.PausedBy)}, nil
	case control.Talk:
		s.Talk(r.On)
		return nil, nil
	case control.Record:
		if err := turn(r, s.ToggleRecord, s.SetRecord); err != nil {
			return nil, err
		}
		return nil, begun(ctx, s.AwaitRecord)
	case control.Mark:
		return nil, s.Mark(r.Text)
	case control.Shot:
		path, err := s.Screenshot(ctx)
		if err != nil {
			return nil, err
		}
		return control.ShotAnswer{Path: path}, nil
	case control.Link:
		return a.handleLink(ctx, r.Path)
	case control.Upload:
		at, err := a.uploaded(ctx, r.Path)
		if err != nil {
			return nil, err
		}
		return control.UploadAnswer{Path: r.Path, ClipID: at.ClipID}, nil
	case control.Links:
		return a.handleLinks(ctx, r.Path)
	case control.Unlink:
		return nil, a.unlink(ctx, r.Text)
	case control.WatchLink, control.WatchLinks, control.UnwatchLink:
		return a.handleWatchLink(ctx, r)
	case control.Team:
		return a.teamPage(ctx, r.On)
	case control.There:
		return a.handleServer(ctx)
	case control.Fetch:
		backend, err := a.server()
		if err != nil {
			return nil, err
		}
		at := links.Copy{Backend: backend, ClipID: r.Text}
		if path := a.here(at); path != "" {
			return control.UploadAnswer{Path: path, ClipID: at.ClipID}, nil
		}
		done, err := a.transfers.Wait(ctx, a.download(at))
		if err != nil {
			return nil, err
		}
		return control.UploadAnswer{Path: done.Path, ClipID: done.ClipID}, nil
	case control.Queue:
		switch {
		case r.Text == "":
		case r.On:
			a.transfers.Retry(r.Text)
		default:
			a.transfers.Remove(r.Text)
		}
		return a.transfers.Items(), nil
	case control.Choose:
		return nil, s.ChooseScreen()
	case control.List:
		return s.Snapshot().Settings.Settings(), nil
	case control.Set:
		patch, read := config.Parse(r.Set)
		if read.Invalid {
			return control.Answer(read)
		}
		return a.apply(ctx, patch)
	case control.Token:
		return a.apply(ctx, config.Patch{}.WithToken(r.Text))
	case control.Phrase:
		return a.apply(ctx, config.Patch{}.WithPassphrase(r.Text))
	case control.Invite:
		if !r.On {
			a.openInvitation(r.Text) // it comes from a link that was opened, of which nobody reads the error
			return nil, nil
		}
		i, err := api.ParseInvitation(r.Text)
		if err != nil {
			return nil, &control.InvalidError{Err: err}
		}
		identity, err := a.accept(ctx, i)
		if err != nil {
			return nil, err
		}
		return control.InvitationAnswer{Server: i.Server, Identity: identity}, nil
	case control.Storage:
		u, err := a.storage.Usage()
		if err != nil {
			return nil, err
		}
		u.Server = a.storage.Server(ctx)
		return u, nil
	case control.Move:
		return nil, a.storage.Move(ctx, r.Path)
	case control.Moving:
		var u storage.Usage
		if p, moving := a.storage.Progress(); moving {
			u.Move = &p
		}
		return u, nil
	case control.Unmove:
		return nil, a.storage.Cancel(ctx)
	case control.Show:
		return a.show(ctx, r.Text)
	case control.Quit:
		a.ui.Quit()
		return nil, nil
	}
	return nil, fmt.Errorf("there is no command %q; use status, save, record, mark, screenshot, share, replay, mute, "+
		"pause, talk, link, links, unlink, upload, download, server, transfers, choose-screen, settings, set, set-token, "+
		"invitation, storage, move-clips, moving, cancel-move, show or quit", r.Command)
}

// show shows the window at a page.
func (a *App) show(ctx context.Context, page string) (any, error) {
	if err := control.CheckPage(page); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, showWait)
	defer cancel()
	at, dialogs, err := a.ui.ShowPage(ctx, page)
	switch {
	case err != nil:
		return nil, errors.New("the window does not respond")
	case page != "" && page != at && at == control.FirstRunPage:
		return nil, errors.New("hindsight isn't set up yet; its window asks first whether to start")
	}
	return control.ShowAnswer{Page: at, Dialogs: dialogs}, nil
}

// consent takes turning the replay buffer on as the answer to the first start's question.
func (a *App) consent(ctx context.Context, on bool) error {
	c := a.session.Snapshot().Settings
	if !on || c.App.FirstRunDone {
		return nil
	}
	r := a.session.Apply(ctx, config.Edit(c, func(c *config.Config) { c.App.FirstRunDone = true }))
	return r.Err()
}

// apply changes settings as the window does and waits for what the recorder makes of them.
func (a *App) apply(ctx context.Context, p config.Patch) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, beginWait)
	defer cancel()
	return control.Answer(a.session.Apply(ctx, p))
}
