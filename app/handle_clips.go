package app

import (
	"context"
	"fmt"
	"slices"

	"github.com/hindsight-app/hindsight/app/control"
	"github.com/hindsight-app/hindsight/app/links"
	"github.com/hindsight-app/hindsight/publish/api"
)

// handleLink makes a link for the command line, after an upload where the server has no copy.
func (a *App) handleLink(ctx context.Context, path string) (any, error) {
	var err error
	if path == "" {
		if path, err = a.newestCopy(); err != nil {
			return nil, err
		}
	}
	url, transfer, err := a.shareFile(ctx, path, false)
	if err == nil && transfer != "" {
		done, waited := a.transfers.Wait(ctx, transfer)
		url, err = done.URL, waited
	}
	if err != nil {
		return nil, err
	}
	return control.LinkAnswer{Path: path, URL: url}, nil
}

// handleLinks lists the links to a clip, or to all clips of the user.
func (a *App) handleLinks(ctx context.Context, clip string) (any, error) {
	list, err := a.listLinks(ctx, clip)
	if err != nil {
		return nil, err
	}
	out := make([]control.LinkInfo, len(list))
	for i, l := range list {
		out[i] = control.LinkInfo{ID: l.LinkID, ClipID: l.ClipID, MadeBy: api.Printable(l.MadeBy),
			CreatedAt: l.CreatedAt, ExpiresAt: l.ExpiresAt}
	}
	return out, nil
}

func (a *App) listLinks(ctx context.Context, clip string) ([]api.Link, error) {
	if clip != "" {
		at, err := a.copyOf(clip)
		if err != nil {
			return nil, err
		}
		return clips{a}.Links(ctx, at)
	}
	backend, err := a.server()
	if err != nil {
		return nil, err
	}
	c, err := a.dial(backend)
	if err != nil {
		return nil, err
	}
	list, err := c.AllLinks(ctx)
	if err != nil {
		return nil, err
	}
	return list.Links, nil
}

// unlink revokes a link of the user by its id.
func (a *App) unlink(ctx context.Context, id string) error {
	list, err := a.listLinks(ctx, "")
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list, func(l api.Link) bool { return l.LinkID == id })
	if i < 0 {
		return fmt.Errorf("you have no link %q; see: hindsightctl links", id)
	}
	backend, err := a.server()
	if err != nil {
		return err
	}
	return clips{a}.Unlink(ctx, links.Copy{Backend: backend, ClipID: list[i].ClipID}, id)
}

// handleServer lists the clips of the server, the newest first, and where they are here.
func (a *App) handleServer(ctx context.Context) (any, error) {
	backend, found, err := a.remoteClips(ctx)
	if err != nil {
		return nil, err
	}
	here := map[links.Copy]string{}
	for _, i := range a.library.Snapshot().Items {
		if i.Path != "" && i.OnServer() {
			here[i.Copy] = i.Path
		}
	}
	out := make([]control.ServerClip, len(found))
	for i, c := range found {
		r := remote(backend, c)
		out[i] = control.ServerClip{ID: c.ClipID, Owner: c.Owner, Title: c.Title, Room: c.RoomName, Created: r.Created,
			Seconds: c.Seconds, Bytes: c.Bytes, Path: here[r.Copy]}
	}
	return out, nil
}
