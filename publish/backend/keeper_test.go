package backend

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/recorder"
	"github.com/hindsight-app/hindsight/publish/backend/state"
	"github.com/hindsight-app/hindsight/publish/backend/storage"
)

// told is a recorder that says what the test has told it. One that hangs stops nothing and waits for its caller to lose
// patience.
type told struct {
	status recorder.Status
	asked  error // of Status
	hangs  bool
	err    error // about takes
	fails  error // of Start
}

func (f *told) Start(context.Context, recorder.Request) (recorder.Status, error) {
	return f.status, f.fails
}
func (f *told) Stop(ctx context.Context, _ string) error {
	if f.hangs {
		<-ctx.Done()
	}
	return ctx.Err()
}
func (f *told) Status(context.Context, string) (recorder.Status, error) { return f.status, f.asked }
func (f *told) Webhook(*http.Request) (recorder.Status, bool, error) {
	return recorder.Status{}, false, errors.New("none")
}
func (f *told) Job(context.Context, recorder.JobRequest) (recorder.JobStatus, error) {
	return recorder.JobStatus{Status: f.status}, f.err
}
func (f *told) JobStatus(context.Context, string) (recorder.JobStatus, error) {
	return recorder.JobStatus{Status: f.status}, f.err
}
func (f *told) Join(string, string, string, time.Duration) (string, error) { return "", nil }

// shelf is a keeper without its goroutine, over a real database, a real folder and segments made by ffmpeg.
type shelf struct {
	*keeper
	fake  *told
	files *storage.Storage
	rec   state.Recording
	began time.Time
	count int
	// folder holds the segments.
	folder string
}

const segmentLength = 2 * time.Second

// newShelf lays out a recording of count segments that began at began, as LiveKit Egress writes it.
func newShelf(t testing.TB, count int, began time.Time) *shelf {
	t.Helper()
	ctx := t.Context()
	dir := t.TempDir()
	db, err := state.Open(ctx, dir)
	require.NoError(t, err)
	t.Cleanup(func() { db.Close() })
	files, err := storage.Open(dir, "")
	require.NoError(t, err)
	t.Cleanup(func() { files.Close() })
	fake := &told{status: recorder.Status{EgressID: "EG_1", State: api.StateActive, Began: began}}
	s := &Server{o: Options{State: db, Tokens: fake, Recorder: fake, Storage: files, Clips: files,
		Cutter: &Remuxer{Storage: files, Clips: files}, JobRecorder: fake, JobFiles: files, Replay: 10 * time.Second},
		metrics: newMetrics(), limiter: newLimiter(0), patience: sendPatience}
	require.NoError(t, s.o.setDefaults())
	s.buffers = newBuffers(files, s.o.UnknownDelay)
	sh := &shelf{keeper: &keeper{Server: s, cutting: map[string]bool{}, again: map[string]time.Time{},
		finished: make(chan finished, 8)}, fake: fake, files: files,
		began: began, count: count}
	sh.rec = state.Recording{ID: state.NewID(), ReplayID: state.NewID(), EgressID: "EG_1", VideoTrack: "TR_v",
		AudioTrack: "TR_a", State: api.StateActive, Began: began, Created: began}
	sh.folder, err = files.NewRecording(ctx, sh.rec.ID)
	require.NoError(t, err)
	require.NoError(t, db.AddReplay(ctx, state.Replay{ID: sh.rec.ReplayID, Identity: "alice", Room: "den",
		Created: began}))
	require.NoError(t, db.AddRecording(ctx, sh.rec))
	makeSegments(t, sh.folder, count, began)
	return sh
}

// makeSegments has ffmpeg write MPEG-TS segments whose PTS begin at one hour, and the playlist with program times that
// are 1.5 s late.
func makeSegments(t testing.TB, folder string, count int, began time.Time) {
	t.Helper()
	length := fmt.Sprint((time.Duration(count) * segmentLength).Seconds())
	out, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=160x90:r=30",
		"-f", "lavfi", "-i", "sine=r=48000", "-t", length, "-c:v", "libx264", "-preset", "ultrafast", "-g", "60", "-bf", "2",
		"-c:a", "aac",
		"-output_ts_offset", "3600", "-muxdelay", "0", "-f", "segment", "-segment_time", fmt.Sprint(segmentLength.Seconds()),
		"-segment_format", "mpegts", filepath.Join(folder, "s_%05d.ts")).CombinedOutput()
	require.NoError(t, err, "ffmpeg is needed, run make setup: %s", out)
	list := "#EXTM3U\n#EXT-X-PLAYLIST-TYPE:EVENT\n"
	for i := range count {
		at := began.Add(time.Duration(i)*segmentLength + 1500*time.Millisecond)
		list += fmt.Sprintf("#EXT-X-PROGRAM-DATE-TIME:%s\n#EXTINF:2.000,\ns_%05d.ts\n",
			at.UTC().Format("2006-01-02T15:04:05.999Z07:00"), i)
	}
	require.NoError(t, os.WriteFile(filepath.Join(folder, recorder.Playlist), []byte(list), 0o644))
}

