package ui

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"
	"github.com/stretchr/testify/require"
)

// A link that somebody sends opens one question and does nothing else; only "Accept" exchanges it.
func TestAnInvitationIsOnlyAQuestion(t *testing.T) {
	b := start(t)
	c := b.ui.window.Canvas()
	accepted, fails := 0, error(nil)
	invite := func(host string) {
		b.ui.Invite(Invitation{Server: "https://" + host + "/team", Identity: "alice",
			Accept: func(context.Context) (string, error) { accepted++; return "alice", fails }})
		b.settle()
	}
	seen := func() string {
		if c.Overlays().Top() == nil {
			return ""
		}
		return test.RenderToMarkup(c)
	}
	press := func(text string) {
		for _, o := range test.LaidOutObjects(c.Overlays().Top()) {
			if button, ok := o.(*widget.Button); ok && button.Text == text {
				test.Tap(button)
				b.settle()
				return
			}
		}
		t.Fatalf("there is no button %q", text)
	}
	for range 50 { // a page that opens links
		invite("replay.example.com")
	}
	require.Contains(t, seen(), "replay.example.com")
	require.Contains(t, seen(), "alice")
	require.Len(t, b.ui.dialogs, 1)
	invite("evil.example.net")
	require.NotContains(t, seen(), "evil.example.net", "the question that is open stays as it is")
	press("Cancel")
	require.Empty(t, seen())
	invite("replay.example.com")
	c.OnTypedKey()(&fyne.KeyEvent{Name: fyne.KeyReturn})
	require.NotEmpty(t, seen(), "Enter does not accept")
	c.OnTypedKey()(&fyne.KeyEvent{Name: fyne.KeyEscape})
	require.Empty(t, seen())
	require.Zero(t, accepted)

	invite("replay.example.com")
	press("Accept")
	require.Equal(t, 1, accepted)
	require.Contains(t, seen(), "You are alice on replay.example.com.")
	press("OK")
	fails = fmt.Errorf("the exchange: %w", errors.New("this invitation was used already"))
	invite("replay.example.com")
	press("Accept")
	require.Contains(t, seen(), "accept invitation")
	require.Contains(t, seen(), "used already")
}

// A link is pasted from the clipboard; what is no invitation is said.
func TestAnInvitationIsPasted(t *testing.T) {
	b := start(t)
	var got []string
	b.ui.parts.OpenInvitation = func(link string) error {
		got = append(got, link)
		if link == "" {
			return errors.New("this is not an invitation")
		}
		return nil
	}
	b.ui.show(pageSettings)
	b.settle()
	paste := b.ui.settings.sharing.paste
	paste()
	b.settle()
	require.Contains(t, test.RenderToMarkup(b.ui.window.Canvas()), "This is not an invitation.")
	b.ui.window.Canvas().OnTypedKey()(&fyne.KeyEvent{Name: fyne.KeyEscape})
	b.ui.app.Clipboard().SetContent("hindsight://join?x")
	paste()
	b.settle()
	require.Equal(t, []string{"", "hindsight://join?x"}, got)
}
