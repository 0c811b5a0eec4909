package audio

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/gst"
	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/capture/mute"
)

// A switch silences the mix, the microphone's own track and its level with the block that is mixed next, while older
// configurations that know nothing of it are applied all the time.
func TestMutesActOnTheNextBlock(t *testing.T) {
	require.NoError(t, gst.Init())
	mutes := &mute.Mutes{}
	at := time.Hour // this test's clock
	s := New(Options{
		Now: func() time.Duration { return at }, Emit: func(*media.Packet) {}, Wants: func(media.Track) bool { return false },
		Mutes: mutes, Log: slog.New(slog.DiscardHandler),
	})
	on := Config{Enabled: true}
	const idle = true // no device is opened
	require.NoError(t, s.Apply(on, on, true, idle))
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
				_ = s.Apply(on, on, true, idle)
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
	_, own = loudest(5)
	require.InDelta(t, 0.25, own, 0.01, "open again")
}

// What a source heard while it was muted stays silent when the switch is turned off before it is mixed, however long
// that takes, and however short the mute was. So does what comes only afterwards, from the suppression of noise for
// example.
func TestWhatWasHeardWhileMutedStaysSilent(t *testing.T) {
	const heldBack = 500 * time.Millisecond // how late blocks are mixed
	at := time.Hour
	mutes := &mute.Mutes{}
	for name, mute := range map[string]func(s *Pipeline, on bool){
		"switch": func(_ *Pipeline, on bool) { mutes.Set(false, on) },
		"pause":  func(_ *Pipeline, on bool) { mutes.Pause(on) },
		"configuration": func(s *Pipeline, on bool) {
			require.NoError(t, s.Apply(Config{}, Config{Enabled: true, Muted: on}, true, true))
		},
	} {
		for _, blocks := range []int{0, 10} {
			t.Run(fmt.Sprint(name, ", blocks mixed meanwhile: ", blocks), func(t *testing.T) {
				s := New(Options{
					Now: func() time.Duration { return at }, Emit: func(*media.Packet) {}, Mutes: mutes,
					Wants: func(media.Track) bool { return false }, Log: slog.New(slog.DiscardHandler),
				})
				require.NoError(t, s.Apply(Config{}, Config{Enabled: true}, true, true))
				s.cancel()
				<-s.done // from here on this test mixes
				measure := func(from time.Duration, level float32) {
					b := make([]float32, blockFrames*media.Channels)
					for i := range b {
						b[i] = level
					}
					s.mic.mix.Push(media.PCM{PTS: from, Samples: b})
				}
				// loudest goes on by a number of blocks and is the highest peak of the mix.
				loudest := func(n int, level float32) (peak float32) {
					block := make([]float32, blockFrames*media.Channels)
					for range n {
						measure(at, level)
						at += blockLength
						s.mixer.Mix(at-heldBack, block)
						for _, v := range block {
							peak = max(peak, v, -v)
						}
					}
					return peak
				}
				const quiet, secret = 0.1, 0.5
				require.InDelta(t, quiet, loudest(100, quiet), 0.01)
				mute(s, true)
				loudest(blocks, secret)
				measure(at, secret)
				at += blockLength
				mute(s, false)
				s.mixer.Mix(at-heldBack, make([]float32, blockFrames*media.Channels))
				require.InDelta(t, quiet, loudest(100, quiet), 0.01, "what was heard while muted is mixed")
			})
		}
	}
}
