//go:build linux

package sharetest

import (
	"context"
	"fmt"
	"math"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/publish"
	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/client"
	"github.com/hindsight-app/hindsight/publish/publishtest"
)

func net127(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// killServer ends the LiveKit server as a crash does.
func (b *bench) killServer(t *testing.T) {
	t.Helper()
	require.NoError(t, b.lk.Signal(syscall.SIGKILL))
	<-b.lk.Done()
}

// loseServer ends the LiveKit server, starts it again, and waits until sharing has come back, with new tracks.
func (b *bench) loseServer(t *testing.T, p *publish.Publisher) {
	t.Helper()
	first := p.Status()
	b.killServer(t)
	b.eventually(t, func() bool { return p.Status().State == publish.StateReconnecting }, "the loss is not noticed")
	b.startAgain(t)
	b.eventually(t, func() bool {
		st := p.Status()
		return st.State == publish.StateLive && st.VideoSID != first.VideoSID
	}, "sharing does not come back")
}

// startAgain starts the LiveKit server of the bench again, on the same ports with the same keys.
func (b *bench) startAgain(t *testing.T) {
	t.Helper()
	p, err := b.lk.Again(b.ctx)
	require.NoError(t, err)
	b.lk.Proc = p
	killAtEnd(t, p)
}

// A LiveKit server that is killed and comes back gets the same share again: new tracks, the same replay.
func TestServerRestart(t *testing.T) {
	b := newBench(t, publishtest.SourceOptions{})
	p := b.publish(t)
	first := p.Status()
	require.NotEmpty(t, first.ReplayID)

	b.loseServer(t, p)
	b.eventually(t, func() bool {
		st := p.Status()
		return st.Recording == publish.RecordingActive && st.EgressID != first.EgressID
	}, "recording does not come back")
	second := p.Status()
	require.NotEqual(t, first.AudioSID, second.AudioSID)
	require.Equal(t, first.ReplayID, second.ReplayID)
	starts := b.backend.Starts()
	last := starts[len(starts)-1]
	require.Equal(t, first.ReplayID, last.ReplayID)
	require.Equal(t, second.VideoSID, last.VideoTrackID)
	require.Equal(t, second.AudioSID, last.AudioTrackID)

	video, sound := b.watch(t)
	b.eventually(t, func() bool { return len(video.Units()) > 60 && len(sound.Units()) > 100 }, "nothing arrives after it")
	require.Equal(t, second.VideoSID, video.Info.Sid)
	// The clock of the new tracks is right, too.
	b.eventually(t, func() bool { return len(video.Reports()) >= 3 && len(sound.Reports()) >= 3 }, "no sender reports")
	apart := b.wallMinusPTS(t, video, media.Video, 90000) - b.wallMinusPTS(t, sound, media.Opus, media.SampleRate)
	require.InDelta(t, 0, apart.Seconds(), 0.004)
}

// A publisher that goes on with the replay of another continues it. Nobody ends it in between, and the server hears of
// every pause: of one that the first could not tell it, and of one that began while there was none.
func TestTheNextPublisherContinuesTheReplay(t *testing.T) {
	b := newBench(t, publishtest.SourceOptions{Seconds: 2})
	p := b.publish(t)
	b.eventually(t, func() bool { return p.Status().Recording == publish.RecordingActive }, "it is not recorded")
	first := p.Status()
	b.backend.RefusePauses(math.MaxInt)
	p.Tell(api.RoomState{Replay: api.ReplayPaused})
	p.Tell(api.RoomState{Replay: api.ReplayOn})
	replay, err := p.Leave(b.ctx)
	require.NoError(t, err)
	require.Equal(t, first.ReplayID, replay.ID())
	replay.Tell(api.RoomState{Replay: api.ReplayPaused})

	c := b.config(t)
	c.Room, c.Continue = publishtest.ForbiddenRoom, replay
	_, err = publish.Start(b.ctx, c, b.src)
	require.ErrorIs(t, err, client.ErrRoom)
	require.Empty(t, b.backend.Stops(), "a start that failed has ended it")

	b.backend.RefusePauses(0)
	c.Room = room
	p, err = publish.Start(b.ctx, c, b.src)
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close(context.Background()) })
	require.Equal(t, first.ReplayID, p.Status().ReplayID)
	p.Tell(api.RoomState{Replay: api.ReplayPaused})
	b.eventually(t, func() bool {
		st := p.Status()
		return st.Recording == publish.RecordingActive && st.EgressID != first.EgressID && len(b.backend.Pauses()) >= 3
	}, "it does not go on")
	require.Equal(t, first.ReplayID, p.Status().ReplayID)
	starts, pauses := b.backend.Starts(), b.backend.Pauses()
	require.Equal(t, first.ReplayID, starts[len(starts)-1].ReplayID)
	require.Equal(t, []bool{true, false, true}, []bool{pauses[0].Paused, pauses[1].Paused, pauses[2].Paused})
	require.Empty(t, b.backend.Stops())
	require.NoError(t, p.Close(b.ctx))
	require.Equal(t, []string{first.ReplayID}, b.backend.Stops())
}

