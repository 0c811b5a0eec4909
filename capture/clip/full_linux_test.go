package clip_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/clip"
	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/capture/mp4"
	"github.com/hindsight-app/hindsight/cmd/devstack/mounts"
)

func TestFailuresAreExplainedAndLeaveNothing(t *testing.T) {
	if !mounts.Inside(t) {
		return
	}
	full := mounts.Small(t, "256k")
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	big := request(t, full)
	big.Video[0].Data = append(big.Video[0].Data, bytes.Repeat([]byte{0, 0, 0, 1, 6, 0x55}, 50_000)...)
	big.Video[0].NALs = media.SplitAnnexB(big.Video[0].Data)
	for name, c := range map[string]struct {
		r    clip.Request
		want string
	}{
		"full disk":    {big, "is full"},
		"not a folder": {request(t, file), "is not a folder"},
		"no such root": {request(t, "/proc/nowhere"), "/proc/nowhere"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := clip.Save(context.Background(), c.r)
			require.ErrorContains(t, err, c.want)
			require.Error(t, clip.CheckFolder(c.r.Folder+"/\x00"))
		})
	}
	entries, err := os.ReadDir(full)
	require.NoError(t, err)
	require.Empty(t, entries)
	_, err = clip.Save(context.Background(), request(t, full))
	require.NoError(t, err, "the next save works once there is room")
}

// A file system whose server never returns is what a network folder is when the network is gone.
func TestAFolderThatHangs(t *testing.T) {
	if !mounts.Inside(t) {
		return
	}
	folder := t.TempDir()
	fuse, err := syscall.Open("/dev/fuse", syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	require.NoError(t, err)
	mounts.Mount(t, "hang", folder, "fuse", fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0", fuse))
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		require.NoError(t, syscall.Close(fuse)) // whoever waits goes on, with an error
		require.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+1 }, 20*time.Second, 10*time.Millisecond,
			"nothing stays once the folder answers")
	})
	clip.SetHangWait(t, 500*time.Millisecond)
	r := request(t, filepath.Join(folder, "clips"))
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = clip.Save(ctx, r)
	require.ErrorContains(t, err, "does not respond")
	require.ErrorContains(t, clip.CheckFolder(r.Folder), "does not respond")
	_, err = clip.NewRecording(r)
	require.ErrorContains(t, err, "does not respond")
	r.Folder = t.TempDir()
	_, err = clip.Save(t.Context(), r)
	require.NoError(t, err, "another folder works meanwhile")
}

// A file that may not become larger than so many bytes stands for one of 4 GiB on FAT32, which fails the same way. The
// limit is the process's, so the test has one to itself.
func TestADiskThatTakesNoLargerFiles(t *testing.T) {
	if !mounts.Inside(t) {
		return
	}
	folder := t.TempDir()
	r := request(t, folder)
	var old syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old))
	limit := old
	limit.Cur = 2000
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit))
	_, err := clip.Save(t.Context(), r)
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old))
	require.ErrorIs(t, err, syscall.EFBIG)
	require.ErrorContains(t, err, "takes no files as large as this clip")
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Empty(t, entries)
	_, err = clip.Save(t.Context(), r)
	require.NoError(t, err, "nothing is lost")
}

func TestTwoLongSavesAtOnce(t *testing.T) {
	r := request(t, t.TempDir())
	second := r.Video[:30]
	r.Video, r.End = nil, 20*time.Minute
	for at := time.Duration(0); at < r.End; at += time.Second {
		for _, p := range second {
			q := *p
			q.PTS, q.DTS = p.PTS+at, p.DTS+at
			r.Video = append(r.Video, &q)
		}
	}
	var clips [2]clip.Clip
	var errs [2]error
	var both sync.WaitGroup
	for i := range clips {
		both.Go(func() { clips[i], errs[i] = clip.Save(t.Context(), r) })
	}
	both.Wait()
	require.NoError(t, errors.Join(errs[:]...))
	require.NotEqual(t, clips[0].Path, clips[1].Path)
	list, err := clip.List(r.Folder)
	require.NoError(t, err)
	require.Len(t, list, 2)
	for _, c := range list {
		require.InDelta(t, 1200, c.Seconds, 0.001)
		require.Equal(t, clips[0].Bytes, c.Bytes)
	}
}

// A recording whose end cannot be read back, as when the process has no descriptors left, is kept. The limit is the
// process's, so the test has one to itself.
func TestRecordingThatCannotBeReadBackIsKept(t *testing.T) {
	if !mounts.Inside(t) {
		return
	}
	r := request(t, t.TempDir())
	rec, err := clip.NewRecording(r)
	require.NoError(t, err)
	for _, p := range r.Video {
		require.NoError(t, rec.Add(p))
	}
	rec.WithoutCover()
	var limit syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 3, Max: limit.Max}))
	c, err := rec.Close(nil)
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit))
	require.NoError(t, err)
	require.InDelta(t, 3, c.Seconds, 0.1)
	i, err := mp4.Inspect(c.Path)
	require.NoError(t, err)
	require.InDelta(t, 3, i.Seconds, 0.1)
}

// A trim onto a full disk leaves nothing.
func TestTrimOnAFullDisk(t *testing.T) {
	if !mounts.Inside(t) {
		return
	}
	full := mounts.Small(t, "32k")
	whole, err := clip.Save(context.Background(), request(t, t.TempDir()))
	require.NoError(t, err)
	_, err = clip.Trim(context.Background(), clip.TrimRequest{Path: whole.Path, From: time.Second,
		Out: filepath.Join(full, "part.mp4")})
	require.ErrorContains(t, err, "is full; free some space and try again")
	require.False(t, strings.Contains(err.Error(), "replay"), "there is nothing in memory")
	entries, err := os.ReadDir(full)
	require.NoError(t, err)
	require.Empty(t, entries)
}
