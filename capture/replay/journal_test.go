package replay_test

import (
	"bufio"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/capture/replay"
)

// TestMain lets the test binary be the process that is killed.
func TestMain(m *testing.M) {
	if parent := os.Getenv("HINDSIGHT_TEST_JOURNAL"); parent != "" {
		j, err := replay.NewJournal(parent, 10*time.Second, slog.Default())
		if err != nil {
			panic(err)
		}
		s := 0
		for i := range 30 * 60 {
			j.Write(picture(i, 3000, i%60 == 0))
			for ; sound(s).PTS < picture(i, 0, false).PTS; s++ {
				j.Write(sound(s))
				j.Write(alone(s, media.MicAAC))
			}
			for j.Queued() > 0 { // a minute is written as fast as the disk takes it
				runtime.Gosched()
			}
		}
		fmt.Println("written")
		select {}
	}
	os.Exit(m.Run())
}

func TestAKilledProcessLosesAtMostASecond(t *testing.T) {
	parent := filepath.Join(t.TempDir(), "journals")
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "HINDSIGHT_TEST_JOURNAL="+parent)
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	_, err = bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	living, err := replay.FindRemains(parent)
	require.NoError(t, err)
	require.Empty(t, living, "a living process's journal is its own")
	require.NoError(t, c.Process.Kill())
	_ = c.Wait()

	found, err := replay.FindRemains(parent)
	require.NoError(t, err)
	require.Len(t, found, 1)
	s := found[0].Snapshot
	require.Len(t, s.Sources, 1)
	require.Equal(t, media.MicAAC, s.Sources[0][0].Track)
	require.Len(t, s.Sources[0], len(s.Sound))
	require.Equal(t, []byte{0x11, 0x90}, s.Sources[0][0].Config)
	require.True(t, s.Video[0].Key)
	require.Greater(t, s.End, 59*time.Second, "at most a second is lost")
	require.GreaterOrEqual(t, s.End-s.Start, 10*time.Second)
	require.LessOrEqual(t, s.End-s.Start, 16*time.Second, "and the old is gone from the disk")
	require.Equal(t, []byte{0x11, 0x90}, found[0].SoundConfig)
	require.NotEmpty(t, s.Sound)
	require.NoError(t, found[0].Discard())
	entries, err := os.ReadDir(parent)
	require.NoError(t, err)
	require.Empty(t, entries)
}

func TestAJournalThatEndsInOrderLeavesNothing(t *testing.T) {
	parent := t.TempDir()
	j, err := replay.NewJournal(parent, 10*time.Second, slog.Default())
	require.NoError(t, err)
	for i := range 100 {
		j.Write(picture(i, 1000, i%30 == 0))
	}
	require.NoError(t, j.Close())
	require.NoError(t, j.Close())
	j.Write(picture(101, 1, true))
	entries, err := os.ReadDir(parent)
	require.NoError(t, err)
	require.Empty(t, entries)
}

func TestTornAndForeignFilesAreRead(t *testing.T) {
	parent := t.TempDir()
	folder := filepath.Join(parent, "replay-1")
	require.NoError(t, os.Mkdir(folder, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "000000001.gop"), []byte("VVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVV"), 0o600))
	found, err := replay.FindRemains(parent)
	require.NoError(t, err)
	require.Empty(t, found)
	require.NoDirExists(t, folder)
	_, err = replay.NewJournal("/proc/nowhere", time.Second, slog.Default())
	require.Error(t, err)
}
