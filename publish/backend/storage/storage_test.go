package storage

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/mp4"
	"github.com/hindsight-app/hindsight/publish/backend/recorder"
	"github.com/hindsight-app/hindsight/publish/backend/storage/s3test"
)

const (
	id    = "abcdefghijklmnop"
	other = "ponmlkjihgfedcba"
)

// onBoth runs a test on a folder and on a bucket of an S3 server.
func onBoth(t *testing.T, test func(t *testing.T, s *Storage)) {
	t.Run("folder", func(t *testing.T) {
		s, _ := openFolder(t)
		test(t, s)
	})
	t.Run("s3", func(t *testing.T) { test(t, openS3(t, "team/replays")) })
}

func openFolder(t *testing.T) (*Storage, string) {
	t.Helper()
	dir := t.TempDir()
	s, err := Open(dir, "/as/egress/sees/it")
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	return s, dir
}

func openS3(t *testing.T, prefix string) *Storage {
	t.Helper()
	server, err := s3test.Start(t.Context())
	require.NoError(t, err)
	t.Cleanup(server.Close)
	for k, v := range server.Env() {
		t.Setenv(k, v)
	}
	s, err := OpenBucket(t.Context(), server.URL(prefix))
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

// put writes a file as a recorder does.
func put(t *testing.T, s *Storage, id, name, content string) {
	t.Helper()
	require.NoError(t, s.WriteFile(t.Context(), id, name, []byte(content)))
}

func names(t *testing.T, s *Storage) (out []string) {
	t.Helper()
	require.NoError(t, s.list(t.Context(), segments, func(e Entry) { out = append(out, e.Name) }))
	return out
}

func TestRecordingIsReadOn(t *testing.T) { onBoth(t, readsOn) }

func readsOn(t *testing.T, s *Storage) {
	ctx := t.Context()
	folder, err := s.NewRecording(ctx, id)
	require.NoError(t, err)
	if s.Upload() == (recorder.Upload{}) {
		require.Equal(t, "/as/egress/sees/it/"+id, folder)
	} else {
		require.Equal(t, "team/replays/segments/"+id, folder)
	}
	b, err := s.ReadPlaylist(ctx, id, 0)
	require.NoError(t, err)
	require.Empty(t, b, "no playlist yet is no error")
	put(t, s, id, recorder.Playlist, "0123")
	put(t, s, id, recorder.Playlist, "0123456789")
	b, err = s.ReadPlaylist(ctx, id, 6)
	require.NoError(t, err)
	require.Equal(t, "6789", string(b))
	b, err = s.ReadPlaylist(ctx, id, 10)
	require.NoError(t, err)
	require.Empty(t, b, "nothing new")
	put(t, s, id, "s_00000.ts", "ts")
	f, err := s.OpenSegment(ctx, id, "s_00000.ts")
	require.NoError(t, err)
	b, err = io.ReadAll(f)
	require.NoError(t, errors.Join(err, f.Close()))
	require.Equal(t, "ts", string(b))
	require.NoError(t, s.Remove(ctx, id, "s_00000.ts"))
	require.NoError(t, s.Remove(ctx, id, "s_00000.ts"), "removing twice")
	_, err = s.OpenSegment(ctx, id, "s_00000.ts")
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NotEmpty(t, names(t, s))
	require.NoError(t, s.Remove(ctx, id, ""))
	require.Empty(t, names(t, s))
	require.NoError(t, s.Remove(ctx, id, ""), "removing twice")
}

// movie has one frame of this many bytes.
func movie(size int) mp4.Movie {
	video := [][]byte{{0x67, 0x42, 0xc0, 0x0a, 0xda, 0x79, 0x0a, 0x1a, 0x80, 0x80, 0x80, 0x83, 0xc4, 0x89, 0xa8},
		{0x68, 0xce, 0x3c, 0x80},
		append([]byte{0x65}, bytes.Repeat([]byte{7}, size)...)}
	return mp4.Movie{End: time.Second, Tracks: []mp4.Track{{Kind: mp4.H264,
		Samples: []mp4.Sample{{Duration: time.Second, Sync: true, NALs: video}}}}}
}

// A clip is read from anywhere in it, as a download with Range does; a second one takes its place; a third, which is
// given up half-way, leaves it as it was.
func TestClips(t *testing.T) { onBoth(t, keepsClips) }

func keepsClips(t *testing.T, s *Storage) {
	ctx := t.Context()
	_, err := s.OpenClip(ctx, id)
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = s.WriteClip(ctx, id, movie(10))
	require.NoError(t, err)
	n, err := s.WriteClip(ctx, id, movie(100_000))
	require.NoError(t, err)
	require.Greater(t, n, int64(100_000))
	given, cancel := context.WithCancel(ctx)
	cancel()
	_, err = s.WriteClip(given, id, movie(20))
	require.ErrorIs(t, err, context.Canceled)

	whole := download(t, s, "")
	require.Equal(t, http.StatusOK, whole.Code)
	require.Len(t, whole.Body.Bytes(), int(n))
	part := download(t, s, "bytes=4-7")
	require.Equal(t, http.StatusPartialContent, part.Code)
	require.Equal(t, "ftyp", part.Body.String())
	tail := download(t, s, "bytes=-100")
	require.Equal(t, whole.Body.Bytes()[n-100:], tail.Body.Bytes())

	require.NoError(t, s.RemoveClip(ctx, id))
	require.NoError(t, s.RemoveClip(ctx, id), "removing twice")
	_, err = s.OpenClip(ctx, id)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func download(t *testing.T, s *Storage, ranges string) *httptest.ResponseRecorder {
	t.Helper()
	f, err := s.OpenClip(t.Context(), id)
	require.NoError(t, err)
	defer f.Close()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	if ranges != "" {
		r.Header.Set("Range", ranges)
	}
	w := httptest.NewRecorder()
	http.ServeContent(w, r, "clip.mp4", time.Time{}, f)
	return w
}

// No id and no name leads elsewhere.
func TestNothingElseIsReached(t *testing.T) { onBoth(t, reachesNothingElse) }

func reachesNothingElse(t *testing.T, s *Storage) {
	ctx := t.Context()
	for _, bad := range []string{"", "..", "../clips", "../../x", "a/b", "/etc", "ABCDEFGH", "abc", "abcdefgh\x00",
		"abcdefgh.mp4"} {
		_, err := s.OpenClip(ctx, bad)
		require.ErrorIs(t, err, fs.ErrNotExist, bad)
		_, err = s.NewRecording(ctx, bad)
		require.ErrorIs(t, err, fs.ErrNotExist, bad)
		require.ErrorIs(t, s.Remove(ctx, bad, ""), fs.ErrNotExist, bad)
		require.ErrorIs(t, s.RemoveClip(ctx, bad), fs.ErrNotExist, bad)
		_, err = s.WriteClip(ctx, bad, mp4.Movie{})
		require.ErrorIs(t, err, fs.ErrNotExist, bad)
	}
	put(t, s, safe(t, s), "s_00000.ts", "ts")
	for _, bad := range []string{"../../segments/" + id + "/s_00000.ts", "..", "/etc/passwd", `..\x`} {
		_, err := s.OpenSegment(ctx, id, bad)
		require.ErrorIs(t, err, fs.ErrNotExist, bad)
		require.ErrorIs(t, s.WriteFile(ctx, id, bad, nil), fs.ErrNotExist, bad)
		require.ErrorIs(t, s.Remove(ctx, id, bad), fs.ErrNotExist, bad)
	}
}

// safe makes a recording.
func safe(t *testing.T, s *Storage) string {
	t.Helper()
	_, err := s.NewRecording(t.Context(), id)
	require.NoError(t, err)
	return id
}

// Nothing outside of the folder is reached, not even through a link.
func TestLinksOutOfTheFolderAreRefused(t *testing.T) {
	s, dir := openFolder(t)
	outside := filepath.Join(t.TempDir(), "secret.mp4")
	require.NoError(t, os.WriteFile(outside, []byte("x"), 0o644))
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "clips", id+".mp4")))
	_, err := s.OpenClip(t.Context(), id)
	require.Error(t, err)
}

