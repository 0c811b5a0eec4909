package library_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/library"
	"github.com/hindsight-app/hindsight/app/links"
	"github.com/hindsight-app/hindsight/capture/capturetest"
	"github.com/hindsight-app/hindsight/capture/clip"
)

// save puts a clip of two seconds into a folder.
func save(t *testing.T, folder, name string) string {
	t.Helper()
	video, err := capturetest.Packets(t.Context(), 2*time.Second)
	require.NoError(t, err)
	c, err := clip.Save(context.Background(), clip.Request{Folder: folder, Video: video, End: 2 * time.Second, Name: name,
		App: "Pong", Width: 320, Height: 180, Created: time.Date(2026, 3, 4, 5, 6, 7, 0, time.Local)})
	require.NoError(t, err)
	return c.Path
}

func open(t *testing.T, folder string, o library.Options) *library.Library {
	t.Helper()
	o.Log = slog.New(slog.DiscardHandler)
	l := library.Open(o)
	t.Cleanup(l.Close)
	l.SetFolder(folder)
	return l
}

func eventually(t *testing.T, l *library.Library, what string, holds func([]library.Item) bool) []library.Item {
	t.Helper()
	require.Eventually(t, func() bool {
		s := l.Snapshot()
		return s.Read && holds(s.Items)
	}, 20*time.Second, 10*time.Millisecond, what)
	return l.Snapshot().Items
}

func names(items []library.Item) string {
	var out []string
	for _, i := range items {
		out = append(out, i.Name)
	}
	return strings.Join(out, ",")
}

// What others do in the folder shows up by itself: a star changes neither size nor time of the file.
func TestChangesFromOutsideShowUp(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "made later")
	l := open(t, folder, library.Options{})
	eventually(t, l, "there is no folder yet", func(i []library.Item) bool { return len(i) == 0 })
	path := save(t, folder, "a")
	l.Refresh() // as after a save: the folder came into being
	items := eventually(t, l, "the clip", func(i []library.Item) bool { return names(i) == "a" })
	require.Equal(t, "Pong", items[0].Program)
	require.Equal(t, clip.Replay, items[0].Kind)
	require.True(t, items[0].Here() && items[0].Playable() && !items[0].OnServer())
	changed, stop := l.Watch()
	defer stop()
	require.NoError(t, clip.Star(path, true))
	<-changed
	eventually(t, l, "its star", func(i []library.Item) bool { return i[0].Starred })
	require.NoError(t, os.Rename(path, filepath.Join(folder, "b.mp4")))
	eventually(t, l, "its name", func(i []library.Item) bool { return names(i) == "b" && i[0].Starred })
	require.NoError(t, os.WriteFile(filepath.Join(folder, "notes.txt"), nil, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "broken.mp4"), []byte("x"), 0o600))
	items = eventually(t, l, "a file that is no clip", func(i []library.Item) bool { return len(i) == 2 })
	require.False(t, items[0].Playable(), "the newest is first")
	away := folder + " is elsewhere"
	require.NoError(t, os.Rename(folder, away))
	l.Refresh()
	items = eventually(t, l, "the drive is away", func(i []library.Item) bool { return len(i) == 2 && i[0].Away })
	require.False(t, items[0].Here())
	require.True(t, l.Snapshot().Away)
	require.NoError(t, os.Rename(away, folder))
	eventually(t, l, "it is back", func(i []library.Item) bool { return len(i) == 2 && i[0].Here() })
	require.NoError(t, clip.Star(filepath.Join(folder, "b.mp4"), false))
	eventually(t, l, "changes there", func(i []library.Item) bool { return !i[1].Starred })
}

// The next start knows what this one read, and reads only what has changed since.
func TestWhatWasReadIsKept(t *testing.T) {
	dir := t.TempDir()
	folder, cache := filepath.Join(dir, "clips"), filepath.Join(dir, "cache", "clips.json")
	path := save(t, folder, "a")
	l := open(t, folder, library.Options{Cache: cache})
	eventually(t, l, "the clip", func(i []library.Item) bool { return len(i) == 1 })
	l.Close()
	raw, err := os.ReadFile(cache)
	require.NoError(t, err)
	require.True(t, json.Valid(raw))
	require.NoError(t, os.WriteFile(cache, []byte(strings.ReplaceAll(string(raw), "Pong", "Kept")), 0o600))
	l = open(t, folder, library.Options{Cache: cache})
	eventually(t, l, "what is kept", func(i []library.Item) bool { return i[0].Program == "Kept" })
	require.NoError(t, clip.Star(path, true))
	eventually(t, l, "what changed", func(i []library.Item) bool { return i[0].Program == "Pong" && i[0].Starred })
	l.Close()
	require.NoError(t, os.WriteFile(cache, []byte("null"), 0o600))
	l = open(t, folder, library.Options{Cache: cache})
	eventually(t, l, "a cache that is damaged", func(i []library.Item) bool { return len(i) == 1 })
}

// A clip that is here and on the server is one clip, and one that is only there has no file.
func TestClipsOfTheServer(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(dir, "clips")
	path := save(t, folder, "both")
	book := links.Open(dir)
	both := links.Copy{Backend: "https://x", ClipID: "1"}
	require.NoError(t, book.Add(path, both))
	renamed, err := clip.Rename(path, "renamed")
	require.NoError(t, err)
	l := open(t, folder, library.Options{Copies: book})
	l.SetRemotes("https://x", []library.Remote{{Copy: both, Name: "both"},
		{Copy: links.Copy{Backend: "https://x", ClipID: "2"}, Name: "there", Created: time.Now(), Seconds: 3}})
	items := eventually(t, l, "both", func(i []library.Item) bool { return len(i) == 2 })
	require.Equal(t, "there,renamed", names(items))
	require.True(t, items[0].OnServer() && !items[0].Here() && items[0].Path == "")
	require.True(t, items[1].OnServer() && items[1].Here() && items[1].Path == renamed)
	require.NotEqual(t, items[0].ID(), items[1].ID())
}

// Of five thousand clips each is read once, and looking again reads none.
func TestManyClips(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(dir, "clips")
	first := save(t, folder, "0000")
	for i := range 4999 {
		require.NoError(t, os.Link(first, filepath.Join(folder, fmt.Sprintf("%04d.mp4", i+1))))
	}
	cache := filepath.Join(dir, "cache.json")
	for _, what := range []string{"first", "second"} {
		began := time.Now()
		l := open(t, folder, library.Options{Cache: cache, Copies: links.Open(dir)})
		items := eventually(t, l, what, func(i []library.Item) bool { return len(i) == 5000 })
		t.Logf("the %s start lists 5,000 clips after %v", what, time.Since(began).Round(time.Millisecond))
		began = time.Now()
		shown := library.View{Text: "2026 pong 49", Order: library.BySize}.Of(items)
		require.Len(t, shown, 199)
		t.Logf("searching and sorting takes %v", time.Since(began).Round(time.Microsecond))
		l.Close()
	}
}

// What a server lists can be played, though it may not say how large it is.
func TestClipsWithoutASizeArePlayable(t *testing.T) {
	there := library.Item{Copy: links.Copy{Backend: "https://a", ClipID: "1"}}
	require.True(t, there.Playable())
	there.Path = "/clips/text.mp4"
	require.False(t, there.Playable(), "a file without a size is no video")
}
