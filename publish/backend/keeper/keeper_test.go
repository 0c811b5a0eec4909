package keeper

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/archive"
	"github.com/hindsight-app/hindsight/publish/backend/buffers"
	"github.com/hindsight-app/hindsight/publish/backend/leases"
	"github.com/hindsight-app/hindsight/publish/backend/recorder"
	"github.com/hindsight-app/hindsight/publish/backend/shelftest"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// shelf is a keeper without its goroutines, over a shelf.
type shelf struct {
	*Keeper
	*shelftest.Shelf
	buffers *buffers.Buffers
	leases  *leases.Leases
	archive *archive.Archive
}

const segmentLength = shelftest.SegmentLength

func newShelf(t testing.TB, count int, began time.Time) *shelf {
	t.Helper()
	return keep(shelftest.New(t, count, began))
}

// keep puts a keeper on a shelf.
func keep(on *shelftest.Shelf) *shelf {
	log := slog.Default()
	s := &shelf{Shelf: on, buffers: buffers.New(on.Files, 0), leases: leases.New(on.DB, log),
		archive: &archive.Archive{State: on.DB, Clips: on.Files, Replays: on.Files, Jobs: on.Files, Log: log}}
	s.Keeper = prepared(Options{Replay: 10 * time.Second}, Parts{State: on.DB, Recorder: on.Fake, JobRecorder: on.Fake,
		Storage: on.Files, Clips: on.Files, Cutter: &buffers.Remuxer{Storage: on.Files, Clips: on.Files},
		Buffers: s.buffers, Space: buffers.Space{Storage: on.Files}, Leases: s.leases, Archive: s.archive, Log: log,
		Audit: log, Metrics: prometheus.NewRegistry()})
	s.buffers.Kept = on.DB
	s.finished = make(chan finished, 8)
	return s
}

func (s *shelf) stored(t testing.TB) []buffers.Segment {
	t.Helper()
	list, _, err := s.buffers.Segments(t.Context(), s.Rec)
	require.NoError(t, err)
	return list
}

// What is older than the replay goes, except what a waiting clip needs; after the expiry all goes but the clips.
func TestPruneKeepsWhatClipsNeed(t *testing.T) {
	ctx := t.Context()
	s := newShelf(t, 30, time.Now().Add(-60*time.Second)) // segments from -60 s to 0; kept: 10 s + 15 s
	clip := state.Clip{ID: state.NewID(), ReplayID: s.Rec.ReplayID, Identity: "alice", Room: "den",
		State: api.ClipWaiting, Asked: 5 * time.Second, Pressed: time.Now().Add(-30 * time.Second), Created: time.Now()}
	ok, err := s.DB.AddClip(ctx, clip, 1)
	require.NoError(t, err)
	require.True(t, ok)
	s.prune(ctx)
	kept := s.stored(t)
	require.Less(t, len(kept), 30)
	require.False(t, kept[0].From.After(clip.Start()), "the clip's first segment is gone")

	s.clips(ctx)
	require.Equal(t, clip.ID, (<-s.finished).id)
	delete(s.cutting, clip.ID)
	clip, err = s.DB.Clip(ctx, clip.ID)
	require.NoError(t, err)
	require.Equal(t, api.ClipReady, clip.State, clip.Reason)
	// Playlists have program times in milliseconds: where it begins at a segment, so much may be missing.
	require.InDelta(t, 5, clip.To.Sub(clip.From).Seconds(), 0.001)

	s.prune(ctx)
	require.Less(t, len(s.stored(t)), len(kept), "nothing was pruned once the clip was cut")
	require.False(t, s.stored(t)[0].To.Before(time.Now().Add(-s.o.Replay-margin)), "an old segment stayed")

	over := s.Rec
	over.State, over.Ended = api.StateEnded, time.Now()
	require.NoError(t, s.DB.UpdateRecording(ctx, s.Rec, over))
	s.prune(ctx)
	require.NotEmpty(t, s.stored(t), "the buffer did not stay until it expires")
	s.o.Expire = time.Nanosecond
	s.prune(ctx)
	_, err = s.DB.Replay(ctx, s.Rec.ReplayID)
	require.ErrorIs(t, err, state.ErrNotFound)
	require.NoDirExists(t, s.Folder)
	f, err := s.Files.OpenClip(ctx, clip.ID)
	require.NoError(t, err, "clips do not expire with their replay")
	require.NoError(t, f.Close())
}