func (s *shelf) stored(t testing.TB) []Segment {
	t.Helper()
	list, _, err := s.buffers.segments(t.Context(), s.rec)
	require.NoError(t, err)
	return list
}

// Times of segments come from the PTS and the recording's beginning, not from the late program times.
func TestSegmentsAreTimedByCapture(t *testing.T) {
	began := time.Now().Add(-time.Minute).Truncate(time.Millisecond)
	s := newShelf(t, 3, began)
	list := s.stored(t)
	require.Len(t, list, 3)
	for i, seg := range list {
		// ffmpeg shifts the first frame by its B-frames' delay.
		require.WithinDuration(t, began.Add(time.Duration(i)*segmentLength), seg.From, 100*time.Millisecond)
	}
}

// What is older than the replay goes, except what a waiting clip needs; after the expiry all goes but the clips.
func TestPruneKeepsWhatClipsNeed(t *testing.T) {
	ctx := t.Context()
	s := newShelf(t, 30, time.Now().Add(-60*time.Second)) // segments from -60 s to 0; kept: 10 s + 15 s
	clip := state.Clip{ID: state.NewID(), ReplayID: s.rec.ReplayID, Identity: "alice", Room: "den",
		State: api.ClipWaiting, Asked: 5 * time.Second, Pressed: time.Now().Add(-30 * time.Second), Created: time.Now()}
	ok, err := s.o.State.AddClip(ctx, clip, 1)
	require.NoError(t, err)
	require.True(t, ok)
	s.prune(ctx)
	kept := s.stored(t)
	require.Less(t, len(kept), 30)
	require.False(t, kept[0].From.After(clip.Start()), "the clip's first segment is gone")

	s.clips(ctx)
	require.Equal(t, clip.ID, (<-s.finished).id)
	delete(s.cutting, clip.ID)
	clip, err = s.o.State.Clip(ctx, clip.ID)
	require.NoError(t, err)
	require.Equal(t, api.ClipReady, clip.State, clip.Reason)
	require.Equal(t, 5*time.Second, clip.To.Sub(clip.From))

	s.prune(ctx)
	require.Less(t, len(s.stored(t)), len(kept), "nothing was pruned once the clip was cut")
	require.False(t, s.stored(t)[0].To.Before(time.Now().Add(-s.o.Replay-margin)), "an old segment stayed")

	over := s.rec
	over.State, over.Ended = api.StateEnded, time.Now()
	require.NoError(t, s.o.State.UpdateRecording(ctx, s.rec, over))
	s.prune(ctx)
	require.NotEmpty(t, s.stored(t), "the buffer did not stay until it expires")
	s.o.Expire = time.Nanosecond
	s.prune(ctx)
	_, err = s.o.State.Replay(ctx, s.rec.ReplayID)
	require.ErrorIs(t, err, state.ErrNotFound)
	require.NoDirExists(t, s.folder)
	f, err := s.files.OpenClip(ctx, clip.ID)
	require.NoError(t, err, "clips do not expire with their replay")
	require.NoError(t, f.Close())
}

