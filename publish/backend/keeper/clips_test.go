package keeper

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/buffers"
	"github.com/hindsight-app/hindsight/publish/backend/recorder"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// order puts a clip of the last length of the shelf's recording into the queue.
func (s *shelf) order(t *testing.T, user string, length time.Duration) state.Clip {
	t.Helper()
	return s.Order(t, user, length, s.Began.Add(time.Duration(s.Count)*segmentLength), time.Now().Add(-time.Hour))
}

// once has the keeper look, waits for the one cut that it starts, and returns the clip.
func (s *shelf) once(t *testing.T, c state.Clip) state.Clip {
	t.Helper()
	s.clips(t.Context())
	require.Len(t, s.cutting, 1)
	s.ended(<-s.finished)
	clear(s.again) // the time has passed
	c, err := s.DB.Clip(t.Context(), c.ID)
	require.NoError(t, err)
	return c
}

// failing is a cutter that reaches no storage, or is killed where the context ends.
type failing struct {
	count int
	kill  context.CancelFunc
}

func (f *failing) Cut(context.Context, state.Clip, []buffers.Segment) (buffers.Cut, error) {
	f.count++
	if f.kill != nil {
		f.kill()
	}
	return buffers.Cut{}, errors.New("the bucket does not answer")
}

// A storage that does not answer for minutes costs no clip.
func TestClipOutlastsTroubleOfTheStorage(t *testing.T) {
	s := newShelf(t, 3, time.Now().Add(-6*time.Second))
	cutter := s.o.Cutter
	s.o.Cutter = &failing{}
	pressed := s.Began.Add(time.Duration(s.Count) * segmentLength)
	c := s.Order(t, "alice", 4*time.Second, pressed, time.Now().Add(-time.Minute))
	for range maxAttempts + 1 {
		require.Equal(t, api.ClipWaiting, s.once(t, c).State)
	}
	s.o.Cutter = cutter
	c = s.once(t, c)
	require.Equal(t, api.ClipReady, c.State, c.Reason)
}

// An old clip is tried three times, whether its cut fails or kills the service, and then fails for a reason.
func TestClipIsTriedThreeTimes(t *testing.T) {
	s := newShelf(t, 3, time.Now().Add(-6*time.Second))
	cutter := &failing{}
	s.o.Cutter = cutter
	c := s.order(t, "alice", 4*time.Second)
	for range maxAttempts - 1 {
		require.Equal(t, api.ClipWaiting, s.once(t, c).State)
	}
	c = s.once(t, c)
	require.Equal(t, api.ClipFailed, c.State)
	require.Contains(t, c.Reason, "several times")
	require.NotContains(t, c.Reason, "bucket", "a user has no use for it")
	require.Equal(t, maxAttempts, cutter.count)

	// A killed service has counted the attempt and nothing else.
	c = s.order(t, "alice", 4*time.Second)
	for range maxAttempts {
		_, err := s.DB.TryClip(t.Context(), c.ID, 1)
		require.NoError(t, err)
	}
	c = s.once(t, c)
	require.Equal(t, api.ClipFailed, c.State)
	require.Contains(t, c.Reason, "shorter")
	require.Equal(t, maxAttempts, cutter.count, "it was tried once more")

	// One that is stopped in order has not tried.
	c = s.order(t, "alice", 4*time.Second)
	ctx, cancel := context.WithCancel(t.Context())
	cutter.kill = cancel
	s.cut(ctx, c, nil)
	attempts, err := s.DB.TryClip(t.Context(), c.ID, 1)
	require.NoError(t, err)
	require.Equal(t, 1, attempts)
}

// The chapters of a clip are counted from where its file begins.
func TestChaptersMoveWithTheCut(t *testing.T) {
	s := newShelf(t, 3, time.Now().Add(-6*time.Second))
	c := s.Clip(t, "alice", 3*time.Second, s.Began.Add(time.Duration(s.Count)*segmentLength), time.Now().Add(-time.Hour))
	c.Chapters = []api.Chapter{{Seconds: 1, Title: "a goal"}}
	ok, err := s.DB.AddClip(t.Context(), c, 100)
	require.NoError(t, err)
	require.True(t, ok)
	done := s.once(t, c)
	require.Equal(t, api.ClipReady, done.State)
	require.Len(t, done.Chapters, 1)
	require.InDelta(t, 1+c.Start().Sub(done.From).Seconds(), done.Chapters[0].Seconds, 1e-6)
	require.Empty(t, moved(c.Chapters, -2*time.Second, time.Minute))
	require.Empty(t, moved(c.Chapters, time.Second, time.Second))
}

// A user with many clips does not keep others waiting.
func TestUsersAreServedInTurn(t *testing.T) {
	list := []state.Clip{{ID: "a1", Identity: "alice"}, {ID: "a2", Identity: "alice"}, {ID: "a3", Identity: "alice"},
		{ID: "b1", Identity: "bob"}, {ID: "b2", Identity: "bob"}}
	order := func(cutting ...string) (ids []string) {
		running := map[string]bool{}
		for _, id := range cutting {
			running[id] = true
		}
		for _, c := range inTurn(list, running) {
			ids = append(ids, c.ID)
		}
		return ids
	}
	require.Equal(t, []string{"a1", "b1", "a2", "b2", "a3"}, order())
	require.Equal(t, []string{"b1", "a2", "b2", "a3"}, order("a1"))
	require.Equal(t, []string{"b1", "b2", "a3"}, order("a1", "a2"))
	list = append([]state.Clip{{ID: "v1", Identity: "alice", Asker: "a viewer"}, {ID: "v2", Identity: "alice",
		Asker: "a viewer"}, {ID: "w1", Identity: "bob", Asker: "a viewer"}}, list...)
	require.Equal(t, []string{"a1", "b1", "a2", "b2", "a3", "w1", "v1", "v2"}, order(), "own clips come before viewers'")
}

