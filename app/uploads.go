package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/desktop"
	"github.com/hindsight-app/hindsight/app/library"
	"github.com/hindsight-app/hindsight/app/links"
	"github.com/hindsight-app/hindsight/app/locale"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/app/token"
	"github.com/hindsight-app/hindsight/app/transfers"
	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/client"
)

const (
	// coverWait is how long a clip that was just saved is left alone: its cover is still put into the file.
	coverWait = 3 * time.Second
	// watchLife is how long a link works with which the user watches a clip of the server.
	watchLife = time.Hour
	// leastShare is what uploads may take at least while the screen is shared, in kb/s.
	leastShare = 500
	// mostListed bounds how many clips of the server are listed.
	mostListed = 10_000
)

// openTransfers makes the queue of uploads and downloads, which begins later.
func (a *App) openTransfers(dir string) *transfers.Queue {
	return transfers.Open(transfers.Options{
		File: filepath.Join(dir, transfers.FileName), Dial: a.dial, Link: a.linkTo, Book: a.links,
		Limit:    func() int { return uploadLimit(a.session.Snapshot()) },
		Template: func() string { return a.session.Snapshot().Settings.Clips.Name },
		Finished: a.transferred, Log: a.log,
	})
}

// uploadLimit is what uploads may take now, in kb/s: all there is, but while the screen is shared what the settings
// say, or a quarter of what the stream takes.
func uploadLimit(s session.Snapshot) int {
	if s.State != session.Live {
		return 0
	}
	return cmp.Or(s.Settings.Clips.UploadKbps, max(leastShare, s.BitrateKbps/4))
}

// dial returns a client for a server, whose token goes to that server alone.
func (a *App) dial(backend string) (*client.Client, error) {
	now := a.session.Snapshot().Settings.Sharing // once: server, consent and token have to go together
	if config.Origin(backend) != config.Origin(now.BackendURL) {
		return nil, transfers.ForTheUser(&otherServerError{backend})
	}
	token, err := a.tokens.For(backend)
	if err != nil {
		return nil, err
	}
	var options []client.Option
	if now.AllowHTTP {
		options = append(options, client.WithPlainHTTP())
	}
	return client.New(backend, token, options...)
}

// otherServerError says that something is on another server than the one in the settings.
type otherServerError struct{ server string }

func (e *otherServerError) Error() string {
	return fmt.Sprintf("this clip was saved on another server, %s; enter its URL in Settings, Sharing", e.server)
}

// server is the URL of the team's server.
func (a *App) server() (string, error) {
	if url := a.session.Snapshot().Settings.Sharing.BackendURL; url != "" {
		return url, nil
	}
	return "", errors.New("no server is set; enter its URL in Settings, Sharing, or accept an invitation")
}

// uploads is whether there is a server that clips can be uploaded to.
func (a *App) uploads() bool {
	if a.transfers == nil {
		return false
	}
	_, err := a.server()
	return err == nil
}

// upload has a file uploaded to the team's server, and returns the transfer's id.
func (a *App) upload(path string, link, clipboard bool, after time.Duration) (id string, err error) {
	backend, err := a.server()
	if err != nil {
		return "", err
	}
	if !strings.EqualFold(filepath.Ext(path), ".mp4") {
		return "", fmt.Errorf("%s is not a clip: only MP4 files can be uploaded", filepath.Base(path))
	}
	return a.transfers.Upload(backend, path, link, clipboard, after)
}

// shareFile makes a link to a clip. Where the server of the settings has no copy, the clip is uploaded: then there is
// the id of that transfer instead.
func (a *App) shareFile(ctx context.Context, path string, clipboard bool) (url, transfer string, err error) {
	url, err = a.link(ctx, path)
	var other *otherServerError
	if err == nil || !errors.Is(err, links.ErrNoCopy) && !errors.Is(err, links.ErrDeleted) && !errors.As(err, &other) {
		return url, "", err
	}
	transfer, err = a.upload(path, true, clipboard, 0)
	return "", transfer, err
}

// uploaded waits for a copy on the server.
func (a *App) uploaded(ctx context.Context, path string) (links.Copy, error) {
	at, ok := a.links.Of(path)
	if ok && config.Origin(at.Backend) == config.Origin(a.session.Snapshot().Settings.Sharing.BackendURL) {
		c, err := a.dial(at.Backend)
		if err == nil {
			_, err = c.Clip(ctx, at.ClipID)
		}
		if err == nil || !errors.Is(err, client.ErrNotFound) {
			return at, err
		}
		if err := a.links.Forget(path); err != nil {
			a.log.Warn("a deleted copy is not forgotten", "path", path, "error", err)
		}
	}
	id, err := a.upload(path, false, false, 0)
	if err != nil {
		return links.Copy{}, err
	}
	done, err := a.transfers.Wait(ctx, id)
	return links.Copy{Backend: done.Backend, ClipID: done.ClipID}, err
}