// A clip waits for the segment of its press; when none comes in time, it holds what there is, or says why it failed.
func TestClipWaitsForItsPress(t *testing.T) {
	ctx := t.Context()
	s := newShelf(t, 5, time.Now().Add(-10*time.Second))
	end := s.stored(t)[4].To
	add := func(pressed, created time.Time) state.Clip {
		c := state.Clip{ID: state.NewID(), ReplayID: s.rec.ReplayID, Identity: "alice", Room: "den",
			State: api.ClipWaiting, Asked: 4 * time.Second, Pressed: pressed, Created: created}
		ok, err := s.o.State.AddClip(ctx, c, 10)
		require.NoError(t, err)
		require.True(t, ok)
		return c
	}
	early := add(end.Add(time.Second), time.Now())
	s.clips(ctx)
	require.Empty(t, s.cutting, "the clip was cut before its press had landed")
	require.NoError(t, s.o.State.DeleteClip(ctx, early.ID))

	late := add(end.Add(time.Second), time.Now().Add(-s.o.Landing-2*time.Second))
	never := add(end.Add(time.Hour), time.Now())
	over := s.rec
	over.State, over.Ended, over.Error = api.StateFailed, time.Now(), "no room at the inn"
	require.NoError(t, s.o.State.UpdateRecording(ctx, s.rec, over))
	s.clips(ctx)
	<-s.finished
	<-s.finished
	got, err := s.o.State.Clip(ctx, late.ID)
	require.NoError(t, err)
	require.Equal(t, api.ClipReady, got.State, got.Reason)
	require.InDelta(t, 3.0, got.To.Sub(got.From).Seconds(), 0.1)
	got, err = s.o.State.Clip(ctx, never.ID)
	require.NoError(t, err)
	require.Equal(t, api.ClipFailed, got.State)
	require.Contains(t, got.Reason, "no room at the inn")
}

// A recorder that was killed is given up, though LiveKit goes on calling its egress active.
func TestSilentRecorderIsGivenUp(t *testing.T) {
	ctx := t.Context()
	s := newShelf(t, 3, time.Now().Add(-6*time.Second))
	s.refresh(ctx)
	rec, err := s.o.State.RecordingOf(ctx, "EG_1")
	require.NoError(t, err)
	require.Equal(t, api.StateActive, rec.State, "a recorder that stored something lately is alive")

	s = newShelf(t, 3, time.Now().Add(-time.Minute))
	s.refresh(ctx)
	rec, err = s.o.State.RecordingOf(ctx, "EG_1")
	require.NoError(t, err)
	require.Equal(t, api.StateFailed, rec.State)
	require.NotEmpty(t, rec.Error)
	require.False(t, rec.Ended.IsZero())
}

// An egress that LiveKit has forgotten goes on as long as it stores something, and is over when it closes its playlist.
func TestForgottenRecorderGoesOn(t *testing.T) {
	ctx := t.Context()
	s := newShelf(t, 3, time.Now().Add(-6*time.Second))
	s.fake.asked = recorder.ErrUnknown
	state := func() string {
		require.NoError(t, s.ask(ctx, s.rec))
		rec, err := s.o.State.RecordingOf(ctx, "EG_1")
		require.NoError(t, err)
		return rec.State
	}
	require.Equal(t, api.StateActive, state())
	f, err := os.OpenFile(filepath.Join(s.folder, recorder.Playlist), os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString("#EXT-X-ENDLIST\n")
	require.NoError(t, errors.Join(err, f.Close()))
	require.Equal(t, api.StateEnded, state())

	s = newShelf(t, 3, time.Now().Add(-time.Minute))
	s.fake.asked = recorder.ErrUnknown
	require.Equal(t, api.StateFailed, state())
}

// LiveKit asks a killed recorder again and again to stop, longer than we wait; it is given up even so.
func TestRecorderThatCannotBeStoppedIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(t, 3, time.Now().Add(-time.Minute))
		s.fake.hangs = true
		require.ErrorIs(t, s.ask(t.Context(), s.rec), context.DeadlineExceeded)
		rec, err := s.o.State.RecordingOf(t.Context(), "EG_1")
		require.NoError(t, err)
		require.Equal(t, api.StateFailed, rec.State)
	})
}

// A replay goes on with new tracks although the old recording cannot be stopped and the caller has gone away.
func TestReplayGoesOnThoughStoppingHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(t, 1, time.Now())
		s.fake.hangs, s.fake.status.EgressID = true, "EG_2"
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		rec, err := s.start(ctx, state.Token{Identity: "alice", Rooms: "*", Scopes: []state.Scope{state.Publish}},
			api.StartRequest{RoomName: "den", VideoTrackID: "TR_w",
				ReplayID: s.rec.ReplayID})
		require.NoError(t, err)
		require.LessOrEqual(t, time.Since(began), stopTimeout)
		got, err := s.o.State.RecordingOf(t.Context(), "EG_2")
		require.NoError(t, err)
		require.Equal(t, rec.ID, got.ID)
	})
}
