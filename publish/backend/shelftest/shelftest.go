// Package shelftest lays out what the backend's packages work on: a real database and a real folder with a replay,
// whose segments ffmpeg writes as LiveKit Egress does, and a recorder that says what the test has set. It starts
// nothing.
package shelftest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"modernc.org/sqlite"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/recorder"
	"github.com/hindsight-app/hindsight/publish/backend/state"
	"github.com/hindsight-app/hindsight/publish/backend/storage"
)

// A database of a test is gone before the power may be, so it need not wait for its disk.
func init() {
	sqlite.RegisterConnectionHook(func(conn sqlite.ExecQuerierContext, _ string) error {
		_, err := conn.ExecContext(context.Background(), "PRAGMA synchronous = OFF", nil)
		return err
	})
}

// Recorder is a recorder that says what the test has set. One that hangs stops nothing and waits for its caller to lose
// patience.
type Recorder struct {
	Says   recorder.Status
	Asked  error // of Status
	Hangs  bool
	Ending bool  // of JobStatus
	JobErr error // of Job and JobStatus
	Fails  error // of Start
}

// Start begins what the test says, or fails.
func (f *Recorder) Start(context.Context, recorder.Request) (recorder.Status, error) {
	return f.Says, f.Fails
}

// Stop returns at once, or hangs.
func (f *Recorder) Stop(ctx context.Context, _ string) error {
	if f.Hangs {
		<-ctx.Done()
	}
	return ctx.Err()
}

// Status is what the test says.
func (f *Recorder) Status(context.Context, string) (recorder.Status, error) { return f.Says, f.Asked }

// Webhook knows of none.
func (f *Recorder) Webhook(*http.Request) (recorder.Status, bool, error) {
	return recorder.Status{}, false, errors.New("none")
}

// Job begins what the test says, or fails.
func (f *Recorder) Job(context.Context, recorder.JobRequest) (recorder.JobStatus, error) {
	return recorder.JobStatus{Status: f.Says}, f.JobErr
}

// JobStatus is what the test says.
func (f *Recorder) JobStatus(context.Context, string) (recorder.JobStatus, error) {
	return recorder.JobStatus{Status: f.Says, Ending: f.Ending}, f.JobErr
}

// Join signs nothing.
func (f *Recorder) Join(string, string, string, time.Duration) (string, error) { return "", nil }

// Starting is a recorder that begins whatever it is asked for.
type Starting struct{ *Recorder }

// Start begins an egress.
func (s Starting) Start(context.Context, recorder.Request) (recorder.Status, error) {
	return recorder.Status{EgressID: "EG_" + state.NewID(), State: api.StateStarting}, nil
}

// Job begins an egress.
func (s Starting) Job(context.Context, recorder.JobRequest) (recorder.JobStatus, error) {
	return recorder.JobStatus{Status: recorder.Status{EgressID: "EG_" + state.NewID(), State: api.StateStarting}}, nil
}

// Shelf is a replay of alice's in room den, with one recording.
type Shelf struct {
	DB    *state.Store
	Files *storage.Storage
	Fake  *Recorder
	Rec   state.Recording
	Began time.Time
	Count int
	// Folder holds the segments.
	Folder string
}

// SegmentLength is how long each segment is.
const SegmentLength = 2 * time.Second

// New lays out a recording of count segments that began at began.
func New(t testing.TB, count int, began time.Time) *Shelf {
	t.Helper()
	dir := t.TempDir()
	db, err := state.Open(t.Context(), dir)
	require.NoError(t, err)
	t.Cleanup(func() { db.Close() })
	files, err := storage.Open(dir, "")
	require.NoError(t, err)
	t.Cleanup(func() { files.Close() })
	return On(t, db, files, count, began)
}

