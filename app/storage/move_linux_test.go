package storage

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/clip"
	"github.com/hindsight-app/hindsight/cmd/devstack/mounts"
)

// moveAll moves everything, and returns the new paths by the old ones.
func moveAll(t *testing.T, from, to string) map[string]string {
	t.Helper()
	paths := map[string]string{}
	m := &mover{from: from, to: to, moved: func(from, to string) { paths[from] = to }}
	require.NoError(t, m.run(t.Context()))
	require.Equal(t, m.done.Files, m.done.FilesDone)
	require.Equal(t, m.done.Bytes, m.done.BytesDone)
	return paths
}

// Clips move within a file system and to another one with their content, stars and times; a name that is taken gets a
// number, and what is not Hindsight's stays.
func TestMove(t *testing.T) {
	if !mounts.Inside(t) {
		return
	}
	for name, to := range map[string]string{"one file system": filepath.Join(t.TempDir(), "new"),
		"another one": mounts.Small(t, "4m")} {
		from := t.TempDir()
		one := made(t, from, "one.mp4", clip.Replay, 300_000)
		two := made(t, from, "two.mp4", clip.Recorded, 1000)
		image, text := shot(t, from, clip.PNG), filepath.Join(from, "notes.txt")
		require.NoError(t, os.WriteFile(text, []byte("mine"), 0o600))
		made(t, to, "two.mp4", clip.Replay, 2000) // another clip of that name
		require.NoError(t, clip.Star(one, true))
		at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local)
		require.NoError(t, os.Chtimes(one, at, at))
		before := content(t, one)
		paths := moveAll(t, from, to)
		require.Equal(t, map[string]string{one: filepath.Join(to, "one.mp4"), two: filepath.Join(to, "two (2).mp4"),
			image: filepath.Join(to, filepath.Base(image))}, paths, name)
		require.Equal(t, []string{"notes.txt"}, names(t, from), name)
		require.Equal(t, before, content(t, paths[one]), name)
		list, err := clip.List(to)
		require.NoError(t, err)
		require.Len(t, list, 3)
		info, err := os.Stat(paths[one])
		require.NoError(t, err)
		require.True(t, info.ModTime().Equal(at), "%s: %v", name, info.ModTime())
		for _, c := range list {
			require.Equal(t, c.Path == paths[one], c.Starred, name)
			require.True(t, c.Ours, name)
		}
		require.Len(t, names(t, to), 4, "%s: nothing is left over", name)
	}
}

// A full disk, and one that cannot be written to, are said; nothing is lost and nothing is left over, and what was
// moved before stays moved.
func TestMoveToAFullDisk(t *testing.T) {
	if !mounts.Inside(t) {
		return
	}
	from, to := t.TempDir(), mounts.Small(t, "512k")
	made(t, from, "a.mp4", clip.Replay, 200_000)
	b := made(t, from, "b.mp4", clip.Replay, 600_000)
	m := &mover{from: from, to: to}
	err := m.run(t.Context())
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.ErrorContains(t, err, "the disk with "+to+" is full")
	require.Equal(t, []string{"b.mp4"}, names(t, from))
	require.Equal(t, []string{"a.mp4"}, names(t, to))
	require.ErrorContains(t, roomFor(to, 600_000), "has no room for the clips: 1 MB are missing")
	require.NoError(t, roomFor(to, 1000))
	require.NoError(t, os.Remove(b))
	require.NoError(t, m.run(t.Context()), "there is nothing left to move")
}

// A star that is set while a clip is copied goes with it, and a clip that is being written is waited for.
func TestMoveOfWhatChanges(t *testing.T) {
	if !mounts.Inside(t) {
		return
	}
	from, to := t.TempDir(), mounts.Small(t, "8m")
	one := made(t, from, "one.mp4", clip.Replay, 2_500_000)
	writing := made(t, from, "writing.mp4", clip.Recorded, 1000)
	busy, starred := true, false
	m := &mover{from: from, to: to}
	m.busy = func() []string {
		if busy {
			return []string{writing}
		}
		return nil
	}
	m.report = func(p Progress) {
		if p.BytesDone > 1_500_000 && !starred {
			starred = true
			require.NoError(t, clip.Star(one, true))
		}
		if p.Waits != "" {
			require.Equal(t, []string{"writing.mp4"}, names(t, from))
			busy = false
		}
	}
	require.NoError(t, m.run(t.Context()))
	require.True(t, starred)
	require.Empty(t, names(t, from))
	list, err := clip.List(to)
	require.NoError(t, err)
	require.Len(t, list, 2)
	for _, c := range list {
		require.Equal(t, filepath.Base(c.Path) == "one.mp4", c.Starred)
	}
}