// A clip waits for the segment of its press; when none comes in time, it holds what there is, or says why it failed.
func TestClipWaitsForItsPress(t *testing.T) {
	ctx := t.Context()
	s := newShelf(t, 5, time.Now().Add(-10*time.Second))
	end := s.stored(t)[4].To
	add := func(pressed, created time.Time) state.Clip {
		c := state.Clip{ID: state.NewID(), ReplayID: s.Rec.ReplayID, Identity: "alice", Room: "den",
			State: api.ClipWaiting, Asked: 4 * time.Second, Pressed: pressed, Created: created}
		ok, err := s.DB.AddClip(ctx, c, 10)
		require.NoError(t, err)
		require.True(t, ok)
		return c
	}
	early := add(end.Add(time.Second), time.Now())
	s.clips(ctx)
	require.Empty(t, s.cutting, "the clip was cut before its press had landed")
	require.NoError(t, s.DB.DeleteClip(ctx, early.ID))

	late := add(end.Add(time.Second), time.Now().Add(-s.o.Landing-2*time.Second))
	never := add(end.Add(time.Hour), time.Now())
	over := s.Rec
	over.State, over.Ended, over.Error = api.StateFailed, time.Now(), "no room at the inn"
	require.NoError(t, s.DB.UpdateRecording(ctx, s.Rec, over))
	s.clips(ctx)
	<-s.finished
	<-s.finished
	got, err := s.DB.Clip(ctx, late.ID)
	require.NoError(t, err)
	require.Equal(t, api.ClipReady, got.State, got.Reason)
	require.InDelta(t, 3.0, got.To.Sub(got.From).Seconds(), 0.1)
	got, err = s.DB.Clip(ctx, never.ID)
	require.NoError(t, err)
	require.Equal(t, api.ClipFailed, got.State)
	require.Contains(t, got.Reason, "no room at the inn")
}

// A recorder that was killed is given up, though LiveKit goes on calling its egress active.
func TestSilentRecorderIsGivenUp(t *testing.T) {
	ctx := t.Context()
	s := newShelf(t, 3, time.Now().Add(-6*time.Second))
	s.refresh(ctx)
	rec, err := s.DB.RecordingOf(ctx, "EG_1")
	require.NoError(t, err)
	require.Equal(t, api.StateActive, rec.State, "a recorder that stored something lately is alive")

	s = newShelf(t, 3, time.Now().Add(-time.Minute))
	s.refresh(ctx)
	rec, err = s.DB.RecordingOf(ctx, "EG_1")
	require.NoError(t, err)
	require.Equal(t, api.StateFailed, rec.State)
	require.NotEmpty(t, rec.Error)
	require.False(t, rec.Ended.IsZero())
}

// An egress that LiveKit has forgotten goes on as long as it stores something, and is over when it closes its playlist.
func TestForgottenRecorderGoesOn(t *testing.T) {
	ctx := t.Context()
	s := newShelf(t, 3, time.Now().Add(-6*time.Second))
	s.Fake.Asked = recorder.ErrUnknown
	state := func() api.State {
		require.NoError(t, s.ask(ctx, s.Rec, false))
		rec, err := s.DB.RecordingOf(ctx, "EG_1")
		require.NoError(t, err)
		return rec.State
	}
	require.Equal(t, api.StateActive, state())
	f, err := os.OpenFile(filepath.Join(s.Folder, recorder.Playlist), os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString("#EXT-X-ENDLIST\n")
	require.NoError(t, errors.Join(err, f.Close()))
	require.Equal(t, api.StateEnded, state())

	s = newShelf(t, 3, time.Now().Add(-time.Minute))
	s.Fake.Asked = recorder.ErrUnknown
	require.Equal(t, api.StateFailed, state())
}

// LiveKit asks a killed recorder again and again to stop, longer than we wait; after some attempts it is given up even
// so.
func TestRecorderThatCannotBeStoppedIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(t, 3, time.Now().Add(-time.Minute))
		s.Fake.Hangs = true
		for asked := range 10 {
			require.ErrorIs(t, s.ask(t.Context(), s.Rec, false), context.DeadlineExceeded)
			rec, err := s.DB.RecordingOf(t.Context(), "EG_1")
			require.NoError(t, err)
			if rec.Over() {
				require.Equal(t, api.StateFailed, rec.State)
				require.GreaterOrEqual(t, asked, 3, "nobody stops it now")
				return
			}
		}
		require.Fail(t, "it is not given up")
	})
}

// slow is a recorder that takes almost all the time it has to tell its status, and some to stop.
type slow struct {
	*shelftest.Recorder
	stopped bool
}

// takes lets time of a synctest pass.
func takes(d time.Duration) {
	passes, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	<-passes.Done()
}

func (s *slow) Status(ctx context.Context, id string) (recorder.Status, error) {
	takes(askTimeout - time.Millisecond)
	return s.Recorder.Status(ctx, id)
}

func (s *slow) Stop(ctx context.Context, id string) error {
	takes(time.Second)
	s.stopped = ctx.Err() == nil
	return ctx.Err()
}

// There is time to stop a dead recorder, however long it took to ask about it.
func TestSlowRecorderIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(t, 3, time.Now().Add(-time.Minute))
		rec := &slow{Recorder: s.Fake}
		s.o.Recorder = rec
		require.NoError(t, s.ask(t.Context(), s.Rec, false))
		require.True(t, rec.stopped)
		got, err := s.DB.RecordingOf(t.Context(), "EG_1")
		require.NoError(t, err)
		require.Equal(t, api.StateFailed, got.State)
	})
}

// full is a storage that always lacks space.
type full struct{}

func (full) Lacking() (missing, reserve int64, err error) { return 1, 1 << 20, nil }

