package apptest_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/control"
	"github.com/hindsight-app/hindsight/capture/capturetest"
	"github.com/hindsight-app/hindsight/capture/clip"
)

// testCopiedFiles chooses clips in the window and copies them by keys: what other programs paste then are the files.
func testCopiedFiles(t *testing.T, m *machine) {
	dir := t.TempDir()
	folder := filepath.Join(dir, "clips")
	video, err := capturetest.Packets(t.Context(), time.Second)
	require.NoError(t, err)
	for _, name := range []string{"one ä", "two"} {
		_, err := clip.Save(t.Context(), clip.Request{Folder: folder, Video: video, End: time.Second, Name: name,
			Width: 320, Height: 180, Created: time.Now()})
		require.NoError(t, err)
	}
	r := m.start(t, dir, "HINDSIGHT_REPLAY_AT_LAUNCH=false")
	r.call(t, control.Request{Command: control.Show, Text: "clips"}, nil)
	paste := func(target string) string {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		out, _ := m.desktop.Command(ctx, "xclip", "-o", "-selection", "clipboard", "-t", target).Output()
		return string(out)
	}
	first, second := filepath.Join(folder, "one%20%C3%A4.mp4"), filepath.Join(folder, "two.mp4")
	list := "file://" + first + "\r\nfile://" + second + "\r\n"
	require.Eventually(t, func() bool {
		for _, keys := range []string{"Tab", "ctrl+a", "ctrl+c"} { // the Tab leads to the grid sooner or later
			if m.desktop.Press(t.Context(), keys) != nil {
				return false
			}
		}
		got := strings.Split(strings.TrimSpace(paste("text/uri-list")), "\r\n")
		return len(got) == 2
	}, time.Minute, 100*time.Millisecond, "nothing is on the clipboard; is xclip installed? (make setup)")
	got := paste("text/uri-list")
	require.ElementsMatch(t, strings.Split(list, "\r\n"), strings.Split(got, "\r\n"))
	gnome := paste("x-special/gnome-copied-files")
	require.Equal(t, "copy\n"+strings.ReplaceAll(strings.TrimSuffix(got, "\r\n"), "\r\n", "\n"), gnome)
	for _, path := range strings.Split(paste("UTF8_STRING"), "\n") {
		_, err := os.Stat(path)
		require.NoError(t, err)
	}
	require.Contains(t, paste("TARGETS"), "text/uri-list")
	r.call(t, control.Request{Command: control.Quit}, nil)
	r.wait(t)
}
