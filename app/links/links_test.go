package links

import (
	"encoding/json"
	"fmt"
	"image"
	"image/jpeg"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/capture/clip"
	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/client"
)

// What was written down is there after a restart, except for deleted files.
func TestBook(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	here, gone := filepath.Join(t.TempDir(), "here.mp4"), filepath.Join(t.TempDir(), "gone.mp4")
	require.NoError(t, os.WriteFile(here, nil, 0o600))
	b := Open(dir)
	require.NoError(t, b.Add(here, Copy{"https://a", "1"}))
	require.NoError(t, b.Add(gone, Copy{"https://a", "2"}))
	b = Open(dir)
	c, ok := b.Of(here)
	require.True(t, ok)
	require.Equal(t, Copy{"https://a", "1"}, c)
	_, ok = b.Of(gone)
	require.False(t, ok)
	require.NoError(t, os.WriteFile(b.file, []byte("{"), 0o600))
	_, ok = Open(dir).Of(here)
	require.False(t, ok, "a broken book is empty")
}

// A renamed clip keeps its copy, a new one under its old name has none, and a drive that is away is not forgotten.
func TestBookFollowsClips(t *testing.T) {
	dir, drive := t.TempDir(), filepath.Join(t.TempDir(), "drive")
	require.NoError(t, os.Mkdir(drive, 0o700))
	first, second := filepath.Join(drive, "first.mp4"), filepath.Join(drive, "second.mp4")
	require.NoError(t, os.WriteFile(first, []byte("the first clip"), 0o600))
	require.NoError(t, Open(dir).Add(first, Copy{"https://a", "1"}))
	require.NoError(t, os.Rename(first, second))
	require.NoError(t, os.WriteFile(first, []byte("another clip"), 0o600))
	b := Open(dir)
	c, ok := b.Of(second)
	require.True(t, ok)
	require.Equal(t, Copy{"https://a", "1"}, c)
	require.NoError(t, b.Add(second, c))
	require.Equal(t, second, b.Here(c))
	require.Empty(t, b.Here(Copy{"https://b", "1"}))
	_, ok = b.Of(first)
	require.False(t, ok)
	require.NoError(t, os.Rename(drive, drive+" away"))
	b = Open(dir)
	require.NoError(t, b.Add(filepath.Join(t.TempDir(), "other.mp4"), Copy{"https://a", "2"}))
	require.NoError(t, os.Rename(drive+" away", drive))
	_, ok = Open(dir).Of(second)
	require.True(t, ok)
}

// The book forgets what the server has deleted, under whatever name, and the oldest of too many.
func TestBookForgets(t *testing.T) {
	dir, files := t.TempDir(), t.TempDir()
	first, second := filepath.Join(files, "first.mp4"), filepath.Join(files, "second.mp4")
	require.NoError(t, os.WriteFile(first, []byte("the clip"), 0o600))
	b := Open(dir)
	require.NoError(t, b.Add(first, Copy{"https://a", "1"}))
	require.NoError(t, os.Rename(first, second))
	require.NoError(t, b.Forget(second))
	_, ok := Open(dir).Of(second)
	require.False(t, ok)
	require.NoError(t, b.Forget(second), "twice")

	for i := range maxCopies + 5 {
		b.copies[fmt.Sprintf("/away/%d.mp4", i)] = entry{
			Copy: Copy{"https://a", strconv.Itoa(i)}, Print: "x", Added: time.Unix(int64(i), 0)}
	}
	b.copies["/away/old.mp4"] = entry{Copy: Copy{"https://a", "old"}, Print: "x"} // of a release before
	require.NoError(t, b.Add(second, Copy{"https://a", "new"}))
	b = Open(dir)
	require.Len(t, b.copies, maxCopies)
	for path, there := range map[string]bool{"/away/old.mp4": false, "/away/5.mp4": false, "/away/6.mp4": true,
		second: true} {
		_, ok := b.copies[path]
		require.Equal(t, there, ok, path)
	}
}

