package ui

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/storage"
	"github.com/hindsight-app/hindsight/capture/clip"
	"github.com/hindsight-app/hindsight/capture/mp4"
)

// madeClip writes a clip as Hindsight does, and lets it be as large as that.
func madeClip(t *testing.T, path string, kind clip.Kind, size int64, age time.Duration) {
	t.Helper()
	video := [][]byte{{0x67, 0x42, 0xc0, 0x0a, 0xda, 0x79, 0x0a, 0x1a, 0x80, 0x80, 0x80, 0x83, 0xc4, 0x89, 0xa8},
		{0x68, 0xce, 0x3c, 0x80}, append([]byte{0x65}, bytes.Repeat([]byte{7}, 200)...)}
	at := time.Now().Add(-age)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	_, err := mp4.WriteFile(t.Context(), path, mp4.Movie{End: time.Second, Created: at, Origin: string(kind),
		Tracks: []mp4.Track{{Kind: mp4.H264, Samples: []mp4.Sample{{Duration: time.Second, Sync: true, NALs: video}}}}})
	require.NoError(t, err)
	require.NoError(t, os.Truncate(path, size)) // a hole takes no space
	require.NoError(t, os.Chtimes(path, at, at))
}

// openStoragePage shows the page with what is in the folder.
func (b *bench) openStoragePage(t *testing.T) *storagePage {
	t.Helper()
	b.ui.show(pageSettings)
	b.ui.settings.open(slices.Index(sectionNames, "storage"))
	b.settle()
	return b.ui.settings.store
}

// The page says what takes how much; a limit that is entered says what it would delete before it is applied, and that
// is what it deletes.
func TestStorageShowsWhatTakesHowMuch(t *testing.T) {
	b := start(t)
	folder := b.session.Snapshot().Folder
	oldest, newest := filepath.Join(folder, "old replay.mp4"), filepath.Join(folder, "new replay.mp4")
	starred := filepath.Join(folder, "starred.mp4")
	madeClip(t, starred, clip.Replay, 300e6, 50*time.Hour)
	madeClip(t, oldest, clip.Replay, 600e6, 40*time.Hour)
	madeClip(t, filepath.Join(folder, "recording.mp4"), clip.Recorded, 500e6, 30*time.Hour)
	madeClip(t, newest, clip.Trimmed, 200e6, 20*time.Hour)
	require.NoError(t, clip.Star(starred, true))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "notes.txt"), []byte("mine"), 0o600))
	p := b.openStoragePage(t)
	require.Equal(t, "2 files · 900 MB", p.amount[clip.Replay].Text)
	require.Equal(t, "1 file · 500 MB", p.amount[clip.Recorded].Text)
	require.Equal(t, "1 file · 200 MB", p.amount[clip.Trimmed].Text)
	require.Equal(t, "None", p.amount[clip.Screenshot].Text)
	require.Contains(t, p.others.Text, "not touched by Hindsight")
	require.Equal(t, "No server is set", p.server.Text)
	require.Contains(t, p.free.Text, "free on this disk")
	require.Len(t, p.shares.lay.weights, 4)
	require.Contains(t, p.foreseen.Text, "Nothing is deleted. Clips take 1.6 GB.")
	require.False(t, p.goneLine.root.Visible())

	p.quota.SetText("1")
	b.settle()
	require.Contains(t, p.foreseen.Text, "1 clip, 600 MB, is deleted")
	require.Contains(t, p.foreseen.Text, "1 starred clip stays.")
	require.FileExists(t, oldest, "before it is applied")
	require.True(t, p.goneLine.root.Visible())
	test.Tap(p.gone)
	require.Contains(t, test.RenderToMarkup(b.ui.window.Canvas()), "old replay.mp4")
	require.NotContains(t, test.RenderToMarkup(b.ui.window.Canvas()), "starred.mp4")
	b.ui.window.Canvas().OnTypedKey()(&fyne.KeyEvent{Name: fyne.KeyEscape})
	require.Empty(t, b.ui.dialogs)

	test.Tap(b.ui.settings.revert)
	b.settle()
	require.Contains(t, p.foreseen.Text, "Nothing is deleted.")
	p.quota.SetText("1")
	b.settle()
	test.Tap(b.ui.settings.apply)
	b.settle()
	b.storage.Look()
	eventually(t, "the oldest goes", func() bool { _, err := os.Stat(oldest); return os.IsNotExist(err) })
	require.FileExists(t, starred)
	require.FileExists(t, newest)
}

