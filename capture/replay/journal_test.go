package replay_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
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
			j.Write(videoPacket(i, 3000, i%60 == 0))
			if i == 45 || i == 1500 {
				j.Mark(replay.Mark{At: videoPacket(i, 0, false).PTS, Title: fmt.Sprintf("frame %d", i)})
			}
			for ; sound(s).PTS < videoPacket(i, 0, false).PTS; s++ {
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
	living, err := replay.FindOrphans(parent)
	require.NoError(t, err)
	require.Empty(t, living, "a living process's journal is its own")
	require.NoError(t, c.Process.Kill())
	_ = c.Wait()

	found, err := replay.FindOrphans(parent)
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
	require.Equal(t, []replay.Mark{{At: videoPacket(1500, 0, false).PTS, Title: "frame 1500"}}, found[0].Marks,
		"marks go with what they are about")
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
		j.Write(videoPacket(i, 1000, i%30 == 0))
	}
	require.NoError(t, j.Close())
	require.NoError(t, j.Close())
	j.Write(videoPacket(101, 1, true))
	entries, err := os.ReadDir(parent)
	require.NoError(t, err)
	require.Empty(t, entries)
}

// A cache cleaner that deletes files, the lock or the whole folder costs only what it deleted; the journal continues.
func TestAJournalOutlivesACleaner(t *testing.T) {
	for name, take := range map[string]string{"a file": "000000001.gop", "the lock": "lock", "the folder": ""} {
		t.Run(name, func(t *testing.T) {
			parent := t.TempDir()
			j, err := replay.NewJournal(parent, time.Second, slog.Default())
			require.NoError(t, err)
			defer j.Close()
			folders, err := filepath.Glob(filepath.Join(parent, "replay-*"))
			require.NoError(t, err)
			require.Len(t, folders, 1)
			write := func(from, to int) {
				for i := from; i < to; i++ {
					j.Write(videoPacket(i, 100, i%30 == 0))
				}
				require.Eventually(t, func() bool { return j.Queued() == 0 }, 20*time.Second, time.Millisecond)
			}
			write(0, 61)
			require.Eventually(t, func() bool {
				files, _ := filepath.Glob(filepath.Join(folders[0], "*.gop"))
				return len(files) == 3
			}, 20*time.Second, time.Millisecond)
			require.NoError(t, os.RemoveAll(filepath.Join(folders[0], take)))
			write(61, 600)
			require.Eventually(t, func() bool {
				_, err := os.Stat(filepath.Join(folders[0], "000000020.gop"))
				return err == nil
			}, 20*time.Second, time.Millisecond)
			living, err := replay.FindOrphans(parent)
			require.NoError(t, err)
			require.Empty(t, living, "the journal is held")
			require.FileExists(t, filepath.Join(folders[0], "000000020.gop"))
		})
	}
}

func TestTornAndForeignFilesAreRead(t *testing.T) {
	parent := t.TempDir()
	folder := filepath.Join(parent, "replay-1")
	require.NoError(t, os.Mkdir(folder, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "000000001.gop"), []byte("VVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVV"),
		0o600))
	found, err := replay.FindOrphans(parent)
	require.NoError(t, err)
	require.Empty(t, found)
	require.NoDirExists(t, folder)
	_, err = replay.NewJournal("/proc/nowhere", time.Second, slog.Default())
	require.Error(t, err)
}

// raw is a record as it stands in a file.
func raw(kind byte, at time.Duration, data string) []byte {
	b := binary.LittleEndian.AppendUint64([]byte{kind, 1}, uint64(at))
	b = binary.LittleEndian.AppendUint64(b, uint64(frame))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(append(slices.Clone(b), data...),
		crc32.MakeTable(crc32.Castagnoli)))
	return append(b, data...)
}

// A file is read up to where it is torn, whatever there is in it that later versions know.
func TestRecordsOfOtherVersionsAreLeftOut(t *testing.T) {
	parent := t.TempDir()
	folder := filepath.Join(parent, "replay-1")
	require.NoError(t, os.Mkdir(folder, 0o700))
	content := slices.Concat(raw('V', time.Second, "one"), raw('Z', time.Second, "?"), raw('K', time.Second, ""),
		raw('V', 2*time.Second, "two"), []byte("Vtorn"))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "000000001.gop"), content, 0o600))
	found, err := replay.FindOrphans(parent)
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.Len(t, found[0].Snapshot.Video, 2)
	require.Equal(t, []replay.Mark{{At: time.Second}}, found[0].Marks)
	require.NoError(t, found[0].Discard())
}