// transferred tells the user what came of a transfer. It is transfers.Options.Finished.
func (a *App) transferred(o transfers.Outcome) {
	name := map[string]any{"Name": o.Name()}
	switch {
	case o.Err != nil && o.Kind == transfers.Upload:
		a.failed(locale.Text("Couldn't upload {{.Name}}", name), o.Err)
	case o.Err != nil:
		a.failed(locale.Text("Couldn't download clip"), o.Err)
	case o.Kind == transfers.Upload:
		if o.Copy && o.URL != "" {
			a.linkCopied(o.Path, o.URL)
		}
	case o.Play:
		a.open(desktop.Open, o.Path)
	default:
		a.notify(desktop.Notification{Title: locale.Text("Clip downloaded"), Body: filepath.Base(o.Path),
			Actions: a.clipActions(o.Path)})
	}
	a.library.Refresh() // the clip has a copy on the server, or is one of those here
	a.refreshServer()
}

// linkCopied puts a link into the clipboard and says so. The path is that of the clip, empty where it is not here.
func (a *App) linkCopied(path, url string) {
	name, said := "", locale.Text("Anyone with the link can watch for 7 days.")
	if path != "" {
		name = filepath.Base(path)
		said = name + "\n" + said
	}
	a.ui.LinkCopied(name, url)
	a.notify(desktop.Notification{Title: locale.Text("Link copied"), Topic: topicLink, Body: said})
}

// listServer lists what the server has, for the list of clips, whenever there may be something else, until ctx ends.
func (a *App) listServer(ctx context.Context) {
	listed := "" // the server of the list
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.listing:
		}
		limited, cancel := context.WithTimeout(ctx, listWait)
		backend, found, err := a.remoteClips(limited)
		cancel()
		if listed != "" && listed != backend {
			a.library.SetRemotes(listed, nil)
			listed = ""
		}
		if err != nil {
			a.log.Debug("the clips of the server are not listed", "error", err)
			continue
		}
		remotes := make([]library.Remote, len(found))
		for i, c := range found {
			remotes[i] = remote(backend, c)
		}
		listed = backend
		a.library.SetRemotes(backend, remotes)
	}
}

// listWait bounds how long a list of the server's clips may take.
const listWait = time.Minute

// remote is a clip of the server as the list of clips has it.
func remote(backend string, c api.Clip) library.Remote {
	made := c.CreatedAt
	if c.To != nil {
		made = *c.To
	}
	return library.Remote{Copy: links.Copy{Backend: backend, ClipID: c.ClipID}, Created: made, Seconds: c.Seconds,
		Bytes: c.Bytes, Width: c.Width, Height: c.Height,
		Name: cmp.Or(api.Printable(c.Title), api.Printable(c.Owner)+" "+made.Local().Format("2006-01-02 15-04-05"))}
}

// remoteClips lists the clips of the server that the user may see and that are complete.
func (a *App) remoteClips(ctx context.Context) (backend string, out []api.Clip, err error) {
	if backend, err = a.server(); err != nil {
		return "", nil, err
	}
	c, err := a.dial(backend)
	if err != nil {
		return backend, nil, err
	}
	var before time.Time
	for len(out) < mostListed {
		list, err := c.ClipsBefore(ctx, before, true)
		if err != nil {
			return backend, nil, err
		}
		for _, clip := range list.Clips {
			if clip.State == api.ClipReady {
				out = append(out, clip)
			}
		}
		if len(list.Clips) < mostAtOnce {
			break
		}
		before = list.Clips[len(list.Clips)-1].CreatedAt
	}
	return backend, out, nil
}

// mostAtOnce is how many clips a server lists in one response.
const mostAtOnce = 1000

// copyOf is the copy on the server that a clip's file, or the id of a clip there, stands for.
func (a *App) copyOf(clip string) (links.Copy, error) {
	if at, ok := a.links.Of(clip); ok {
		return at, nil
	}
	if isPath(clip) {
		if _, err := os.Stat(clip); err != nil {
			return links.Copy{}, fmt.Errorf("%s doesn't exist", clip)
		}
		if _, err := a.server(); err != nil {
			return links.Copy{}, err
		}
		return links.Copy{}, links.ErrNoCopy
	}
	backend, err := a.server()
	return links.Copy{Backend: backend, ClipID: clip}, err
}

