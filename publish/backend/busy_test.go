package backend_test

import (
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/backendtest"
	"github.com/hindsight-app/hindsight/publish/client"
)

// keepBusy has as many programs compute as the machine has processors, until the test ends.
func (b *bench) keepBusy() {
	b.Helper()
	for range runtime.NumCPU() {
		p, err := stack.Start(b.ctx, stack.Spec{Name: "busy", Path: "sh", Args: []string{"-c", "while :; do :; done"},
			Dir: b.TempDir()})
		require.NoError(b, err)
		b.Cleanup(func() {
			_ = p.Signal(syscall.SIGKILL)
			p.Close()
		})
	}
}

// A clip of a minute of a replay that goes on, on a busy machine and while somebody else's is cut: exactly as long as
// asked, without a gap, with sound in step from end to end.
func TestLongClipOnABusyMachine(t *testing.T) {
	const seconds = 60
	b := newBench(t, with{alone: true})
	pub := b.publish("den")
	token := b.token("--identity", "bob")
	bob, err := client.New(b.backend.URL, token.Token)
	require.NoError(t, err)
	join, err := bob.Token(b.ctx, api.TokenRequest{RoomName: "den"})
	require.NoError(t, err)
	other, err := backendtest.Publish(join.ServerURL, join.Token, b.loop)
	require.NoError(t, err)
	t.Cleanup(func() { other.Close() })
	its, err := bob.Start(b.ctx, api.StartRequest{RoomName: "den", VideoTrackID: other.VideoID,
		AudioTrackID: other.AudioID})
	require.NoError(t, err)

	replay := b.share(pub, "", 30)
	b.keepBusy()
	b.share(pub, replay, 0)
	b.waitBuffered(replay, seconds+2)
	pressed := b.landed(replay)
	saved, err := b.client.Save(b.ctx, api.SaveRequest{ReplayID: replay, Seconds: seconds, PressedAt: &pressed})
	require.NoError(t, err)
	also, err := bob.Save(b.ctx, api.SaveRequest{ReplayID: its.ReplayID, Seconds: seconds / 2, PressedAt: &pressed})
	require.NoError(t, err)
	clip, file := b.download(saved.ClipID)
	b.checkClip(clip, file, seconds, pub, "opus", sharp)
	require.Empty(t, clip.Gaps)
	for stream, most := range map[string]time.Duration{"v:0": 100 * time.Millisecond, "a:0": 21 * time.Millisecond} {
		longest, err := backendtest.LongestStep(b.ctx, file, stream)
		require.NoError(t, err)
		require.LessOrEqual(t, longest, most, "a gap in %s", stream)
	}
	b.eventually(time.Minute, "the other clip", func() bool {
		c, err := bob.Clip(b.ctx, also.ClipID)
		require.NoError(t, err)
		require.NotEqual(t, api.ClipFailed, c.State, c.Reason)
		return c.State == api.ClipReady && c.Seconds == seconds/2
	})
}