// A link is made with a poster; without one where the server accepts none; and not for a deleted clip.
func TestMake(t *testing.T) {
	var width int
	posterStatus, linkStatus := http.StatusNoContent, http.StatusCreated
	mux := http.NewServeMux()
	mux.HandleFunc("PUT "+api.Prefix+"/clips/one/poster", func(w http.ResponseWriter, r *http.Request) {
		if c, err := jpeg.DecodeConfig(r.Body); err == nil {
			width = c.Width
		}
		w.WriteHeader(posterStatus)
	})
	mux.HandleFunc("POST "+api.Prefix+"/clips/one/links", func(w http.ResponseWriter, _ *http.Request) {
		if linkStatus != http.StatusCreated {
			w.Header().Set("Content-Type", api.ProblemMediaType)
			w.WriteHeader(linkStatus)
			_ = json.NewEncoder(w).Encode(api.Problem{Type: api.ProblemNotFound, Detail: "no such clip"})
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(linkStatus)
		_ = json.NewEncoder(w).Encode(api.Link{LinkID: "l", URL: "https://x/watch/y", ExpiresAt: time.Now()})
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	log := slog.New(slog.DiscardHandler)
	backend, err := client.New(server.URL, "hs_x")
	require.NoError(t, err)
	link, err := Make(t.Context(), backend, "one", image.NewGray(image.Rect(0, 0, 64, 36)), log)
	require.NoError(t, err)
	require.Equal(t, "https://x/watch/y", link.URL)
	require.Equal(t, 64, width)
	posterStatus = http.StatusBadRequest
	_, err = Make(t.Context(), backend, "one", image.NewGray(image.Rect(0, 0, 64, 36)), log)
	require.NoError(t, err)
	linkStatus = http.StatusNotFound
	_, err = Make(t.Context(), backend, "one", nil, log)
	require.ErrorContains(t, err, "was deleted")
}

// The two copies of one press are joined whichever is done first; a press without one of them is none.
func TestPairs(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.mp4")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	local := func(id int, server session.CopyState) session.Event {
		return session.Event{Kind: session.LocalSaved, Save: &session.SaveRecord{ID: id, Local: "saved", Server: server,
			Clip: &clip.Clip{Path: file}}}
	}
	server := func(id int, local session.CopyState) session.Event {
		return session.Event{Kind: session.ServerSaved, Save: &session.SaveRecord{ID: id, Local: local, Server: "saved",
			ClipID: "one"}}
	}
	failed := session.Event{Kind: session.ServerFailed, Save: &session.SaveRecord{ID: 1}}
	for name, c := range map[string]struct {
		events []session.Event
		paired bool
	}{
		"local first":   {[]session.Event{local(1, "saving"), server(1, "saving")}, true},
		"server first":  {[]session.Event{server(1, "saving"), local(1, "saving")}, true},
		"two presses":   {[]session.Event{local(1, "saving"), server(2, "saving")}, false},
		"only local":    {[]session.Event{local(1, "off")}, false},
		"only server":   {[]session.Event{server(1, "off")}, false},
		"server failed": {[]session.Event{local(1, "saving"), failed, server(1, "saving")}, false},
		"other events":  {[]session.Event{{Kind: session.Trouble}, local(1, "saving")}, false},
	} {
		b, p := Open(t.TempDir()), Pairs{}
		for _, e := range c.events {
			require.NoError(t, p.Note(e, b, "https://a"))
		}
		at, ok := b.Of(file)
		require.Equal(t, c.paired, ok, name)
		if ok {
			require.Equal(t, Copy{"https://a", "one"}, at)
			require.Empty(t, p, name)
		}
	}
}

// A clip that gets another path keeps its copy, also one whose copy comes to the server after that.
func TestBookFollowsAMove(t *testing.T) {
	dir, old, next := t.TempDir(), filepath.Join(t.TempDir(), "old.mp4"), filepath.Join(t.TempDir(), "new.mp4")
	require.NoError(t, os.WriteFile(old, []byte("the clip"), 0o600))
	b := Open(dir)
	require.NoError(t, b.Add(old, Copy{"https://a", "1"}))
	require.NoError(t, os.Rename(old, next))
	require.NoError(t, b.Moved(old, next))
	c, ok := Open(dir).Of(next)
	require.True(t, ok)
	require.Equal(t, Copy{"https://a", "1"}, c)
	_, ok = Open(dir).Of(old)
	require.False(t, ok)
	require.NoError(t, b.Forget(next))
	require.NoError(t, b.Add(old, Copy{"https://a", "2"}))
	c, _ = Open(dir).Of(next)
	require.Equal(t, "2", c.ClipID)
	require.NoError(t, b.Moved(next, old), "and back")
	require.NoError(t, b.Moved(old, next))
	c, _ = b.Of(next)
	require.Equal(t, "2", c.ClipID)

	// Another clip that gets the old path is none that was moved.
	require.NoError(t, os.WriteFile(old, []byte("another clip"), 0o600))
	require.NoError(t, b.Add(old, Copy{"https://a", "3"}))
	c, _ = b.Of(old)
	require.Equal(t, "3", c.ClipID)
	c, _ = b.Of(next)
	require.Equal(t, "2", c.ClipID)
}
