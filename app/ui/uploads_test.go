package ui

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/library"
	"github.com/hindsight-app/hindsight/app/links"
	"github.com/hindsight-app/hindsight/app/transfers"
	"github.com/hindsight-app/hindsight/capture/clip"
	"github.com/hindsight-app/hindsight/publish/api"
)

// team is a server in memory: one file has a copy there, others are to be uploaded.
type team struct {
	items chan []transfers.Item

	mu    sync.Mutex
	calls []string
	links []api.Link
	watch []api.WatchLink
	err   error
}

func newTeam() *team {
	return &team{items: make(chan []transfers.Item, 1), links: []api.Link{
		{LinkID: "one", MadeBy: "alice",
			CreatedAt: time.Now().Add(-time.Hour), ExpiresAt: time.Now().Add(6 * 24 * time.Hour)},
		{LinkID: "two", CreatedAt: time.Now().Add(-time.Minute), ExpiresAt: time.Now().Add(time.Hour)}}}
}

func (s *team) note(what ...string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, strings.Join(what, " "))
	return s.err
}

// called are the calls since the last time.
func (s *team) called() (calls []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls, s.calls = s.calls, nil
	return calls
}

func (s *team) Transfers() (<-chan []transfers.Item, func()) { return s.items, func() {} }
func (s *team) Retry(id string)                              { _ = s.note("retry", id) }
func (s *team) Remove(id string)                             { _ = s.note("remove", id) }
func (s *team) Download(at links.Copy)                       { _ = s.note("download", at.ClipID) }
func (s *team) Refresh()                                     {}

func (s *team) Share(_ context.Context, path string) (string, error) {
	if err := s.note("share", path); err != nil || path == "/here.mp4" {
		return "", err
	}
	return "https://x/watch/" + filepath.Base(path), nil
}

func (s *team) ShareCopy(_ context.Context, at links.Copy) (string, error) {
	return "https://x/watch/" + at.ClipID, s.note("share copy", at.ClipID)
}

func (s *team) Links(context.Context, links.Copy) ([]api.Link, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.links, s.err
}

func (s *team) Unlink(_ context.Context, at links.Copy, link string) error {
	err := s.note("unlink", at.ClipID, link)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.links = s.links[1:]
	return err
}

func (s *team) Watch(_ context.Context, at links.Copy) error { return s.note("watch", at.ClipID) }

func (s *team) TeamPage(context.Context) error { return s.note("team page") }

// act runs one of the actions for clips, which must be usable.
func act(t *testing.T, u *UI, id string, items ...library.Item) {
	t.Helper()
	for _, a := range clipActions() {
		if a.id == id {
			require.True(t, a.usable(items), "%s of %v", id, items)
			a.run(u, items)
			return
		}
	}
	t.Fatalf("there is no action %q", id)
}

