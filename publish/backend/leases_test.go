package backend

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/recorder"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// A start may take longer than its lease's term, which is renewed in the meantime; work whose lease cannot be renewed
// ends.
func TestLeasesAreRenewedOrEndTheWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(t, 1, time.Now())
		held, done, err := s.alone(t.Context(), "x")
		require.NoError(t, err)
		pass(3 * startTerm)
		require.NoError(t, held.Err())
		_, _, ok, err := s.aloneNow(t.Context(), "x")
		require.NoError(t, err)
		require.False(t, ok)
		done()
		_, done, ok, err = s.aloneNow(t.Context(), "x")
		require.NoError(t, err)
		require.True(t, ok)
		done()

		held, done, err = s.alone(t.Context(), "x")
		require.NoError(t, err)
		require.NoError(t, s.o.State.Close())
		pass(startTerm)
		require.ErrorIs(t, context.Cause(held), errLeaseLost)
		done()
	})
}

// pass waits on the clock of a synctest bubble, which costs no time.
func pass(d time.Duration) { <-time.NewTimer(d).C }

// A replay does not expire while somebody continues it.
func TestExpiryWaitsForStarts(t *testing.T) {
	ctx := t.Context()
	s := newShelf(t, 1, time.Now().Add(-time.Hour))
	over := s.rec
	over.State, over.Ended = api.StateEnded, time.Now().Add(-time.Hour)
	require.NoError(t, s.o.State.UpdateRecording(ctx, s.rec, over))
	_, done, err := s.alone(ctx, startKey("alice", "den"))
	require.NoError(t, err)
	s.prune(ctx)
	_, err = s.o.State.Replay(ctx, s.rec.ReplayID)
	require.NoError(t, err)
	require.DirExists(t, s.folder)
	done()
	s.prune(ctx)
	_, err = s.o.State.Replay(ctx, s.rec.ReplayID)
	require.ErrorIs(t, err, state.ErrNotFound)
}

// faulty is a recorder that panics about one recording.
type faulty struct {
	*told
	bad string
}

func (f *faulty) Status(ctx context.Context, egress string) (recorder.Status, error) {
	if egress == f.bad {
		panic("out of order")
	}
	return f.told.Status(ctx, egress)
}

// A panic of a worker is logged with its stack, and the others are still looked after.
func TestPanicsOfWorkersAreTold(t *testing.T) {
	ctx := t.Context()
	s := newShelf(t, 1, time.Now())
	var log bytes.Buffer
	s.o.Log = slog.New(slog.NewTextHandler(&log, nil))
	s.o.Recorder = &faulty{s.fake, "EG_1"}
	next := s.rec
	next.ID, next.EgressID, next.State = state.NewID(), "EG_2", api.StateStarting
	require.NoError(t, s.o.State.AddRecording(ctx, next))
	s.fake.status = recorder.Status{EgressID: "EG_2", State: api.StateEnded}
	s.refresh(ctx)
	got, err := s.o.State.RecordingOf(ctx, "EG_2")
	require.NoError(t, err)
	require.Equal(t, api.StateEnded, got.State)
	require.Contains(t, log.String(), "level=ERROR")
	require.Contains(t, log.String(), "out of order")
	require.Contains(t, log.String(), "leases_test.go", "the stack")
}

// speechless panics where it is to sign a token.
type speechless struct{ Tokens }

func (speechless) Join(string, string, string, time.Duration) (string, error) { panic("out of ink") }

// A panic in a call is logged with its stack, and breaks no more than that call.
func TestPanicsOfCallsAreTold(t *testing.T) {
	d := newDesk(t, 1)
	var log bytes.Buffer
	d.o.Log, d.o.Audit = slog.New(slog.NewTextHandler(&log, nil)), slog.New(slog.DiscardHandler)
	d.o.Tokens = speechless{}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.server.URL+api.Prefix+"/token",
		strings.NewReader(`{"roomName":"den"}`))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+d.alice)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err == nil {
		resp.Body.Close()
	}
	require.ErrorIs(t, err, io.EOF)
	d.do(http.StatusOK, d.alice, http.MethodGet, "/clips", "", nil)
	d.server.Close() // waits for the calls
	require.Contains(t, log.String(), "level=ERROR")
	require.Contains(t, log.String(), "out of ink")
	require.Contains(t, log.String(), "leases_test.go", "the stack")
}

// Every backend forgets what another has deleted.
func TestDeletedBuffersAreForgotten(t *testing.T) {
	s := newShelf(t, 1, time.Now())
	s.stored(t)
	s.buffers.get("gone")
	s.forgetDeleted(t.Context())
	require.Len(t, s.buffers.byID, 1)
}
