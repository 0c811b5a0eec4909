package ui

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/capturetest"
)

// ffmpeg runs it.
func ffmpeg(t *testing.T, args ...string) {
	t.Helper()
	args = append([]string{"-v", "error", "-y"}, args...)
	out, err := exec.CommandContext(t.Context(), "ffmpeg", args...).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// shoot makes a clip of 3 s in the folder for clips, whose frames become brighter one by one, with a marker at 1.5 s.
// Its desktop track is a tone of 440 Hz, its microphone one of 880 Hz.
func shoot(t *testing.T, b *bench, name string) string {
	t.Helper()
	folder := b.session.Snapshot().Folder
	require.NoError(t, os.MkdirAll(folder, 0o755))
	marks := filepath.Join(t.TempDir(), "marks")
	const chapters = ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1500\ntitle=Start\n" +
		"[CHAPTER]\nTIMEBASE=1/1000\nSTART=1500\nEND=3000\ntitle=Goal\n"
	require.NoError(t, os.WriteFile(marks, []byte(chapters), 0o600))
	path := filepath.Join(folder, name)
	ffmpeg(t, "-f", "lavfi", "-i", "color=black:s=64x36:r=30:d=3,geq=lum='20+2*N':cb=128:cr=128",
		"-f", "lavfi", "-i", "aevalsrc='sin(2*PI*440*t)/8|sin(2*PI*440*t)/8':s=48000:d=3",
		"-f", "lavfi", "-i", "aevalsrc='sin(2*PI*880*t)/8|sin(2*PI*880*t)/8':s=48000:d=3", "-i", marks,
		"-filter_complex", "[1:a]asplit[d1][d2];[2:a]asplit[m1][m2];[d1][m1]amix=normalize=0[mix]",
		"-map", "0:v", "-map", "[mix]", "-map", "[d2]", "-map", "[m2]", "-map_chapters", "3", "-c:v", "libx264", "-preset",
		"ultrafast", "-qp", "10", "-g", "30", "-pix_fmt", "yuv420p", "-c:a", "aac", "-metadata:s:a:0", "handler_name=Mix",
		"-metadata:s:a:1", "handler_name=Desktop", "-metadata:s:a:2", "handler_name=Microphone", path)
	return path
}

// edits opens the editor.
func edits(t *testing.T, b *bench, paths ...string) *editor {
	t.Helper()
	b.ui.silent = true
	b.ui.show(pageClips)
	b.ui.editClips(paths)
	eventually(t, "the editor is open", func() bool { b.settle(); return b.ui.editor != nil })
	e := b.ui.editor
	eventually(t, "all of the clip is shown", func() bool {
		b.settle()
		p := e.part()
		return e.preview.Image != nil && p.frames[stripFrames-1] != nil && len(p.peaks) == 2 && p.peaks[1] != nil
	})
	return e
}

// shows waits until a frame is shown.
func (e *editor) shows(t *testing.T, b *bench, number int) {
	t.Helper()
	eventually(t, fmt.Sprintf("frame %d is shown", number), func() bool {
		b.settle()
		e.shown.mu.Lock()
		defer e.shown.mu.Unlock()
		return e.shown.frame.Number == number && e.preview.Image == e.shown.frame.Image
	})
}

// luma is how bright the frames of a file are, as shoot made them, by their number.
func luma(t *testing.T, path string) (numbers []int) {
	t.Helper()
	frames, err := capturetest.Frames(t.Context(), path)
	require.NoError(t, err)
	for _, f := range frames {
		numbers = append(numbers, int((f.Luma-20)/2+0.5))
	}
	return numbers
}

func from(first, end int) (all []int) {
	for n := first; n < end; n++ {
		all = append(all, n)
	}
	return all
}

// Handles are dragged, keys step, markers are clicked, the microphone is silenced, and what is saved is what was
// chosen; the original is as it was.
func TestEditorTrims(t *testing.T) {
	b := start(t)
	path := shoot(t, b, "goal.mp4")
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	e := edits(t, b, path)
	require.True(t, e.save.Disabled(), "nothing is changed yet")
	canvas := b.ui.window.Canvas()
	place := func(x, y float32) fyne.Position {
		return fyne.CurrentApp().Driver().AbsolutePositionForObject(e.timeline).AddXY(x, y)
	}
	moment := func(frame float64) float32 { return e.timeline.x(time.Duration(frame / 30 * float64(time.Second))) }
	drag := func(fromX, toX float32) { test.Drag(canvas, place(toX, markerRow+20), toX-fromX, 0) }

	drag(moment(0)-handleWidth/2, moment(20.5)-handleWidth/2)
	require.Equal(t, e.part().clip.At(20), e.part().in)
	e.shows(t, b, 20)
	drag(moment(90)+handleWidth/2, moment(59.5)+handleWidth/2)
	require.Equal(t, e.part().clip.At(60), e.part().out)
	e.shows(t, b, 59)
	require.False(t, e.save.Disabled())
	require.Equal(t, "0:01.33 selected", e.kept.Text)

	test.TapCanvas(canvas, place(moment(45), 8))
	e.shows(t, b, 45)
	test.MoveMouse(canvas, place(moment(45), 8))
	require.Equal(t, "Goal", e.hint.Text)
	test.TapCanvas(canvas, place(moment(70.5), markerRow+20))
	e.shows(t, b, 70)

	key := func(name fyne.KeyName) { canvas.OnTypedKey()(&fyne.KeyEvent{Name: name}) }
	key(fyne.KeyHome)
	for range 20 { // zooms in on what is below the mouse
		e.timeline.Scrolled(&fyne.ScrollEvent{Scrolled: fyne.Delta{DY: 10},
			PointEvent: fyne.PointEvent{Position: fyne.NewPos(moment(70.5), markerRow+20)}})
	}
	require.Equal(t, shortestView, e.timeline.to-e.timeline.from)
	require.InDelta(t, 70.5/30, (e.timeline.from+e.timeline.to).Seconds()/2, 0.5)
	b.settle()
	require.Greater(t, e.timeline.from, time.Second, "the moment that is shown is not followed before it moves")
	test.TapCanvas(canvas, place(moment(74.5), markerRow+20))
	e.shows(t, b, 74)
	first := e.part().clip.FrameAt(e.timeline.from + shortestView/(2*stripFrames))
	eventually(t, "the strip shows what is visible", func() bool {
		b.settle()
		gray, _, _, _ := e.part().frames[0].At(30, 15).RGBA()
		return abs(float32(gray>>8)-float32(20+2*first-16)*255/219) < 3
	})
	for range 5 {
		e.key(fyne.KeyMinus, false)
	}
	require.Equal(t, e.part().clip.Length(), e.timeline.to-e.timeline.from)
	test.TapCanvas(canvas, place(moment(70.5), markerRow+20))
	e.shows(t, b, 70)

	for _, step := range []struct {
		key   fyne.KeyName
		shift bool
		at    int
	}{{fyne.KeyRight, false, 71}, {fyne.KeyLeft, false, 70}, {fyne.KeyLeft, true, 40}, {fyne.KeyRight, true, 70},
		{fyne.KeyEnd, false, 89}, {fyne.KeyRight, false, 89}, {fyne.KeyHome, false, 0}, {fyne.KeyLeft, false, 0}} {
		if step.shift {
			e.key(step.key, true)
		} else {
			key(step.key)
		}
		e.shows(t, b, step.at)
	}
	key(fyne.KeyI)
	key(fyne.KeyRight)
	key(fyne.KeyRight)
	key(fyne.KeyI) // frame 2
	require.Equal(t, e.part().clip.At(2), e.part().in)
	e.key(fyne.KeyRight, true)
	key(fyne.KeyO) // frame 32 is the last
	require.Equal(t, e.part().clip.At(33), e.part().out)

	key(fyne.KeySpace) // from the begin, for the last frame is shown
	require.True(t, e.player.Playing())
	eventually(t, "it has played", func() bool { b.settle(); return !e.player.Playing() && !e.onward })
	e.shows(t, b, 32)
	require.Equal(t, e.part().clip.At(32), e.part().at)

	var sliders []*quietSlider
	for _, o := range test.LaidOutObjects(e.volumes) {
		if s, ok := o.(*quietSlider); ok {
			sliders = append(sliders, s)
		}
	}
	require.Len(t, sliders, 2)
	sliders[1].SetValue(0)
	test.Tap(e.save)
	eventually(t, "it is saved", func() bool { b.settle(); return e.saved != "" })
	require.Equal(t, "goal (trimmed).mp4", filepath.Base(e.saved))
	require.True(t, e.result.Visible())
	require.Equal(t, from(2, 33), luma(t, e.saved))
	loud, err := capturetest.ToneDB(t.Context(), e.saved, 440)
	require.NoError(t, err)
	require.Greater(t, loud, -26.0)
	quiet, err := capturetest.ToneDB(t.Context(), e.saved, 880)
	require.NoError(t, err)
	require.Less(t, quiet, -60.0)
	info, err := capturetest.Probe(t.Context(), e.saved)
	require.NoError(t, err)
	require.Len(t, info.Streams, 3, "the microphone's own track is gone")
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.True(t, bytes.Equal(before, after))

	e.saved = ""
	e.smart.SetChecked(true)
	test.Tap(e.save)
	eventually(t, "it is saved", func() bool { b.settle(); return e.saved != "" })
	require.Equal(t, "goal (trimmed) (2).mp4", filepath.Base(e.saved))
	require.Equal(t, from(2, 33), luma(t, e.saved))
	key(fyne.KeyEscape)
	require.Nil(t, b.ui.editor)
	require.Equal(t, pageClips, b.ui.nav.current)
	eventually(t, "the page shows them", func() bool { b.settle(); return len(b.ui.clips.all.Items) == 3 })
}

// Several clips are put in order, each is trimmed, and one comes of them.
func TestEditorJoins(t *testing.T) {
	b := start(t)
	one := shoot(t, b, "one.mp4")
	two := filepath.Join(filepath.Dir(one), "two.mp4")
	bytes, err := os.ReadFile(one)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(two, bytes, 0o600))
	e := edits(t, b, one, two, one)
	e.remove(2)
	require.Len(t, e.parts, 2)
	e.seek(e.part().clip.At(80))
	e.key(fyne.KeyI, false)
	e.swap(0, 1)
	require.Equal(t, 1, e.current)
	e.choose(0)
	require.Equal(t, two, e.part().path)
	e.seek(e.part().clip.At(4))
	e.key(fyne.KeyO, false)
	e.key(fyne.KeySpace, false)
	eventually(t, "it has played both", func() bool { b.settle(); return e.current == 1 && !e.onward })
	e.shows(t, b, 89)
	test.Tap(e.save)
	eventually(t, "it is saved", func() bool { b.settle(); return e.saved != "" })
	require.Equal(t, "two (joined).mp4", filepath.Base(e.saved))
	require.Equal(t, append(from(0, 5), from(80, 90)...), luma(t, e.saved))
}