// The strip at the window's end shows what is transferred, with what can be done about it, and goes with the last one.
func TestTransfersAreShown(t *testing.T) {
	b := start(t)
	s := b.ui.strip
	b.ui.show(pageHome)
	b.settle()
	require.False(t, s.root.Visible())
	feed := func(items ...transfers.Item) {
		t.Helper()
		b.server.items <- items
		eventually(t, "the strip has them", func() bool {
			b.settle()
			s.mu.Lock()
			defer s.mu.Unlock()
			return slices.Equal(s.newest, items) && !s.queued && len(b.server.items) == 0
		})
	}
	running := transfers.Item{ID: "a", Kind: transfers.Upload, Path: "/clips/first.mp4", State: transfers.Running,
		Bytes: 40e6, Sent: 10e6, Rate: 1e6}
	stopped := transfers.Item{ID: "b", Kind: transfers.Upload, Path: "/clips/second.mp4", State: transfers.Stopped,
		Bytes: 1e6, Error: "Second.mp4 no longer exists, so it can't be uploaded."}
	waiting := transfers.Item{ID: "c", Kind: transfers.Download, ClipID: "x", State: transfers.Waiting}
	retrying := transfers.Item{ID: "d", Kind: transfers.Download, ClipID: "y", State: transfers.Retrying, Bytes: 1e6,
		Error: "Server unreachable: nothing listens there.", RetryAt: time.Now().Add(30 * time.Second)}
	feed(waiting, stopped, running, retrying)
	require.True(t, s.root.Visible())
	row := s.rows[0]
	require.Equal(t, "Uploading first.mp4", row.name.Text)
	require.Equal(t, "10.0 MB of 40.0 MB · 30 s left", row.detail.Text)
	require.InDelta(t, 0.25, row.gauge.value, 0.001)
	require.False(t, row.again.Visible())
	test.Tap(row.stop)
	row = s.rows[1]
	require.Contains(t, row.detail.Text, "no longer exists")
	require.Equal(t, fyne.TextWrapWord, row.detail.Wrapping, "the whole reason")
	test.Tap(row.again)
	require.Equal(t, "Couldn't upload second.mp4", row.name.Text)
	require.True(t, s.more.Visible())
	require.Equal(t, "2 more", s.left.Text)
	require.False(t, s.failed.Visible(), "one has a row of its own")
	says := transferDetail(retrying, time.Now())
	require.Contains(t, says, "Retrying in ")
	require.Contains(t, says, "unreachable")
	b.settle()
	require.ElementsMatch(t, []string{"remove a", "retry b"}, b.server.called())

	// Several that stopped are one line, which opens.
	second := stopped
	second.ID = "e"
	feed(stopped, second, second, retrying)
	require.True(t, s.failed.Visible())
	require.Equal(t, "3 transfers failed", s.count.Text)
	require.Equal(t, retrying.ID, s.rows[0].item.ID)
	require.False(t, s.rows[1].root.Visible())
	require.False(t, s.more.Visible())
	require.False(t, s.scroll.Visible())
	test.Tap(s.toggle)
	require.True(t, s.scroll.Visible())
	require.Len(t, s.each, 3)
	require.Contains(t, s.each[2].detail.Text, "no longer exists")
	test.Tap(s.each[1].again)
	b.settle()
	require.Equal(t, []string{"retry e"}, b.server.called())
	test.Tap(s.toggle)
	require.False(t, s.scroll.Visible())
	test.Tap(s.drop)
	b.settle()
	require.Equal(t, []string{"remove b", "remove e", "remove e"}, b.server.called())

	// What is gone is not tried again.
	stopped.Final = true
	feed(stopped)
	require.False(t, s.rows[0].again.Visible())

	// A hidden window is not bothered, and shows the newest when it is back.
	b.ui.closed()
	feed(running)
	b.ui.show(pageHome)
	require.False(t, s.rows[1].root.Visible())
	require.False(t, s.more.Visible())
	feed()
	require.False(t, s.root.Visible())
	b.ui.LinkCopied("first.mp4", "https://x/watch/first")
	b.settle()
	require.True(t, s.root.Visible())
	require.Equal(t, "https://x/watch/first", b.ui.app.Clipboard().Content())
	s.clear(s.saying)
	require.False(t, s.root.Visible())
}

// Any clip has a link: at once where the server has it, else after an upload. What only the server has can be watched
// and downloaded.
func TestWhatIsDoneWithTheServersClips(t *testing.T) {
	b := start(t)
	u := b.ui
	u.show(pageClips)
	item := func(path, id string) library.Item {
		return library.Item{Clip: clip.Clip{Path: path, Width: 64, Height: 36}, Copy: links.Copy{Backend: "x", ClipID: id}}
	}
	both, here, there := item("/both.mp4", "both"), item("/here.mp4", ""), item("", "there")
	for _, c := range []struct {
		action string
		item   library.Item
		call   string
		copied string
	}{
		{"link", both, "share /both.mp4", "https://x/watch/both.mp4"},
		{"link", here, "share /here.mp4", ""},
		{"link", there, "share copy there", "https://x/watch/there"},
		{"play", there, "watch there", ""},
		{"download", there, "download there", ""},
	} {
		u.app.Clipboard().SetContent("")
		act(t, u, c.action, c.item)
		b.settle()
		require.Equal(t, []string{c.call}, b.server.called())
		require.Equal(t, c.copied, u.app.Clipboard().Content())
		require.Nil(t, u.window.Canvas().Overlays().Top())
	}
	for _, a := range clipActions() {
		if a.id == "download" {
			require.False(t, a.usable([]library.Item{here}), a.id)
			require.False(t, a.usable([]library.Item{both}), a.id)
		}
	}
	b.server.err = errors.New("the server has no space left")
	act(t, u, "link", here)
	b.settle()
	require.NotNil(t, u.window.Canvas().Overlays().Top(), "nothing is said")
}

func TestLinksAreRevoked(t *testing.T) {
	b := start(t)
	b.ui.show(pageClips)
	at := links.Copy{Backend: "x", ClipID: "clip"}
	l := b.ui.showLinks("A clip", at)
	b.settle()
	require.Len(t, l.rows.Objects, 2)
	require.False(t, l.note.Visible())
	l.revoke("one")
	b.settle()
	require.Equal(t, []string{"unlink clip one"}, b.server.called())
	require.Len(t, l.rows.Objects, 1)
	l.revoke("two")
	b.settle()
	require.Empty(t, l.rows.Objects)
	require.True(t, l.note.Visible())
	b.ui.window.Canvas().OnTypedKey()(&fyne.KeyEvent{Name: fyne.KeyEscape})
	require.Nil(t, b.ui.window.Canvas().Overlays().Top())
}