// killedAt is where the child of TestMoveSurvivesAKill moves to.
const killedAt = "HINDSIGHT_TEST_MOVE"

// A process that is killed at any moment of a move loses nothing: each clip is whole in the old folder or in the new
// one, and the next run ends the move.
func TestMoveSurvivesAKill(t *testing.T) {
	if from := os.Getenv(killedAt); from != "" {
		m := &mover{from: from, to: os.Getenv(killedAt + "_TO"), report: func(p Progress) {
			fmt.Println(p.FilesDone, p.BytesDone) // who reads it kills
		}}
		fmt.Println("end", m.run(t.Context()))
		return
	}
	if !mounts.Inside(t) {
		return
	}
	from, to := t.TempDir(), mounts.Small(t, "64m")
	want := map[string][]byte{}
	for i := range 12 {
		name := fmt.Sprintf("clip %02d.mp4", i)
		want[name] = content(t, made(t, from, name, clip.Replay, 1_500_000+i))
	}
	whole := func() {
		t.Helper()
		for name, bytes := range want {
			a, errA := os.ReadFile(filepath.Join(from, name))
			b, errB := os.ReadFile(filepath.Join(to, name))
			require.True(t, errA == nil || errB == nil, "%s is lost", name)
			require.True(t, errA != nil || string(a) == string(bytes), "%s is damaged in the old folder", name)
			require.True(t, errB != nil || string(b) == string(bytes), "%s is damaged in the new folder", name)
		}
	}
	for range 6 {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestMoveSurvivesAKill$")
		child.Env = append(os.Environ(), killedAt+"="+from, killedAt+"_TO="+to)
		out, err := child.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, child.Start())
		steps, line := 1+rand.IntN(8), make([]byte, 64)
		for range steps {
			_, _ = out.Read(line) // its end ends it as well
		}
		require.NoError(t, child.Process.Kill())
		_ = child.Wait() // killed
		whole()
	}
	moveAll(t, from, to)
	whole()
	require.Empty(t, names(t, from))
	own, _, err := clip.Files(to)
	require.NoError(t, err)
	require.Len(t, own, len(want), "none is there twice")
}

// bench is a Manager over folders that a test chooses.
type bench struct {
	*Manager
	reports  chan string
	returned chan int

	lock     sync.Mutex // of what follows
	settings Settings
	busy     []string
	moved    map[string]string
}

func open(t *testing.T, dir string, s Settings) *bench {
	t.Helper()
	b := &bench{settings: s, moved: map[string]string{}, reports: make(chan string, 64), returned: make(chan int, 8)}
	b.Manager = Open(Options{
		Dir: dir, Settings: func() (s Settings) { b.with(func() { s = b.settings }); return s },
		Busy: func() (paths []string) { b.with(func() { paths = b.busy }); return paths },
		SetFolder: func(_ context.Context, folder string) error {
			b.with(func() { b.settings.Folder = folder })
			return nil
		},
		Moved:    func(from, to string) { b.with(func() { b.moved[from] = to }) },
		Report:   func(m string) { b.reports <- m },
		Returned: func(n int, _ string) { b.returned <- n },
	})
	b.settle = 0
	t.Cleanup(b.Close)
	return b
}

func (b *bench) with(f func()) {
	b.lock.Lock()
	defer b.lock.Unlock()
	f()
}

// writing makes a file one that is being written.
func (b *bench) writing(path string) { b.with(func() { b.busy = []string{path} }) }

func (b *bench) done(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool { _, moving := b.Progress(); return !moving }, 20*time.Second, 5*time.Millisecond)
}