// A clip that a killed process left half written is deleted later; one that another backend is writing stays.
func TestPartialClipsAreRemoved(t *testing.T) {
	s, dir := openFolder(t)
	require.NoError(t, s.Close())
	for name, age := range map[string]time.Duration{"old": partialAge + time.Minute, "new": 0} {
		partial := filepath.Join(dir, "clips", "."+name+mp4.TempSuffix)
		require.NoError(t, os.WriteFile(partial, []byte("x"), 0o644))
		require.NoError(t, os.Chtimes(partial, time.Time{}, time.Now().Add(-age)))
	}
	s, err := Open(dir, "")
	require.NoError(t, err)
	defer s.Close()
	require.NoFileExists(t, filepath.Join(dir, "clips", ".old"+mp4.TempSuffix))
	require.FileExists(t, filepath.Join(dir, "clips", ".new"+mp4.TempSuffix))
}

// A recording that nobody has written down goes, but not a fresh one, and none where the database knows none at all;
// what is not a recording stays.
func TestUnknownRecordingsAreRemoved(t *testing.T) { onBoth(t, removesUnknown) }

func removesUnknown(t *testing.T, s *Storage) {
	ctx := t.Context()
	for _, id := range []string{id, other} {
		_, err := s.NewRecording(ctx, id)
		require.NoError(t, err)
		put(t, s, id, "s_00000.ts", "ts")
	}
	later := time.Now().Add(time.Minute)
	require.NoError(t, s.KeepRecordings(ctx, nil, later))
	require.Len(t, names(t, s), 2, "the database is new")
	require.NoError(t, s.KeepRecordings(ctx, []string{id}, time.Now().Add(-time.Minute)))
	require.Len(t, names(t, s), 2, "the recording is new")
	require.NoError(t, s.NoteRecording(ctx, other, []byte("{}")))
	require.NoError(t, s.KeepRecordings(ctx, []string{id}, later))
	require.Len(t, names(t, s), 3, "it was written down once")
	require.NoError(t, s.Remove(ctx, other, "note.json"))
	require.NoError(t, s.KeepRecordings(ctx, []string{id}, later))
	require.Equal(t, []string{"segments/" + id + "/s_00000.ts"}, names(t, s))
}

