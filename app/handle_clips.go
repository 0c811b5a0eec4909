package app

import (
	"context"
	"errors"
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
	if !isPath(path) {
		return a.linkOnServer(ctx, path)
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

// linkOnServer makes a link to a clip of the server.
func (a *App) linkOnServer(ctx context.Context, id string) (any, error) {
	backend, err := a.server()
	if err != nil {
		return nil, err
	}
	at := links.Copy{Backend: backend, ClipID: id}
	path := a.here(at)
	url, err := a.linkTo(ctx, at, path)
	if errors.Is(err, links.ErrDeleted) {
		return nil, fmt.Errorf("the server has no clip %q; see: hindsightctl clips --server", id)
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
	backend, names := a.clipNames(ctx, len(list) > 0)
	out := make([]control.LinkInfo, len(list))
	for i, l := range list {
		out[i] = control.LinkInfo{ID: l.LinkID, ClipID: l.ClipID, Name: names[l.ClipID],
			Path: a.here(links.Copy{Backend: backend, ClipID: l.ClipID}), MadeBy: api.Printable(l.MadeBy),
			CreatedAt: l.CreatedAt, ExpiresAt: l.ExpiresAt}
	}
	return out, nil
}

// clipNames are the names of the clips of the server by their ids, as far as they are known.
func (a *App) clipNames(ctx context.Context, wanted bool) (backend string, names map[string]string) {
	names = map[string]string{}
	if !wanted {
		return "", names
	}
	backend, found, err := a.remoteClips(ctx)
	if err != nil {
		a.log.Debug("the clips of the server are not listed", "error", err)
	}
	for _, c := range found {
		names[c.ClipID] = remote(backend, c).Name
	}
	return backend, names
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

// unlink revokes a link of the user by its id or its URL.
func (a *App) unlink(ctx context.Context, id string) error {
	list, err := a.listLinks(ctx, "")
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list, func(l api.Link) bool { return l.LinkID == id || l.IsAt(id) })
	if i < 0 {
		return fmt.Errorf("you have no link %q; see: hindsightctl links", id)
	}
	backend, err := a.server()
	if err != nil {
		return err
	}
	return clips{a}.Unlink(ctx, links.Copy{Backend: backend, ClipID: list[i].ClipID}, list[i].LinkID)
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
