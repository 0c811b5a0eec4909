package app

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/desktop"
	"github.com/hindsight-app/hindsight/app/locale"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/app/storage"
	"github.com/hindsight-app/hindsight/capture/clip"
	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/client"
)

// serverWait bounds the question what the server has.
const serverWait = 10 * time.Second

// openStorage needs the session only once it follows.
func (a *App) openStorage(dir string) *storage.Manager {
	return storage.Open(storage.Options{
		Dir: dir, Recovery: config.JournalFolder(), Settings: a.storageSettings, Busy: a.beingWritten, Moved: a.clipMoved,
		SetFolder: func(ctx context.Context, folder string) error {
			c := a.session.Snapshot().Settings
			if folder == config.DefaultClipFolder() {
				folder = ""
			}
			return a.session.Apply(ctx, config.Edit(c, func(c *config.Config) { c.Replay.Folder = folder })).Err()
		},
		Report:  func(message string) { a.session.Report("clip folder", message) },
		Folders: func(all []string) { a.library.SetMore(all[1:]...); a.library.Refresh() },
		Server:  a.serverUsage, Returned: a.clipsReturned, Log: a.log,
	})
}

func (a *App) storageSettings() storage.Settings {
	c := a.session.Snapshot().Settings
	return storage.Settings{Folder: c.ClipFolder(), Fallback: config.DefaultClipFolder(),
		Limit: int64(c.Clips.QuotaGB) * 1e9}
}

// place is session.Options.Place.
func (a *App) place(folder string) clip.Place {
	return a.storage.Place(folder, config.DefaultClipFolder())
}

// beingWritten are files that may not be moved or deleted now.
func (a *App) beingWritten() (paths []string) {
	s := a.session.Snapshot()
	if s.Recording != nil && s.Recording.Path != "" {
		paths = append(paths, s.Recording.Path)
	}
	return paths
}

// followFolder has a change of what storage is about looked at, until the session ends.
func (a *App) followFolder() {
	snapshots, stop := a.session.Watch()
	defer stop()
	type about struct {
		folder    string
		limit     int
		recording bool
	}
	var last about
	for s := range snapshots {
		if now := (about{s.Folder, s.Settings.Clips.QuotaGB, s.Recording != nil}); now != last {
			last = now
			a.library.SetFolder(s.Folder)
			a.transfers.SetFolder(s.Folder)
			a.storage.Look()
		}
	}
}

// clipMoved keeps what belongs to a clip that has another path now.
func (a *App) clipMoved(from, to string) {
	if err := a.links.Moved(from, to); err != nil {
		a.log.Warn("a clip may not be shared by a link later", "path", to, "error", err)
	}
	a.transfers.Moved(from, to)
	a.session.ClipMoved(from, to)
}

// savedPath is the file that an event is about, empty for none.
func savedPath(e session.Event) string {
	switch {
	case e.Kind == session.LocalSaved:
		return e.Save.Clip.Path
	case e.Kind == session.Recorded, e.Kind == session.Shot:
		return e.Path
	}
	return ""
}

// placed notes a new file that is in the fallback because the clip folder did not take it.
func (a *App) placed(path string) {
	folder := a.session.Snapshot().Folder
	if in := filepath.Dir(path); path != "" && in == config.DefaultClipFolder() && in != folder {
		a.storage.Saved(path)
	}
}

// elsewhere says where a new file is, and why it is not in the clip folder.
func elsewhere(path, reason string) string {
	return filepath.Base(path) + "\n" + locale.Text("It is in {{.Folder}}. {{.Reason}}", map[string]any{
		"Folder": filepath.Dir(path), "Reason": locale.Message(session.Sentence(reason))})
}

// clipsReturned tells that clips are where they belong again.
func (a *App) clipsReturned(clips int, folder string) {
	a.notify(desktop.Notification{Title: locale.Text("The clip folder is back"), Quiet: true,
		Body: locale.Plural("{{.PluralCount}} files were moved into it", clips) + "\n" + folder})
}

// serverUsage asks the server what it has of this user's.
func (a *App) serverUsage(ctx context.Context) *storage.Server {
	c := a.session.Snapshot().Settings.Sharing
	if c.BackendURL == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, serverWait)
	defer cancel()
	list, err := a.serverClips(ctx, c)
	if err != nil {
		return &storage.Server{Error: session.Plain(err)}
	}
	s := &storage.Server{}
	for _, clip := range list.Clips {
		if clip.State == api.ClipReady {
			s.Clips++
			s.Bytes += clip.Bytes
		}
	}
	return s
}

func (a *App) serverClips(ctx context.Context, c config.Sharing) (*api.ClipList, error) {
	token, err := a.tokens.For(c.BackendURL)
	if err != nil {
		return nil, err
	}
	var options []client.Option
	if c.AllowHTTP {
		options = append(options, client.WithPlainHTTP())
	}
	backend, err := client.New(c.BackendURL, token, options...)
	if err != nil {
		return nil, err
	}
	return backend.Clips(ctx)
}

// folderAway is library.Options.Away.
func (a *App) folderAway(folder string) bool {
	return errors.Is(a.storage.Place(folder, "").CheckAway(), clip.ErrAway)
}