// A move makes the new folder that of new clips at once, and a canceled one takes everything back, with what was saved
// since, but not what was there before.
func TestMoveAndCancel(t *testing.T) {
	dir, from, to := t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "new")
	for i := range 3 {
		made(t, from, fmt.Sprintf("%d.mp4", i), clip.Replay, 1000)
	}
	made(t, to, "before.mp4", clip.Replay, 1000)
	b := open(t, dir, Settings{Folder: from})
	b.Start()
	require.ErrorContains(t, b.Move(t.Context(), "relative"), "is not an absolute path")
	require.ErrorContains(t, b.Move(t.Context(), from+"/."), "are in "+from+" already")
	require.ErrorContains(t, b.Move(t.Context(), ""), "name the folder")
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(from, link))
	for _, inner := range []string{filepath.Join(from, "a/b"), filepath.Join(link, "a")} {
		require.ErrorContains(t, b.Move(t.Context(), inner), "is a folder within "+from)
		require.NoDirExists(t, inner)
	}
	require.ErrorContains(t, b.Move(t.Context(), link), "are in "+link+" already")
	require.Len(t, names(t, from), 3)
	require.NoError(t, b.Move(t.Context(), to))
	require.Equal(t, to, b.o.Settings().Folder)
	b.done(t)
	require.Empty(t, names(t, from))
	require.Len(t, names(t, to), 4)
	require.NoFileExists(t, filepath.Join(dir, journalFile))
	require.Len(t, b.moved, 3)
	require.ErrorContains(t, b.Cancel(t.Context()), "no clips are being moved")

	// A file that is being written holds the next move up.
	require.NoError(t, os.Rename(filepath.Join(to, "before.mp4"), filepath.Join(to, "z.mp4")))
	made(t, from, "before.mp4", clip.Replay, 500)
	b.writing(filepath.Join(to, "z.mp4"))
	require.NoError(t, b.Move(t.Context(), from))
	require.Eventually(t, func() bool { p, _ := b.Progress(); return p.Waits != "" }, 20*time.Second, 5*time.Millisecond)
	require.ElementsMatch(t, []string{from, to}, b.Folders())
	require.ErrorIs(t, b.Move(t.Context(), to), errMoving)
	made(t, from, "since.mp4", clip.Replay, 700)
	require.NoError(t, b.Cancel(t.Context()))
	require.Equal(t, to, b.o.Settings().Folder)
	b.done(t)
	require.Equal(t, []string{"before.mp4"}, names(t, from))
	require.Equal(t, []string{"0.mp4", "1.mp4", "2.mp4", "since.mp4", "z.mp4"}, names(t, to))
}

// The next start ends a move that the process did not live to end, whichever way it went.
func TestTheNextStartEndsAMove(t *testing.T) {
	for _, back := range []bool{false, true} {
		dir, from, to := t.TempDir(), t.TempDir(), t.TempDir()
		made(t, from, "a.mp4", clip.Replay, 1000)
		made(t, to, "b.mp4", clip.Replay, 1000)
		made(t, to, "had.mp4", clip.Replay, 1000)
		first := open(t, dir, Settings{Folder: from})
		require.NoError(t, first.write(journalFile, journal{From: from, To: to, Had: []string{"had.mp4"}, Back: back,
			Follows: true}))
		b := open(t, dir, Settings{Folder: from})
		b.Start()
		b.done(t)
		if back {
			require.Equal(t, from, b.o.Settings().Folder)
			require.Equal(t, []string{"a.mp4", "b.mp4"}, names(t, from))
			require.Equal(t, []string{"had.mp4"}, names(t, to))
		} else {
			require.Equal(t, to, b.o.Settings().Folder)
			require.Equal(t, []string{"a.mp4", "b.mp4", "had.mp4"}, names(t, to))
		}
		b.Close()
	}
}

