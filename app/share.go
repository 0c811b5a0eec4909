package app

import (
	"context"
	"errors"
	"image"
	"time"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/links"
	"github.com/hindsight-app/hindsight/app/locale"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/capture/clip"
	"github.com/hindsight-app/hindsight/publish/api"
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
	return a.linkTo(ctx, at, path)
}

// linkTo is makeLink where only the URL matters.
func (a *App) linkTo(ctx context.Context, at links.Copy, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, linkWait)
	defer cancel()
	made, err := a.makeLink(ctx, at, path)
	if err != nil {
		return "", err
	}
	return made.URL, nil
}

// makeLink makes a link to a copy on the server. path is the clip here, empty where there is none.
func (a *App) makeLink(ctx context.Context, at links.Copy, path string) (*api.Link, error) {
	server, err := a.dial(at.Backend)
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
	made, err := links.Make(ctx, server, at.ClipID, poster, a.log)
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
	if _, err := a.server(); err != nil {
		return "", err
	}
	list, err := clip.List(a.session.Snapshot().Folder)
	if err != nil {
		return "", err
	}
	for _, c := range list {
		if _, ok := a.links.Of(c.Path); ok {
			return c.Path, nil
		}
	}
	return "", errors.New("no clip of the clip folder is on the server; name one, and it is uploaded")
}

// copyLink is the notification's button.
func (a *App) copyLink(path string) {
	a.tasks.Go(func() {
		url, _, err := a.shareFile(a.ctx, path, true)
		if a.ctx.Err() != nil {
			return
		}
		if err != nil {
			a.failed(locale.Text("Couldn't create link"), err)
			return
		}
		if url != "" { // else it comes with the upload
			a.linkCopied(path, url)
		}
	})
}

// linksSaved is whether saved clips get links by themselves. With end-to-end encryption nothing goes to the server in
// plain unless the user has it uploaded.
func linksSaved(s config.Sharing) bool { return s.LinkSaved && s.BackendURL != "" && !s.Encrypt }

// linkSaved makes the link of a clip that was just saved, where the user wants one after each save: to the copy that
// the server has made, or after an upload of the file.
func (a *App) linkSaved(path string, at links.Copy) {
	switch {
	case !linksSaved(a.session.Snapshot().Settings.Sharing):
	case at.ClipID != "":
		a.tasks.Go(func() {
			url, err := a.linkTo(a.ctx, at, path)
			switch {
			case a.ctx.Err() != nil:
			case err != nil:
				a.failed(locale.Text("Couldn't create link"), err)
			default:
				a.linkCopied(path, url)
			}
		})
	case path != "":
		if _, err := a.upload(path, true, true, coverWait); err != nil {
			a.failed(locale.Text("Couldn't create link"), err)
		}
	}
}
