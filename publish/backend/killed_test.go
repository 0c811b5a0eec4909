package backend_test

import (
	"context"
	"log/slog"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
	"github.com/hindsight-app/hindsight/publish"
	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/backendtest"
	"github.com/hindsight-app/hindsight/publish/publishtest"
)

// kill ends a server as a crash does.
func (b *bench) kill(p *stack.Proc) {
	b.Helper()
	require.NoError(b, p.Signal(syscall.SIGKILL))
	<-p.Done()
}

// again starts a server that was killed on its old ports.
func (b *bench) again(p **stack.Proc) {
	b.Helper()
	next, err := (*p).Again(b.ctx)
	require.NoError(b, err)
	*p = next
}

// app shares video in the room as the app does: it looks after its connection and its recording by itself.
func (b *bench) app(room string) *publish.Publisher {
	b.Helper()
	src, err := publishtest.NewSource(b.ctx, b.TempDir(), publishtest.SourceOptions{Width: 320, Height: 180,
		BitrateKbps: 500})
	require.NoError(b, err)
	b.Cleanup(func() { _ = src.Close() })
	p, err := publish.Start(b.ctx, publish.Config{BackendURL: b.backend.URL, UserToken: b.backend.Token, Room: room,
		Log: slog.New(slog.NewTextHandler(b.Output(), nil))}, src)
	require.NoError(b, err)
	b.Cleanup(func() { _ = p.Close(context.Background()) })
	return p
}

// goesOn waits until some seconds have been recorded since t.
func (b *bench) goesOn(replay string, t time.Time, seconds float64) *api.Replay {
	b.Helper()
	var r *api.Replay
	b.eventually(3*time.Minute, "the recording goes on", func() bool {
		var err error
		r, err = b.client.Replay(b.ctx, replay)
		require.NoError(b, err)
		if b.viewer != nil {
			b.looks(b.viewer)
		}
		return r.To != nil && r.To.Sub(t).Seconds() >= seconds
	})
	return r
}

// livekit-server, Redis with all that it knows, and the recorder are killed one after the other in the middle of a
// replay. It goes on each time, and a save over all of it holds what was recorded, in one piece, and names what is
// missing. Viewers rewind over all of it.
func TestKilledOnRealStack(t *testing.T) {
	b := newBench(t, with{egress: true, backend: stack.BackendOptions{Args: []string{"--stall", "30s"}}})
	p := b.app("den")
	replay := p.Status().ReplayID
	before := b.goesOn(replay, time.Now(), 6)
	from := *before.From
	b.viewer = b.rewinds(replay, api.ClipsAnyone)

	b.kill(b.livekit.Proc)
	b.again(&b.livekit.Proc)
	back := time.Now()
	after := b.goesOn(replay, back, 6)
	require.NotEqual(t, before.EgressID, after.EgressID, "an egress ends with its tracks")
	t.Logf("livekit-server killed: %v until it went on", time.Since(back))

	b.kill(b.redis.Proc)
	b.again(&b.redis.Proc)
	empty := time.Now()
	before = b.goesOn(replay, empty, 10)
	require.Equal(t, after.EgressID, before.EgressID, "a recorder that LiveKit has forgotten was not left alone")
	require.Equal(t, api.StateActive, before.State)

	b.kill(b.egress.Proc)
	died := time.Now()
	b.startEgress(false)
	after = b.goesOn(replay, died, 6)
	require.NotEqual(t, before.EgressID, after.EgressID)
	require.Equal(t, replay, p.Status().ReplayID)
	t.Logf("recorder killed: %v until it went on", time.Since(died))

	seen := b.shows(b.viewer, died)
	require.WithinDuration(t, from, seen.Entries[0].Wall, 2*time.Second)
	require.GreaterOrEqual(t, seen.Entries[len(seen.Entries)-1].Jumps-seen.Entries[0].Jumps, 2)
	b.plays(b.viewer, seen, "video/mp2t")
	require.Equal(t, []api.GapReason{api.GapLost}, reasons(b, replay))
	clipped := seen.Entries[0].Wall.Add(time.Second) // where nothing is missing
	exact, file := b.viewerClip(b.viewer, clipped, clipped.Add(4*time.Second))
	require.InDelta(t, 4, exact.Seconds, 0.1)
	_, length, err := backendtest.Probe(b.ctx, file)
	require.NoError(t, err)
	require.InDelta(t, 4, length.Seconds(), 0.1)

	clip := b.savesWhole(replay, after.To.Sub(from).Seconds()-1, *after.To)
	t.Logf("gaps: %+v", clip.Gaps)
	gap := func(what string, holds func(api.Span) bool) {
		require.True(t, slices.ContainsFunc(clip.Gaps, holds), "%s in %+v", what, clip.Gaps)
	}
	gap("the gap of livekit-server", func(g api.Span) bool { return g.To.After(back) && g.To.Before(empty) })
	// What was stored before the kill is there, and so is what the next recorder stored.
	gap("the gap of the recorder", func(g api.Span) bool {
		return g.From.After(before.To.Add(-time.Second)) && g.From.Before(died.Add(time.Second)) && g.To.Before(*after.To)
	})
	require.LessOrEqual(t, len(clip.Gaps), 3, "nothing else is missing but what a busy machine may lose: %+v", clip.Gaps)
}