// What cannot be edited is said in words, and the editor stays where it was when saving fails.
func TestEditorSaysWhatIsWrong(t *testing.T) {
	b := start(t)
	folder := b.session.Snapshot().Folder
	require.NoError(t, os.MkdirAll(folder, 0o755))
	notes := filepath.Join(folder, "notes.mp4")
	require.NoError(t, os.WriteFile(notes, []byte("no movie"), 0o600))
	b.ui.editClip(notes)
	eventually(t, "the error is shown", func() bool { b.settle(); return len(b.ui.dialogs) == 1 })
	require.Nil(t, b.ui.editor)
	b.ui.dialogs[0].Dismiss()

	path := shoot(t, b, "goal.mp4")
	small := filepath.Join(folder, "small.mp4")
	ffmpeg(t, "-i", path, "-s", "32x18", small)
	b.ui.editClips([]string{path, small})
	eventually(t, "the error is shown", func() bool { b.settle(); return len(b.ui.dialogs) == 1 })
	b.ui.dialogs[0].Dismiss()
	e := edits(t, b, path)
	e.seek(e.part().clip.At(30))
	e.key(fyne.KeyI, false)
	require.NoError(t, os.Remove(path))
	test.Tap(e.save)
	eventually(t, "the error is shown", func() bool { b.settle(); return len(b.ui.dialogs) == 1 })
	require.Same(t, e, b.ui.editor)
	require.False(t, e.save.Disabled())
	require.Empty(t, e.saved)
	found, err := os.ReadDir(folder)
	require.NoError(t, err)
	for _, f := range found {
		require.False(t, strings.Contains(f.Name(), "trimmed"), f.Name())
	}
	b.ui.dialogs[0].Dismiss()
}
