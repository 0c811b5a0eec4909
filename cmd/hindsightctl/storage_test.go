package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/control"
	"github.com/hindsight-app/hindsight/app/storage"
	"github.com/hindsight-app/hindsight/capture/mp4"
)

// Without a running app the folder is looked at and moved by the command itself.
func TestStorageOfAHindsightThatIsNotRunning(t *testing.T) {
	s := newShell(t)
	from, to := s.file("Videos/Hindsight"), s.file("disk/clips")
	require.NoError(t, os.MkdirAll(from, 0o755))
	video := [][]byte{{0x67, 0x42, 0xc0, 0x0a, 0xda, 0x79, 0x0a, 0x1a, 0x80, 0x80, 0x80, 0x83, 0xc4, 0x89, 0xa8},
		{0x68, 0xce, 0x3c, 0x80}, append([]byte{0x65}, bytes.Repeat([]byte{7}, 1000)...)}
	path := filepath.Join(from, "goal.mp4")
	_, err := mp4.WriteFile(t.Context(), path, mp4.Movie{End: time.Second, Origin: "recording",
		Tracks: []mp4.Track{{Kind: mp4.H264, Samples: []mp4.Sample{{Duration: time.Second, Sync: true, NALs: video}}}}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(from, "notes.txt"), []byte("mine"), 0o600))
	require.NoError(t, os.Truncate(path, 3e9)) // a hole takes no space
	code, out := s.line(t, "storage")
	require.Zero(t, code, out)
	require.Contains(t, out, "folder       "+from+", ")
	require.Contains(t, out, "recordings       1      3.0 GB\n")
	require.Contains(t, out, "other files      1      0.0 MB\n")
	code, out = s.line(t, "storage --limit 2")
	require.Zero(t, code, out)
	require.Contains(t, out, "A limit of 2 GB deletes 1 file, 3.0 GB:\n")
	require.Contains(t, out, path)
	code, out = s.line(t, "storage --limit 4")
	require.Zero(t, code, out)
	require.Contains(t, out, "A limit of 4 GB deletes nothing.\n")
	require.FileExists(t, path)
	code, out = s.line(t, "storage --limit 2.5")
	require.Zero(t, code, out)
	require.Contains(t, out, "A limit of 2.5 GB deletes 1 file, 3.0 GB:\n")
	for _, line := range []string{"storage --limit=-1", "storage --limit -1", "storage --limit NaN"} {
		code, out = s.line(t, line)
		require.Equal(t, usageError, code, out)
		require.Contains(t, out, "must be more than 0", line)
	}
	for _, args := range [][]string{{"storage", "move", ""}, {"storage", "move", "", "--json"}} {
		code, stdout, stderr := s.run(t, "", args...)
		require.Equal(t, usageError, code, stderr)
		require.Contains(t, stdout+stderr, "the text is empty")
	}
	code, out = s.line(t, "storage move "+filepath.Join(from, "sub"))
	require.Equal(t, failed, code, out)
	require.Contains(t, out, "is a folder within "+from)
	require.NoError(t, os.WriteFile(s.file("Videos/a.txt"), nil, 0o600))
	code, out = s.line(t, "storage move "+s.file("Videos/a.txt/b"))
	require.Equal(t, failed, code, out)
	require.Contains(t, out, "is not a folder; choose another")
	require.NotContains(t, out, "mkdir")
	code, out = s.line(t, "storage cancel")
	require.Equal(t, notRunning, code, out)

	code, stdout, stderr := s.run(t, "", "storage", "move", to)
	require.Zero(t, code, stderr)
	require.Equal(t, to+"\n", stdout)
	require.FileExists(t, filepath.Join(to, "goal.mp4"))
	require.NoFileExists(t, path)
	require.FileExists(t, filepath.Join(from, "notes.txt"))
	code, out = s.line(t, "settings get replay.folder")
	require.Zero(t, code, out)
	require.Equal(t, to+"\n", out)
	code, out = s.line(t, "storage move "+to)
	require.Equal(t, failed, code, out)
	require.Contains(t, out, "the clips are in "+to+" already")
	code, stdout, _ = s.run(t, "", "storage", "--json")
	require.Zero(t, code)
	var u storage.Usage
	require.NoError(t, json.Unmarshal([]byte(stdout), &u))
	require.Equal(t, to, u.Folder)
	require.Nil(t, u.Move)
}

// A running app moves them, and says how far that is.
func TestStorageOfARunningHindsight(t *testing.T) {
	s := newShell(t)
	server, err := control.Listen(s.file("run"), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer server.Close()
	asked := 0
	server.Serve(func(_ context.Context, r control.Request) (any, error) {
		switch {
		case r.Command == control.Move && r.Path == "/full":
			return nil, errors.New("the disk with /full has no room for the clips")
		case r.Command == control.Storage:
			return storage.Usage{Folder: "/stick", Away: "the drive with /stick is not connected",
				Server: &storage.Server{Clips: 2, Bytes: 2e6}, Left: "/old", LeftPart: storage.Part{Files: 2}}, nil
		case r.Command == control.Moving:
			if asked++; asked > 2 {
				return storage.Usage{}, nil
			}
			return storage.Usage{Move: &storage.Progress{To: "/disk", Files: 3, FilesDone: asked}}, nil
		}
		return nil, nil
	})
	code, out := s.line(t, "storage")
	require.Zero(t, code, out)
	require.Contains(t, out, "away         the drive with /stick is not connected\n")
	require.Contains(t, out, "server           2      2.0 MB\n")
	require.Contains(t, out, "left behind  2 files in /old\n")
	code, stdout, stderr := s.run(t, "", "storage", "move", "/disk")
	require.Zero(t, code, stderr)
	require.Equal(t, "/disk\n", stdout)
	require.Contains(t, stderr, "2 of 3 files")
	code, out = s.line(t, "storage move /full")
	require.Equal(t, failed, code)
	require.Contains(t, out, "has no room")
	code, out = s.line(t, "storage cancel --json")
	require.Zero(t, code, out)
	require.JSONEq(t, `{"ok":true}`, out)
}