// A segment that is missing or damaged is a gap that the clip names; the rest is where it was.
func TestLostSegmentsAreGaps(t *testing.T) {
	for name, lose := range map[string]func(file string) error{
		"missing": os.Remove,
		"damaged": func(file string) error { return os.WriteFile(file, []byte("x"), 0o644) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t, 5, time.Now().Add(-10*time.Second))
			list := s.stored(t)
			require.NoError(t, lose(filepath.Join(s.Folder, list[2].Name)))
			c := s.once(t, s.order(t, "alice", 9*time.Second))
			require.Equal(t, api.ClipReady, c.State, c.Reason)
			require.InDelta(t, 9, c.To.Sub(c.From).Seconds(), 0.2, "time does not go on through the gap")
			require.Len(t, c.Gaps, 1)
			require.WithinDuration(t, list[2].From, c.Gaps[0].From, 100*time.Millisecond)
			require.WithinDuration(t, list[2].To, c.Gaps[0].To, 100*time.Millisecond)

			for _, seg := range list {
				require.NoError(t, os.RemoveAll(filepath.Join(s.Folder, seg.Name)))
			}
			c = s.once(t, s.order(t, "alice", 9*time.Second))
			require.Equal(t, api.ClipFailed, c.State)
			require.Contains(t, c.Reason, "missing or damaged")
		})
	}
}

// LiveKit Egress uploads the whole playlist to a bucket only now and then. The live one tells that the recorder is
// alive and what a clip can have, even where some segments are in neither.
func TestLivePlaylistTellsWhatIsNew(t *testing.T) {
	for name, from := range map[string]int{"in one of them": 9, "some in neither": 15} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t, 20, time.Now().Add(-40*time.Second))
			s.o.Stall = 15 * time.Second
			file := filepath.Join(s.Folder, recorder.Playlist)
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			at := func(n int) int {
				if n == s.Count {
					return len(text)
				}
				end := strings.Index(string(text), fmt.Sprintf("s_%05d.ts", n))
				return strings.LastIndex(string(text[:end]), "#EXT-X-PROGRAM")
			}
			live := "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:" + fmt.Sprint(from) + "\n"
			require.NoError(t, os.WriteFile(file, text[:at(10)], 0o644))
			require.NoError(t, os.WriteFile(filepath.Join(s.Folder, recorder.LivePlaylist),
				append([]byte(live), text[at(from):]...), 0o644))

			require.Len(t, s.stored(t), 20)
			silent, _ := s.liveness(t.Context(), s.Rec)
			require.Negative(t, silent, "a recorder that stores is alive")
			c := s.once(t, s.order(t, "alice", 30*time.Second))
			require.Equal(t, api.ClipReady, c.State, c.Reason)
			require.InDelta(t, 30, c.To.Sub(c.From).Seconds(), 0.2)
			require.Empty(t, c.Gaps)

			require.NoError(t, os.WriteFile(file, text, 0o644)) // the next upload
			list := s.stored(t)
			require.Len(t, list, 20)
			require.Equal(t, "s_00019.ts", list[19].Name)
		})
	}
}

// A recorder whose clock is wrong is not taken for dead while it stores, is given up once it stops, and clips are where
// they belong.
func TestRecorderWithAWrongClock(t *testing.T) {
	newShelf(t, 5, time.Now()) // encodes the segments, which may take a while; from then on they only are copied
	for _, wrong := range []time.Duration{-2 * time.Minute, -40 * time.Second, 40 * time.Second, 2 * time.Minute} {
		t.Run(wrong.String(), func(t *testing.T) {
			asked := time.Now().Add(-10 * time.Second)
			s := newShelf(t, 5, asked.Add(wrong))
			s.Rec.Created = asked
			silent, _ := s.liveness(t.Context(), s.Rec)
			require.Negative(t, silent, "it stores")
			require.WithinDuration(t, time.Now(), s.stored(t)[4].To, 5*time.Second)

			pressed := asked.Add(8 * time.Second)
			clip := state.Clip{ID: state.NewID(), ReplayID: s.Rec.ReplayID, Identity: "alice", Room: "den",
				State: api.ClipWaiting,
				Asked: 4 * time.Second, Pressed: pressed, Created: time.Now()}
			ok, err := s.DB.AddClip(t.Context(), clip, 1)
			require.NoError(t, err)
			require.True(t, ok)
			segments, landed, err := newLookOf(s, s.Rec).lookFor(t.Context(), clip)
			require.NoError(t, err)
			require.True(t, landed, "the clip waits for what is there")
			s.cut(t.Context(), clip, segments)
			clip, err = s.DB.Clip(t.Context(), clip.ID)
			require.NoError(t, err)
			require.Equal(t, api.ClipReady, clip.State, clip.Reason)
			require.InDelta(t, 4, clip.To.Sub(clip.From).Seconds(), 0.1, "the clip is cut short")
			require.WithinDuration(t, pressed, clip.To, 5*time.Second)
			require.Empty(t, clip.Gaps)

			s.o.Stall = time.Nanosecond
			silent, _ = s.liveness(t.Context(), s.Rec)
			require.Positive(t, silent, "it has stored nothing for a while")
		})
	}
}

// newLookOf is a look that knows a recording as it is here.
func newLookOf(s *shelf, r state.Recording) look {
	segments, ended, _ := s.buffers.Segments(context.Background(), r)
	return look{s.Keeper, map[string][]stored{r.ReplayID: {{r, segments, ended}}}, nil}
}
