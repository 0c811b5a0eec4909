package backend_test

import (
	"net/http/httptest"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/state"
	"github.com/hindsight-app/hindsight/publish/client"
)

// PostgreSQL is killed and comes back in the middle of a replay: a clip that is asked for in the meantime is late but
// made, the replay is not ended, and the keeper goes on.
func TestDatabaseIsRestarted(t *testing.T) {
	ctx := t.Context()
	s := newShared(t)
	db, server, replay, began := s.db, s.server, s.shelf.Rec.ReplayID, s.shelf.Began
	_, secret, err := db.CreateToken(ctx, "alice", "*", state.Publish)
	require.NoError(t, err)
	service := run(t, options(db, s.files, began))
	web := httptest.NewServer(service.Handler())
	defer web.Close()
	app, err := client.New(web.URL, secret)
	require.NoError(t, err)
	_, err = app.Replay(ctx, replay) // connections of before are in the pool
	require.NoError(t, err)

	require.NoError(t, server.Signal(syscall.SIGKILL))
	<-server.Done()
	type answer struct {
		saved *api.SaveResponse
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		pressed := began.Add(15 * time.Second)
		saved, err := app.Save(ctx, api.SaveRequest{ReplayID: replay, Seconds: 10, PressedAt: &pressed})
		answers <- answer{saved, err}
	}()
	require.Never(t, func() bool { return len(answers) > 0 }, 2*time.Second, 20*time.Millisecond,
		"saved without a database")
	next, err := server.Again(ctx)
	require.NoError(t, err)
	server.Proc = next
	got := <-answers
	require.NoError(t, got.err, "the clip is lost")
	var clip *api.Clip
	require.Eventually(t, func() bool {
		clip, err = app.Clip(ctx, got.saved.ClipID)
		return err == nil && clip.State != api.ClipWaiting
	}, 30*time.Second, 50*time.Millisecond)
	require.Equal(t, api.ClipReady, clip.State, clip.Reason)
	require.InDelta(t, 10, clip.Seconds, 0.1)
	now, err := app.Replay(ctx, replay)
	require.NoError(t, err)
	require.Equal(t, api.StateActive, now.State, now.LastError)

	// The keeper still deletes.
	require.NoError(t, db.MarkClipDeleted(ctx, clip.ClipID))
	require.Eventually(t, func() bool {
		left, err := db.DeletedClips(ctx)
		return err == nil && len(left) == 0
	}, 30*time.Second, 50*time.Millisecond, "nobody deletes")
}
