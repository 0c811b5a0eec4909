package clip_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/clip"
	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/capture/mp4"
)

// TestFailuresAreSentencesAndLeaveNothing runs itself once more in a mount name space of its own, where it may mount a
// small file system whoever the user is (user_namespaces(7)).
func TestFailuresAreSentencesAndLeaveNothing(t *testing.T) {
	const inside = "HINDSIGHT_TEST_NAMESPACE"
	if os.Getenv(inside) == "" {
		c := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v")
		c.Env = append(os.Environ(), inside+"=1")
		c.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
		}
		out, err := c.CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Contains(t, string(out), "--- PASS: "+t.Name())
		return
	}
	full := t.TempDir()
	require.NoError(t, syscall.Mount("tmpfs", full, "tmpfs", 0, "size=256k"))
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(full, 0)) })
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

// A recording whose end cannot be read back, as when the process has no descriptors left, is kept; an empty one is not.
func TestRecordingThatCannotBeReadBackIsKept(t *testing.T) {
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
