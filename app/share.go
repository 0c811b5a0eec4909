package app

import (
	"context"
	"errors"
	"fmt"
	"image"
	"time"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/desktop"
	"github.com/hindsight-app/hindsight/app/links"
	"github.com/hindsight-app/hindsight/app/locale"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/capture/clip"
	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/client"
)

const (
	linkWait    = 90 * time.Second // for the server's copy to be cut, and the link to be made
	posterWidth = 1280             // pixels
)

// link makes a link with which others can watch a clip's copy on the server, and waits for a copy that is on its way.
func (a *App) link(ctx context.Context, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, linkWait)
	defer cancel()
	at, err := a.findCopy(ctx, path)
	if err != nil {
		return "", err
	}
	made, err := a.makeLink(ctx, at, path)
	if err != nil {
		return "", err
	}
	return made.URL, nil
}

// makeLink makes a link to a copy on the server. path is the clip here, empty where there is none.
func (a *App) makeLink(ctx context.Context, at links.Copy, path string) (*api.Link, error) {
	now := a.session.Snapshot().Settings.Sharing // once: server, consent and token have to go together
	if config.Origin(at.Backend) != config.Origin(now.BackendURL) {
		return nil, fmt.Errorf("this clip was saved on another server, %s; enter its URL in Settings, Sharing", at.Backend)
	}
	token, err := a.tokens.For(at.Backend)
	if err != nil {
		return nil, err
	}
	var poster image.Image
	if path != "" {
		if poster, err = clip.Thumbnail(ctx, path, posterWidth); err != nil {
			a.log.Warn("the link will have no poster image", "path", path, "error", err)
			poster = nil
		}
	}
	var options []client.Option
	if now.AllowHTTP {
		options = append(options, client.WithPlainHTTP())
	}
	made, err := links.Make(ctx, at, token, poster, a.log, options...)
	if errors.Is(err, links.ErrDeleted) && path != "" {
		if err := a.links.Forget(path); err != nil {
			a.log.Warn("a deleted copy is not forgotten", "path", path, "error", err)
		}
	}
	if err != nil {
		return nil, err
	}
	a.log.Info("a share link was made", "path", path, "link", made.LinkID, "expires", made.ExpiresAt)
	return made, nil
}

// findCopy waits as long as the last save is still on its way to the server.
func (a *App) findCopy(ctx context.Context, path string) (links.Copy, error) {
	for {
		last := a.session.Snapshot().LastSave // before the look: what is done since then is in the book
		if at, ok := a.links.Of(path); ok {
			return at, nil
		}
		if last == nil || last.Clip == nil || last.Clip.Path != path || last.Server != session.CopySaving {
			return links.Copy{}, links.ErrNoCopy
		}
		select {
		case <-ctx.Done():
			return links.Copy{}, errors.New("the server's copy of this clip is not ready yet; try again in a moment")
		case <-time.After(300 * time.Millisecond):
		}
	}
}

// newestCopy is the path of the newest clip that the server has, too.
func (a *App) newestCopy() (string, error) {
	list, err := clip.List(a.session.Snapshot().Folder)
	if err != nil {
		return "", err
	}
	for _, c := range list {
		if _, ok := a.links.Of(c.Path); ok {
			return c.Path, nil
		}
	}
	return "", links.ErrNoCopy
}

// copyLink is the notification's button.
func (a *App) copyLink(path string) {
	a.tasks.Go(func() {
		url, err := a.link(a.ctx, path)
		if a.ctx.Err() != nil {
			return
		}
		if err != nil {
			a.failed(locale.Text("Couldn't create link"), err)
			return
		}
		a.ui.Copy(url)
		a.notify(desktop.Notification{Title: locale.Text("Link copied"),
			Body: locale.Text("Anyone with the link can watch for 7 days.")})
	})
}