// On lays out the same in a database and a storage of the test's.
func On(t testing.TB, db *state.Store, files *storage.Storage, count int, began time.Time) *Shelf {
	t.Helper()
	ctx := t.Context()
	s := &Shelf{DB: db, Files: files, Began: began, Count: count,
		Fake: &Recorder{Says: recorder.Status{EgressID: "EG_1", State: api.StateActive, Began: began}}}
	s.Rec = state.Recording{ID: state.NewID(), ReplayID: state.NewID(), EgressID: "EG_1", VideoTrack: "TR_v",
		AudioTrack: "TR_a", State: api.StateActive, Began: began, Created: began}
	var err error
	s.Folder, err = files.NewRecording(ctx, s.Rec.ID)
	require.NoError(t, err)
	require.NoError(t, db.AddReplay(ctx, state.Replay{ID: s.Rec.ReplayID, Identity: "alice", Room: "den",
		Created: began}))
	require.NoError(t, db.AddRecording(ctx, s.Rec))
	makeSegments(t, s.Folder, count, began)
	return s
}

// Clip is a clip of a user that ends at pressed and is in no queue yet.
func (s *Shelf) Clip(t testing.TB, user string, length time.Duration, pressed, created time.Time) state.Clip {
	t.Helper()
	return state.Clip{ID: state.NewID(), ReplayID: s.Rec.ReplayID, Identity: user, Room: "den", State: api.ClipWaiting,
		Asked: length, Pressed: pressed, Created: created}
}

// Order puts a clip of a user into the queue that ends at pressed.
func (s *Shelf) Order(t testing.TB, user string, length time.Duration, pressed, created time.Time) state.Clip {
	t.Helper()
	c := s.Clip(t, user, length, pressed, created)
	ok, err := s.DB.AddClip(t.Context(), c, 100)
	require.NoError(t, err)
	require.True(t, ok)
	return c
}

// makeSegments lays out MPEG-TS segments whose PTS begin at one hour, and the playlist with program times that are
// 1.5 s late. ffmpeg writes as many only once for all tests of a program.
func makeSegments(t testing.TB, folder string, count int, began time.Time) {
	t.Helper()
	once, _ := segments.LoadOrStore(count, sync.OnceValues(func() ([][]byte, error) { return encode(count) }))
	files, err := once.(func() ([][]byte, error))()
	require.NoError(t, err)
	list := "#EXTM3U\n#EXT-X-PLAYLIST-TYPE:EVENT\n"
	for i, b := range files {
		name := fmt.Sprintf(segmentName, i)
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), b, 0o644))
		if i < count { // sound may end in a segment of its own
			at := began.Add(time.Duration(i)*SegmentLength + 1500*time.Millisecond)
			list += fmt.Sprintf("#EXT-X-PROGRAM-DATE-TIME:%s\n#EXTINF:2.000,\n%s\n",
				at.UTC().Format("2006-01-02T15:04:05.999Z07:00"), name)
		}
	}
	require.NoError(t, os.WriteFile(filepath.Join(folder, recorder.Playlist), []byte(list), 0o644))
}

const segmentName = "s_%05d.ts"

// segments are what encode returned, by their count.
var segments sync.Map

// encode has ffmpeg write segments.
func encode(count int) (files [][]byte, err error) {
	folder, err := os.MkdirTemp("", "segments-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	length := fmt.Sprint((time.Duration(count) * SegmentLength).Seconds())
	out, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=160x90:r=30",
		"-f", "lavfi", "-i", "sine=r=48000", "-t", length, "-c:v", "libx264", "-preset", "ultrafast", "-g", "60", "-bf", "2",
		"-c:a", "aac",
		"-output_ts_offset", "3600", "-muxdelay", "0", "-f", "segment", "-segment_time", fmt.Sprint(SegmentLength.Seconds()),
		"-segment_format", "mpegts", filepath.Join(folder, segmentName)).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("ffmpeg is needed, run make setup: %w: %s", err, out)
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	for _, e := range entries { // in the order of their names
		b, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			return nil, err
		}
		files = append(files, b)
	}
	return files, nil
}

// JPEG is a gray image.
func JPEG(t testing.TB, width, height int) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, width, height)), nil))
	return b.String()
}
