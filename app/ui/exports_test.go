package ui

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/export"
	"github.com/hindsight-app/hindsight/capture/mp4"
)

func TestMain(m *testing.M) {
	export.Worker()
	if err := os.Setenv(export.PriorityVariable, "normal"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// overlay are all objects of the topmost dialog.
func (b *bench) overlay() (all []fyne.CanvasObject) {
	if top := b.ui.window.Canvas().Overlays().Top(); top != nil {
		walk(top, func(o fyne.CanvasObject) { all = append(all, o) })
	}
	return all
}

// press taps what has a name in the topmost dialog.
func (b *bench) press(t *testing.T, name string) {
	t.Helper()
	for _, o := range b.overlay() {
		switch x := o.(type) {
		case *widget.Button:
			if x.Text == name && x.Visible() {
				test.Tap(x)
				return
			}
		case *choice:
			if x.name == name {
				test.Tap(x)
				return
			}
		}
	}
	t.Fatalf("the dialog has nothing called %q", name)
}

// says is whether a label of the topmost dialog that is visible has a text in it.
func (b *bench) says(text string) bool {
	for _, o := range b.overlay() {
		if l, ok := o.(*widget.Label); ok && l.Visible() && strings.Contains(l.Text, text) {
			return true
		}
	}
	return false
}

// runQueue runs what is given to the main goroutine until something holds.
func (b *bench) runQueue(t *testing.T, what string, holds func() bool) {
	t.Helper()
	eventually(t, what, func() bool {
		for {
			select {
			case f := <-b.queue:
				f()
				continue
			default:
			}
			return holds()
		}
	})
}

// Clips are exported one after the other as the dialog says, also while the window is hidden; the tray says so.
func TestClipsAreExported(t *testing.T) {
	b := start(t)
	b.saveClips(t, "a", "b")
	folder := b.session.Snapshot().Folder
	b.ui.window.Resize(fyne.NewSize(940, 680))
	b.ui.clips.grid.chooseAll()
	b.ui.clips.act("export")
	b.runQueue(t, "the dialog is open", func() bool { return b.says("2") })
	b.press(t, "Vertical 9:16")
	require.True(t, b.says("Part of the screen"))
	require.True(t, b.says("not for every player"))
	require.True(t, b.says("a (vertical).mp4"))
	b.press(t, "GIF")
	require.False(t, b.says("Part of the screen"))
	require.False(t, b.says("not for every player"))
	require.True(t, b.says("a.gif"))
	b.press(t, "Export")
	require.Len(t, b.ui.exports.jobs, 2)
	require.Equal(t, exportRuns, b.ui.exports.jobs[0].state)
	require.Equal(t, exportWaits, b.ui.exports.jobs[1].state)
	require.Contains(t, b.ui.exports.line(), "Exporting clip: 0 %")
	require.Contains(t, b.ui.exports.line(), "1 waiting")
	b.ui.closed()
	b.runQueue(t, "both are exported", func() bool { return b.exported.Load() == 2 && b.ui.exports.line() == "" })
	b.ui.show(pageClips)
	require.FileExists(t, filepath.Join(folder, "a.gif"))
	require.FileExists(t, filepath.Join(folder, "b.gif"))
	b.press(t, "Copy file")
	b.settle()
	require.Equal(t, []string{filepath.Join(folder, "a.gif")}, b.copied)
	b.press(t, "Close")
	require.Empty(t, b.ui.exports.jobs)

	// A file that is no clip says why; a canceled export leaves nothing.
	bad := filepath.Join(folder, "bad.mp4")
	require.NoError(t, os.WriteFile(bad, []byte("no clip"), 0o600))
	b.ui.exportClips([]string{bad})
	b.runQueue(t, "an error is shown", func() bool { return b.says("not an MP4") })
	b.press(t, "OK")
	b.ui.exportClips([]string{filepath.Join(folder, "a.mp4")})
	b.runQueue(t, "the dialog is open", func() bool { return b.says("a.mp4") })
	require.True(t, b.says("At most"))
	require.True(t, b.says("Saved beside the clip as a (10 MB).mp4"))
	b.press(t, "1080p")
	b.ui.window.Canvas().OnTypedKey()(&fyne.KeyEvent{Name: fyne.KeyReturn})
	b.ui.exports.stop(b.ui.exports.jobs[0])
	require.True(t, b.says("Canceling…"))
	b.runQueue(t, "nothing is exported", func() bool { return len(b.ui.exports.jobs) == 0 })
	b.settle()
	left, err := filepath.Glob(filepath.Join(folder, mp4.TempPrefix+"*"))
	require.NoError(t, err)
	require.Empty(t, left)
	require.NoFileExists(t, filepath.Join(folder, "a (1080p).mp4"))
	require.Equal(t, int64(2), b.exported.Load(), "nobody is notified of what they canceled")
}

func TestWhatAnExportSays(t *testing.T) {
	j := &exportJob{state: exportRuns, progress: export.Progress{Fraction: 0.42, LeftSeconds: 75}}
	require.Equal(t, "42 % · 1 min 15 s left", j.text())
	j.progress.LeftSeconds = -1
	require.Equal(t, "42 %", j.text())
	j.state, j.result = exportDone, export.Result{Bytes: 9_870_000, Width: 1280, Height: 720, FrameRate: 30,
		Seconds: time.Minute.Seconds()}
	require.Equal(t, "9.9 MB · 1280 × 720 · 30 FPS", j.text())
}