// isPath is whether a clip is named by its file, not by its id on the server.
func isPath(clip string) bool {
	return strings.ContainsRune(clip, filepath.Separator) || strings.EqualFold(filepath.Ext(clip), ".mp4")
}

// here is the file of a clip of the server, empty where it is not here.
func (a *App) here(at links.Copy) string {
	if path := a.links.Here(at); path != "" {
		return path
	}
	for _, i := range a.library.Snapshot().Items {
		if i.Path != "" && i.OnServer() && i.Copy == at {
			return i.Path
		}
	}
	return ""
}

// download brings a clip of the server into the clip folder, and returns the transfer's id.
func (a *App) download(at links.Copy) string {
	return a.transfers.Download(at.Backend, at.ClipID, a.session.Snapshot().Folder, false)
}

// dropWatched deletes what was only watched in the last run.
func (a *App) dropWatched() {
	if err := os.RemoveAll(watchFolder()); err != nil {
		a.log.Warn("clips that were watched are not deleted", "error", err)
	}
}

// watchFolder has clips of the server that are only watched.
func watchFolder() string { return filepath.Join(filepath.Dir(iconPath()), "watched") }

// watchedLife is how long a clip that was only watched stays.
const watchedLife = 24 * time.Hour

// forgetWatched deletes the clips in a folder that were only watched, some time ago.
func forgetWatched(folder string, now time.Time) error {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if info, gone := e.Info(); gone == nil && now.Sub(info.ModTime()) > watchedLife {
			err = errors.Join(err, os.Remove(filepath.Join(folder, e.Name())))
		}
	}
	return err
}

// watch plays a clip that is only on the server: in the browser, where it begins at once. Who may see a clip, but not
// hand it out, gets it downloaded first.
func (a *App) watch(ctx context.Context, at links.Copy) error {
	c, err := a.dial(at.Backend)
	if err != nil {
		return err
	}
	link, err := c.CreateLink(ctx, at.ClipID, watchLife)
	switch {
	case err == nil:
		return desktop.OpenURL(link.URL)
	case errors.Is(err, client.ErrUnreachable), errors.Is(err, client.ErrToken), errors.Is(err, client.ErrNotFound):
		return err
	}
	a.transfers.Download(at.Backend, at.ClipID, watchFolder(), true)
	return nil
}

// clips is ui.Server.
type clips struct{ *App }

func (c clips) Transfers() (items <-chan []transfers.Item, stop func()) { return c.transfers.Watch() }

func (c clips) Retry(id string) { c.transfers.Retry(id) }

func (c clips) Remove(id string) { c.transfers.Remove(id) }

func (c clips) Share(ctx context.Context, path string) (url string, err error) {
	url, _, err = c.shareFile(ctx, path, true)
	return url, err
}

func (c clips) ShareCopy(ctx context.Context, at links.Copy) (url string, err error) {
	return c.linkTo(ctx, at, "")
}

func (c clips) Links(ctx context.Context, at links.Copy) ([]api.Link, error) {
	server, err := c.dial(at.Backend)
	if err != nil {
		return nil, err
	}
	list, err := server.Links(ctx, at.ClipID)
	if err != nil {
		return nil, err
	}
	return list.Links, nil
}

func (c clips) Unlink(ctx context.Context, at links.Copy, link string) error {
	server, err := c.dial(at.Backend)
	if err != nil {
		return err
	}
	return server.RevokeLink(ctx, at.ClipID, link)
}

func (c clips) Download(at links.Copy) { c.download(at) }

func (c clips) Refresh() { c.refreshServer() }

func (c clips) Watch(ctx context.Context, at links.Copy) error { return c.watch(ctx, at) }

// secrets is the token store of a session, which says when there is another token.
type secrets struct {
	*token.Store
	changed func()
}

// Set implements session.Secrets.
func (s secrets) Set(token, server string) error {
	err := s.Store.Set(token, server)
	if err == nil {
		s.changed()
	}
	return err
}

// followServer has transfers tried again at once when the server or its token is another one, until the session ends.
func (a *App) followServer() {
	snapshots, stop := a.session.Watch()
	defer stop()
	var last config.Sharing
	first := true
	for s := range snapshots {
		now := s.Settings.Sharing
		if now.BackendURL == last.BackendURL && now.AllowHTTP == last.AllowHTTP && !first {
			continue
		}
		if last = now; !first { // what had stopped when the app ended stays so
			a.transfers.Wake()
		}
		first = false
		a.refreshServer()
	}
}

// newToken is called when there is another token.
func (a *App) newToken() {
	a.transfers.Wake()
	a.refreshServer()
}

// refreshServer has the clips of the server listed again; it does not wait.
func (a *App) refreshServer() { media.Poke(a.listing) }
