package ui

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/publish/api"
)

func (s *team) NewWatchLink(_ context.Context, life time.Duration, clips api.ClipPolicy) (api.WatchLink, error) {
	if err := s.note("watch link", life.String(), clips.String()); err != nil {
		return api.WatchLink{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := api.WatchLink{LinkID: fmt.Sprint("w", len(s.watch)+1), Clips: clips, CreatedAt: time.Now(),
		ExpiresAt: time.Now().Add(life)}
	s.watch = append(s.watch, l)
	l.URL = "https://x/watch?link=" + l.LinkID
	return l, nil
}

func (s *team) WatchLinks(context.Context) ([]api.WatchLink, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.watch), s.err
}

func (s *team) RevokeWatchLink(_ context.Context, link string) error {
	err := s.note("revoke", link)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watch = slices.DeleteFunc(s.watch, func(l api.WatchLink) bool { return l.LinkID == link })
	return err
}

// sharing is a bench that shares in a room, with a replay on the server.
func sharing(t *testing.T) *bench {
	t.Helper()
	b := start(t)
	require.NoError(t, b.tokens.Set("secret", "https://replay.example.com"))
	b.change(t, func(c *config.Config) {
		c.Sharing.BackendURL, c.Sharing.Room = "https://replay.example.com", "studio"
	})
	b.ui.show(pageHome)
	b.settle()
	require.NoError(t, b.session.SetShare(true))
	eventually(t, "it is live", func() bool { return b.session.Snapshot().Share.State == session.ShareLive })
	b.settle()
	b.ui.home.update(b.session.Snapshot())
	require.False(t, b.ui.home.server.button.Visible(), "the server has no replay yet")
	b.engine.Publisher().SetStatus(session.ShareStatus{State: session.ShareLive, Room: "studio", ReplayID: "r",
		Recording: session.ServerActive, ServerSeconds: 42})
	eventually(t, "the server has a replay", func() bool {
		b.settle()
		b.ui.home.update(b.session.Snapshot())
		return b.ui.home.server.button.Visible()
	})
	return b
}

// A watch link is made as it is chosen, copied, listed and revoked; what fails is said.
func TestWatchLinks(t *testing.T) {
	b := sharing(t)
	labels := func() (all []string) {
		for _, i := range b.ui.tray.menu(b.session.Snapshot()).Items {
			all = append(all, i.Label)
		}
		return all
	}
	require.Contains(t, labels(), "Copy watch link…")
	test.Tap(b.ui.home.server.button)
	top := func() fyne.CanvasObject { return b.ui.window.Canvas().Overlays().Top() }
	require.NotNil(t, top())
	var pick []*widget.Select
	buttons := func() map[string]*widget.Button {
		found := map[string]*widget.Button{}
		pick = nil
		for _, o := range test.LaidOutObjects(top()) {
			switch x := o.(type) {
			case *widget.Button:
				found[x.Text] = x
			case *widget.Select:
				pick = append(pick, x)
			}
		}
		return found
	}
	says := func(text string) {
		t.Helper()
		eventually(t, text, func() bool {
			b.settle()
			for _, o := range test.LaidOutObjects(top()) {
				if l, ok := o.(*widget.Label); ok && l.Visible() && l.Text == text {
					return true
				}
			}
			return false
		})
	}
	says("There are none.")
	copyLink := buttons()["Copy watch link"]
	require.Equal(t, []string{"1 day", "Ask me each time"}, []string{pick[0].Selected, pick[1].Selected})
	pick[0].SetSelected("1 hour")
	pick[1].SetSelected("Anyone with the link")
	test.Tap(copyLink)
	says("The link is in the clipboard.")
	require.Equal(t, []string{"watch link 1h0m0s anyone"}, b.server.called())
	require.Equal(t, "https://x/watch?link=w1", b.ui.app.Clipboard().Content())
	eventually(t, "it is listed", func() bool { b.settle(); return buttons()["Revoke"] != nil })
	test.Tap(buttons()["Revoke"])
	says("There are none.")
	require.Equal(t, []string{"revoke w1"}, b.server.called())

	b.server.mu.Lock()
	b.server.err = errors.New("the server keeps no replay of your screen now; start sharing first")
	b.server.mu.Unlock()
	dialogs := len(b.ui.dialogs)
	test.Tap(copyLink)
	eventually(t, "the error is said", func() bool { b.settle(); return len(b.ui.dialogs) == dialogs+1 })
	says("The server keeps no replay of your screen now; start sharing first.")
	b.ui.window.Canvas().OnTypedKey()(&fyne.KeyEvent{Name: fyne.KeyEscape})
	require.False(t, copyLink.Disabled())
	b.ui.window.Canvas().OnTypedKey()(&fyne.KeyEvent{Name: fyne.KeyEscape})
	require.Nil(t, top())
	b.ui.openWatchLinks()
	says("The server keeps no replay of your screen now; start sharing first.")
	buttons()
	require.Equal(t, []string{"1 hour", "Anyone with the link"}, []string{pick[0].Selected, pick[1].Selected}, "as before")
	b.ui.window.Canvas().OnTypedKey()(&fyne.KeyEvent{Name: fyne.KeyEscape})

	// When sharing has ended, its links are still there to be revoked.
	require.NoError(t, b.session.SetShare(false))
	b.server.mu.Lock()
	b.server.err, b.server.watch = nil, []api.WatchLink{{LinkID: "old", Ended: true, Clips: api.ClipsNobody}}
	b.server.mu.Unlock()
	eventually(t, "it is not shared", func() bool { return b.session.Snapshot().Share.State == session.ShareOff })
	b.settle()
	b.ui.home.update(b.session.Snapshot())
	test.Tap(b.ui.home.server.button)
	says("Ended: shows what the server still keeps")
	says("Nobody may clip")
	test.Tap(buttons()["Revoke"])
	says("There are none.")
}

// A viewer's question waits for the window, is answered there, and goes when it is over.
func TestAViewersQuestion(t *testing.T) {
	b := start(t)
	replies := make(chan string, 4)
	ask := func(title string) (closed func()) {
		return b.ui.AskClip(ClipQuestion{Title: title, Text: "Of the last 30 s of your screen.\nGoal",
			Allow: func() { replies <- "allow" }, Deny: func() { replies <- "deny" }})
	}
	top := func() fyne.CanvasObject { b.settle(); return b.ui.window.Canvas().Overlays().Top() }
	closed := ask("ann asks for a clip")
	require.Nil(t, top(), "the window is not there")
	b.ui.show(pageHome)
	shown := top()
	require.NotNil(t, shown)
	require.Contains(t, test.RenderToMarkup(b.ui.window.Canvas()), "ann asks for a clip")
	b.ui.window.Canvas().OnTypedKey()(&fyne.KeyEvent{Name: fyne.KeyReturn})
	require.NotNil(t, top(), "Enter, pressed for something else, allows nothing")
	for _, o := range test.LaidOutObjects(shown) {
		if x, ok := o.(*widget.Button); ok && x.Text == "Allow" {
			test.Tap(x)
		}
	}
	require.Equal(t, "allow", <-replies)
	closed()
	require.Nil(t, top())

	closed = ask("bob asks for a clip")
	require.NotNil(t, top())
	closed()
	require.Nil(t, top())
	require.Empty(t, replies, "nobody has replied")
	b.ui.show(pageHome)
	require.Nil(t, top(), "it is over")
	closed = ask("carol asks for a clip")
	require.NotNil(t, top())
	b.ui.window.Canvas().OnTypedKey()(&fyne.KeyEvent{Name: fyne.KeyEscape})
	require.Equal(t, "deny", <-replies)
	closed()
	require.Nil(t, top())
}