// Clips are moved from the window, which shows how far that is; a new folder that was only set offers it.
func TestStorageMovesClips(t *testing.T) {
	b := start(t)
	folder, next := b.session.Snapshot().Folder, filepath.Join(b.dir, "next")
	madeClip(t, filepath.Join(folder, "a.mp4"), clip.Replay, 5000, time.Hour)
	p := b.openStoragePage(t)
	p.moveTo(next)
	eventually(t, "it is moved", func() bool {
		b.settle()
		_, moving := b.storage.Progress()
		return !moving && b.session.Snapshot().Folder == next && p.usage.Folder == next
	})
	require.FileExists(t, filepath.Join(next, "a.mp4"))
	b.ui.presenter.apply(b.session.Snapshot())
	require.False(t, p.moving.root.Visible())
	require.True(t, p.moveLine.root.Visible())
	require.Equal(t, next, p.folder.Text)

	third := filepath.Join(b.dir, "third")
	p.folder.SetText(third)
	p.folder.complete()
	eventually(t, "the clips in the folder before are mentioned", func() bool {
		b.settle()
		b.storage.Look()
		p.measure()
		return p.leftLine.root.Visible()
	})
	require.Contains(t, p.left.Text, "1 file, ")
	p.moveTo(third)
	b.settle()
	require.Len(t, b.ui.dialogs, 1, "they are there already")
	b.ui.window.Canvas().OnTypedKey()(&fyne.KeyEvent{Name: fyne.KeyEscape})
	test.Tap(p.here)
	eventually(t, "they come", func() bool {
		b.settle()
		_, moving := b.storage.Progress()
		return !moving && !p.leftLine.root.Visible()
	})
	require.FileExists(t, filepath.Join(third, "a.mp4"))
}

// What a move and a drive that is away look like.
func TestStorageSaysWhatIsTheMatter(t *testing.T) {
	b := start(t)
	p := b.openStoragePage(t)
	p.show(storage.Usage{Folder: "/media/stick/clips", Away: "the drive with /media/stick/clips is not connected; new " +
		"clips go to /home/me/Videos/Hindsight until it is back", Elsewhere: []string{"/home/me/Videos/Hindsight/a.mp4"}})
	require.True(t, p.awayLine.root.Visible())
	require.Contains(t, p.away.Text, "The drive with /media/stick/clips is not connected")
	require.Contains(t, p.away.Text, "Your clips are not lost")
	require.Contains(t, p.away.Text, "1 file is in another folder for now")
	require.True(t, p.move.Disabled())
	require.Equal(t, "Not connected", p.amount[clip.Replay].Text)
	p.show(storage.Usage{Server: nil})
	require.False(t, p.awayLine.root.Visible())
	require.False(t, p.move.Disabled())
	require.Equal(t, "3 files · 12.0 MB", serverText(&storage.Server{Clips: 3, Bytes: 12e6}))
	require.Equal(t, "The server is away.", serverText(&storage.Server{Error: "The server is away."}))
	m := storage.Progress{To: "/disk", Files: 12, FilesDone: 3, Bytes: 4e9, BytesDone: 1e9, SecondsLeft: 75}
	require.Equal(t, "To /disk\n3 of 12 files · 1.0 GB of 4.0 GB · 1 min 15 s left", movingText(m))
	m.Back, m.Stopped, m.Waits = true, true, "the disk with /disk is full"
	require.Equal(t, "Back to /disk\n3 of 12 files · 1.0 GB of 4.0 GB\nThe disk with /disk is full.", movingText(m))
}