// A server that is away when sharing starts is waited for.
func TestServerAwayAtStart(t *testing.T) {
	b := newBench(t, publishtest.SourceOptions{Seconds: 2})
	b.killServer(t)
	p := b.publish(t)
	st := p.Status()
	require.Equal(t, publish.StateReconnecting, st.State)
	require.Contains(t, st.Error, "cannot be reached")
	b.startAgain(t)
	b.eventually(t, func() bool {
		st := p.Status()
		return st.State == publish.StateLive && st.Recording == publish.RecordingActive && st.Error == ""
	}, "sharing does not begin")
}

// Someone who is sent out of the room does not come back by himself.
func TestRemovedFromRoom(t *testing.T) {
	b := newBench(t, publishtest.SourceOptions{Seconds: 2})
	p := b.publish(t)
	require.NoError(t, publishtest.Remove(b.ctx, b.lk.HTTPURL, b.lk.APIKey, b.lk.APISecret, room, p.Status().Identity))
	b.eventually(t, func() bool { return p.Status().State == publish.StateFailed }, "the removal is not noticed")
	require.Contains(t, p.Status().Error, "removed from the room")
	tokens := b.backend.Tokens()
	require.NoError(t, p.Close(b.ctx))
	require.Equal(t, tokens, b.backend.Tokens(), "it came back")
	require.Len(t, b.backend.Stops(), 1)
}

// Close does not wait for a server that is away.
func TestCloseWhileReconnecting(t *testing.T) {
	b := newBench(t, publishtest.SourceOptions{Seconds: 2})
	p := b.publish(t)
	b.killServer(t)
	b.eventually(t, func() bool { return p.Status().State == publish.StateReconnecting }, "the loss is not noticed")
	ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
	defer cancel()
	require.NoError(t, p.Close(ctx))
	require.Len(t, b.backend.Stops(), 1, "the recording is stopped all the same")
}

// Sound that is turned on while sharing becomes a second track, and the recording goes on with both.
func TestSoundTurnedOn(t *testing.T) {
	b := newBench(t, publishtest.SourceOptions{Seconds: 2, NoSound: true})
	p := b.publish(t)
	first := p.Status()
	require.Equal(t, publish.StateLive, first.State)
	require.Empty(t, first.AudioSID)
	b.src.SetSound(true)
	b.eventually(t, func() bool { return p.Status().AudioSID != "" && p.Status().EgressID != first.EgressID },
		"no sound track comes")
	st := p.Status()
	require.Equal(t, first.ReplayID, st.ReplayID)
	starts := b.backend.Starts()
	require.Equal(t, st.AudioSID, starts[len(starts)-1].AudioTrackID)
	viewer := b.subscribe(t)
	sound, err := viewer.Wait(b.ctx, media.Opus)
	require.NoError(t, err)
	b.eventually(t, func() bool { return len(sound.Units()) > 50 }, "no sound arrives")
}

// A screen that gives no frame yet is waited for.
func TestVideoComesLater(t *testing.T) {
	b := newBench(t, publishtest.SourceOptions{Seconds: 2, NoVideo: true})
	p := b.publish(t)
	require.Equal(t, publish.StateConnecting, p.Status().State)
	require.Contains(t, p.Status().Error, "no video yet")
	b.src.SetVideo(true)
	b.eventually(t, func() bool {
		st := p.Status()
		return st.State == publish.StateLive && st.Error == "" && st.Recording == publish.RecordingActive
	}, "sharing does not begin")
	viewer := b.subscribe(t)
	video, err := viewer.Wait(b.ctx, media.Video)
	require.NoError(t, err)
	require.EqualValues(t, 640, video.Info.Width)
}
