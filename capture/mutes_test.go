package capture

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/clock"
	"github.com/hindsight-app/hindsight/capture/gst"
	"github.com/hindsight-app/hindsight/capture/media"
)

// A switch silences the mix, the microphone's own track and its level with the block that is mixed next, while older
// configurations that know nothing of it are applied all the time.
func TestMutesActOnTheNextBlock(t *testing.T) {
	require.NoError(t, gst.Init())
	mutes := &Mutes{}
	s := &sound{
		now: clock.Now, emit: func(*media.Packet) {}, wants: func(media.Track) bool { return false },
		mutes: mutes, log: slog.New(slog.DiscardHandler),
	}
	on := SoundConfig{Enabled: true}
	const idle = true // no device is opened
	require.NoError(t, s.apply(on, on, true, idle))
	s.cancel()
	<-s.done // from here on this test mixes
	stop, applied := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(applied)
		for {
			select {
			case <-stop:
				return
			default:
				_ = s.apply(on, on, true, idle)
			}
		}
	}()
	defer func() { close(stop); <-applied }()
	level := func() []float32 {
		b := make([]float32, blockFrames*media.Channels)
		for i := range b {
			b[i] = 0.25
		}
		return b
	}
	at := time.Hour
	block, mic := make([]float32, blockFrames*media.Channels), make([]float32, blockFrames*media.Channels)
	// loudest is the peak of the mix and of the microphone's track n blocks further.
	loudest := func(n int) (mix, own float32) {
		for range n {
			for _, in := range []*input{&s.desktop, &s.mic} {
				in.mix.Push(media.PCM{PTS: at, Samples: level()})
			}
			s.mixer.Mix(at-2*blockLength, block, nil, mic)
			at += blockLength
		}
		for i := range block {
			mix, own = max(mix, block[i], -block[i]), max(own, mic[i], -mic[i])
		}
		return mix, own
	}
	mix, own := loudest(50)
	require.InDelta(t, 0.5, mix, 0.02)
	require.InDelta(t, 0.25, own, 0.01)
	mutes.Set(false, true)
	// The first block fades out, the limiter's look-ahead takes a little of the second.
	mix, own = loudest(3)
	require.Zero(t, own, "the microphone's own track")
	require.InDelta(t, 0.25, mix, 0.02, "the desktop alone")
	loudest(12)
	peak, _ := s.mic.mix.Level()
	require.LessOrEqual(t, peak, -100.0)
	mutes.Pause(true)
	mix, _ = loudest(3)
	require.Zero(t, mix, "a pause")
	mutes.Pause(false)
	mutes.Set(false, false)
	_, own = loudest(3)
	require.InDelta(t, 0.25, own, 0.01, "open again")
}