// Notes are found with what they are about, and what has none is counted. A clip's note goes with it.
func TestNotes(t *testing.T) { onBoth(t, findsNotes) }

func findsNotes(t *testing.T, s *Storage) {
	ctx := t.Context()
	const third = "abababababababab"
	for _, id := range []string{id, other} {
		_, err := s.NewRecording(ctx, id)
		require.NoError(t, err)
		put(t, s, id, "s_00000.ts", "ts")
	}
	require.NoError(t, s.NoteRecording(ctx, id, []byte("recording")))
	for _, id := range []string{id, other} {
		_, err := s.WriteClip(ctx, id, movie(10))
		require.NoError(t, err)
	}
	require.NoError(t, s.NoteClip(ctx, id, []byte("clip")))
	none, err := s.Poster(ctx, id)
	require.NoError(t, err)
	require.Empty(t, none)
	require.NoError(t, s.NotePoster(ctx, id, []byte("picture")))
	require.NoError(t, s.NoteClip(ctx, third, []byte("no clip")))
	found := map[string]string{}
	silent, err := s.Notes(ctx, func(file string, b []byte, err error) {
		require.NoError(t, err)
		found[file] = string(b)
	})
	require.NoError(t, err)
	require.Equal(t, 2, silent)
	require.Equal(t, map[string]string{"segments/" + id + "/note.json": "recording", "clips/" + id + ".json": "clip"},
		found)
	require.NoError(t, s.RemoveClip(ctx, id))
	silent, err = s.Notes(ctx, func(file string, _ []byte, _ error) {
		require.Equal(t, "segments/"+id+"/note.json",
			file)
	})
	require.NoError(t, err)
	require.Equal(t, 2, silent)
}