// A drive that is pulled out is away, not gone: nothing is written below its mount point, saves go to the fallback and
// say so, and with the drive they come back to it.
func TestADriveThatIsAway(t *testing.T) {
	if !mounts.Inside(t) {
		return
	}
	dir, point, fallback := t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "fallback")
	plug := func() { require.NoError(t, syscall.Mount("tmpfs", point, "tmpfs", 0, "size=8m")) }
	plug()
	folder := filepath.Join(point, "clips")
	made(t, folder, "kept.mp4", clip.Replay, 1000)
	b := open(t, dir, Settings{Folder: folder, Fallback: fallback})
	b.Start()
	said := func(want string) {
		t.Helper()
		require.Eventually(t, func() bool {
			b.Look()
			select {
			case m := <-b.reports:
				return want == "" && m == "" || want != "" && m != "" && strings.Contains(m, want)
			default:
				return false
			}
		}, 20*time.Second, 10*time.Millisecond)
	}
	said("")
	require.Equal(t, point, b.Place(folder, fallback).Mount)

	require.NoError(t, syscall.Unmount(point, 0)) // the mount point stays, as one of fstab does
	said("the drive with " + folder + " is not connected; new clips go to " + fallback)
	u, err := b.Usage()
	require.NoError(t, err)
	require.NotEmpty(t, u.Away)
	var saved string
	instead, err := b.Place(folder, fallback).Use(t.Context(), func(_ context.Context, folder string) error {
		saved = made(t, folder, "new.mp4", clip.Replay, 1000)
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, "the drive with "+folder+" is not connected", instead)
	require.Equal(t, fallback, filepath.Dir(saved))
	require.Empty(t, names(t, point), "nothing lies below the mount point")
	made(t, fallback, "older.mp4", clip.Replay, 1000) // which belongs there
	b.Saved(saved)
	require.Equal(t, []string{folder, fallback}, b.Folders())
	require.Error(t, b.Move(t.Context(), t.TempDir()), "clips that are away cannot move")
	_, err = clip.Place{Folder: folder, Mount: point}.Save(t.Context(), clip.Request{})
	require.ErrorIs(t, err, clip.ErrAway, "without a fallback it is an error")

	b.Close()
	b = open(t, dir, Settings{Folder: folder, Fallback: fallback}) // it is known after a restart
	b.Start()
	said("is not connected")
	plug() // another file system, with the same folder on it
	t.Cleanup(func() { b.Close(); require.NoError(t, syscall.Unmount(point, 0)) })
	said("")
	require.Equal(t, 1, <-b.returned)
	require.Equal(t, []string{"new.mp4"}, names(t, folder))
	require.Equal(t, []string{"older.mp4"}, names(t, fallback))
	require.Equal(t, filepath.Join(folder, "new.mp4"), b.moved[saved])
	require.Equal(t, []string{folder}, b.Folders())
}

// A move whose target is pulled out waits for it and goes on by itself.
func TestAMoveWaitsForItsDrive(t *testing.T) {
	if !mounts.Inside(t) {
		return
	}
	dir, from, point := t.TempDir(), t.TempDir(), t.TempDir()
	require.NoError(t, syscall.Mount("tmpfs", point, "tmpfs", 0, "size=8m"))
	made(t, from, "a.mp4", clip.Replay, 1000)
	hold := made(t, from, "b.mp4", clip.Replay, 1000)
	b := open(t, dir, Settings{Folder: from})
	b.writing(hold)
	b.Start()
	require.NoError(t, b.Move(t.Context(), point))
	require.Eventually(t, func() bool { p, _ := b.Progress(); return p.Waits != "" }, 20*time.Second, 5*time.Millisecond)
	b.Close()
	require.NoError(t, syscall.Unmount(point, 0))
	b = open(t, dir, Settings{Folder: point})
	b.Start()
	require.Eventually(t, func() bool {
		p, _ := b.Progress()
		return strings.Contains(p.Waits, "is not connected") && !p.Stopped
	}, 20*time.Second, 5*time.Millisecond)
	require.NoError(t, syscall.Mount("tmpfs", point, "tmpfs", 0, "size=8m"))
	t.Cleanup(func() { b.Close(); require.NoError(t, syscall.Unmount(point, 0)) })
	require.Eventually(t, func() bool { b.Look(); _, moving := b.Progress(); return !moving }, 20*time.Second,
		10*time.Millisecond)
	require.Empty(t, names(t, from))
	require.Equal(t, []string{"b.mp4"}, names(t, point), "a.mp4 is on the drive that is not there")
}

// A lower limit deletes at once what it was said to delete.
func TestALowerLimit(t *testing.T) {
	folder := t.TempDir()
	for i, name := range []string{"1.mp4", "2.mp4"} {
		path := made(t, folder, name, clip.Replay, 100_000)
		at := time.Now().Add(time.Duration(i-10) * time.Hour)
		require.NoError(t, os.Chtimes(path, at, at))
	}
	b := open(t, t.TempDir(), Settings{Folder: folder, Limit: 1e6})
	b.Start()
	would, err := b.Excess(150_000)
	require.NoError(t, err)
	require.Len(t, would, 1)
	b.with(func() { b.settings.Limit = 150_000 })
	require.Eventually(t, func() bool {
		b.Look()
		_, err := os.Stat(would[0].Path)
		return errors.Is(err, os.ErrNotExist)
	}, 20*time.Second, 10*time.Millisecond)
	require.Equal(t, []string{"2.mp4"}, names(t, folder))
}