// On a full disk the newest segment of a replay that runs stays, and all of one that is over goes.
func TestNewestSegmentStaysOnAFullDisk(t *testing.T) {
	ctx := t.Context()
	s := newShelf(t, 3, time.Now().Add(-6*time.Second))
	s.o.Space = full{}
	s.makeRoom(ctx)
	left := s.stored(t)
	require.Len(t, left, 1)
	require.Equal(t, "s_00002.ts", left[0].Name)
	over := s.Rec
	over.State, over.Ended = api.StateEnded, time.Now()
	require.NoError(t, s.DB.UpdateRecording(ctx, s.Rec, over))
	s.makeRoom(ctx)
	require.Empty(t, s.stored(t))
}

// noting is a recorder that notes what it is to stop.
type noting struct {
	*shelftest.Recorder
	stops []string
}

func (n *noting) Stop(_ context.Context, egress string) error {
	n.stops = append(n.stops, egress)
	return nil
}

// A recording that was replaced while LiveKit did not answer is stopped later; the one that replaced it runs on.
func TestReplacedRecordingIsStopped(t *testing.T) {
	s := newShelf(t, 3, time.Now().Add(-6*time.Second))
	next := s.Rec
	next.ID, next.EgressID, next.Created = state.NewID(), "EG_2", s.Rec.Created.Add(replacedBy+time.Second)
	require.NoError(t, s.DB.AddRecording(t.Context(), next))
	rec := &noting{Recorder: s.Fake}
	s.o.Recorder = rec
	s.refresh(t.Context())
	require.Equal(t, []string{"EG_1"}, rec.stops)
}

// A replay does not expire while somebody continues it.
func TestExpiryWaitsForStarts(t *testing.T) {
	ctx := t.Context()
	s := newShelf(t, 1, time.Now().Add(-time.Hour))
	over := s.Rec
	over.State, over.Ended = api.StateEnded, time.Now().Add(-time.Hour)
	require.NoError(t, s.DB.UpdateRecording(ctx, s.Rec, over))
	_, done, err := s.leases.Alone(ctx, leases.StartKey("alice", "den"))
	require.NoError(t, err)
	s.prune(ctx)
	_, err = s.DB.Replay(ctx, s.Rec.ReplayID)
	require.NoError(t, err)
	require.DirExists(t, s.Folder)
	done()
	s.prune(ctx)
	_, err = s.DB.Replay(ctx, s.Rec.ReplayID)
	require.ErrorIs(t, err, state.ErrNotFound)
}

// A replay does not expire where a clip of it is saved at the last moment.
func TestExpiryWaitsForClips(t *testing.T) {
	ctx := t.Context()
	s := newShelf(t, 1, time.Now().Add(-time.Hour))
	over := s.Rec
	over.State, over.Ended = api.StateEnded, time.Now().Add(-time.Hour)
	require.NoError(t, s.DB.UpdateRecording(ctx, s.Rec, over))
	s.order(t, "alice", time.Second) // after the look that found nobody waiting
	replay, err := s.DB.Replay(ctx, s.Rec.ReplayID)
	require.NoError(t, err)
	require.NoError(t, s.expire(ctx, replay))
	require.Len(t, s.stored(t), 1)
	_, err = s.DB.Replay(ctx, s.Rec.ReplayID)
	require.NoError(t, err)
}

// faulty is a recorder that panics about one recording.
type faulty struct {
	*shelftest.Recorder
	bad string
}

func (f *faulty) Status(ctx context.Context, egress string) (recorder.Status, error) {
	if egress == f.bad {
		panic("out of order")
	}
	return f.Recorder.Status(ctx, egress)
}

// A panic of a worker is logged with its stack, and the others are still looked after.
func TestPanicsOfWorkersAreReported(t *testing.T) {
	ctx := t.Context()
	s := newShelf(t, 1, time.Now())
	var log bytes.Buffer
	s.o.Log = slog.New(slog.NewTextHandler(&log, nil))
	s.o.Recorder = &faulty{s.Fake, "EG_1"}
	next := s.Rec
	next.ID, next.EgressID, next.State = state.NewID(), "EG_2", api.StateStarting
	require.NoError(t, s.DB.AddRecording(ctx, next))
	s.Fake.Says = recorder.Status{EgressID: "EG_2", State: api.StateEnded}
	s.refresh(ctx)
	got, err := s.DB.RecordingOf(ctx, "EG_2")
	require.NoError(t, err)
	require.Equal(t, api.StateEnded, got.State)
	require.Contains(t, log.String(), "level=ERROR")
	require.Contains(t, log.String(), "out of order")
	require.Contains(t, log.String(), "keeper_test.go", "the stack")
}

// Every backend forgets what another has deleted.
func TestDeletedBuffersAreForgotten(t *testing.T) {
	s := newShelf(t, 1, time.Now())
	s.stored(t)
	require.NoError(t, s.DB.DeleteReplay(t.Context(), s.Rec.ReplayID))
	file := filepath.Join(s.Folder, recorder.Playlist)
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	require.Len(t, s.stored(t), 1, "it is not remembered")
	s.forgetDeleted(t.Context())
	require.Empty(t, s.stored(t), "it is still remembered")
}
