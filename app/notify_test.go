package app

import (
	"strings"
	"testing"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/capture/clip"
)

func TestFailuresAreNotifiedWhateverTheUserChose(t *testing.T) {
	a := &App{}
	save := &session.SaveRecord{Clip: &clip.Clip{Path: "/clips/one.mp4"}, Server: "off"}
	for kind, want := range map[session.EventKind]bool{
		session.LocalSaved: false, session.Recorded: false, session.Shot: false, session.Marked: false,
		session.LocalFailed: true, session.ServerFailed: true, session.RecordFailed: true, session.ShotFailed: true,
		session.Trouble: true,
	} {
		n := a.notification(session.Event{Kind: kind, Text: "Why.", Save: save})
		if got := wanted(n, config.App{Notifications: false}); got != want {
			t.Errorf("%s is shown: %v", kind, got)
		}
		if !wanted(n, config.App{Notifications: true}) {
			t.Errorf("%s is not shown to those who want notifications", kind)
		}
	}
	// So is that a file is in another folder than the user expects.
	save.Clip.Instead = "the drive with /stick is not connected"
	for _, kind := range []session.EventKind{session.LocalSaved, session.Recorded, session.Shot} {
		n := a.notification(session.Event{Kind: kind, Save: save, Path: "/clips/one.mp4", Instead: save.Clip.Instead})
		if !wanted(n, config.App{}) || !strings.HasSuffix(n.Title, " saved in another folder") ||
			n.Body != "one.mp4\nIt is in /clips. The drive with /stick is not connected." {
			t.Errorf("%s is said like this: %q %q", kind, n.Title, n.Body)
		}
	}
	if n := a.notification(session.Event{Kind: session.RecordFailed}); n.Title != "Couldn't start recording" {
		t.Errorf("a recording that never began is titled %q", n.Title)
	}
}
