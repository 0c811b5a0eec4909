package apptest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hindsight-app/hindsight/app/control"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/capture/clip"
)

// testRecording records without a replay, adds a marker, takes a screenshot, and quits in the middle: all of it is on
// disk then.
func testRecording(t *testing.T, m *machine) {
	dir := t.TempDir()
	r := m.start(t, dir, "HINDSIGHT_REPLAY_AT_LAUNCH=false", "HINDSIGHT_CLIPS_NAME={app} {date}")
	r.call(t, control.Request{Command: control.Record, Toggle: true}, nil)
	r.until(t, "it records", func(s session.Snapshot) bool { return s.Recording != nil && s.Recording.Seconds > 1 })
	r.call(t, control.Request{Command: control.Mark, Text: "half time"}, nil)
	var shot control.ShotAnswer
	r.call(t, control.Request{Command: control.Shot}, &shot)
	if st, err := os.Stat(shot.Path); err != nil || st.Size() == 0 || filepath.Ext(shot.Path) != ".png" {
		t.Errorf("the screenshot is %q: %v", shot.Path, err)
	}
	r.until(t, "the marked moment is recorded", func(s session.Snapshot) bool {
		return s.Recording != nil &&
			s.Recording.Seconds > 3
	})
	r.call(t, control.Request{Command: control.Quit}, nil)
	r.wait(t)
	list, err := clip.List(filepath.Join(dir, "clips"))
	if err != nil || len(list) != 1 || list[0].Seconds < 3 || !list[0].Ours {
		t.Fatalf("there are %+v, %v", list, err)
	}
	hasChapter(t, list[0].Path, "half time")
}

func hasChapter(t *testing.T, path, title string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "ffprobe", "-v", "error", "-show_chapters", path).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "TAG:title="+title+"\n") {
		t.Errorf("ffprobe says %s, %v", out, err)
	}
}
