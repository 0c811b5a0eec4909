package capture

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/clock"
	"github.com/hindsight-app/hindsight/capture/encode"
	"github.com/hindsight-app/hindsight/capture/gst"
	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/capture/mix"
)

// The mixer's latency is what it waits for its sources plus the limiter's look-ahead. A busy machine makes the wait
// grow, so the measurement only logs.
func TestMixerLatency(t *testing.T) {
	require.LessOrEqual(t, mixDelay+mix.Latency, 40*time.Millisecond)
	require.NoError(t, gst.Init())
	packets := make(chan time.Duration, 1000)
	s := &sound{now: clock.Now, log: slog.New(slog.DiscardHandler),
		wants: func(tr media.Track) bool { return tr == media.Opus },
		emit:  func(p *media.Packet) { packets <- clock.Now() - (p.PTS + p.Duration) }}
	require.NoError(t, s.start())
	defer s.close()
	var all []time.Duration
	for range 100 {
		all = append(all, <-packets)
	}
	slices.Sort(all)
	t.Logf("from the end of a packet's sound to the packet: %v at best, %v in the middle, %v at worst", all[0], all[50],
		all[99])
}

// A change that finds no place is asked for again, for nothing else may change for long.
func TestALostChangeIsAskedForAgain(t *testing.T) {
	p := &video{frames: make(chan media.Frame, 1)}
	frame := media.Frame{Width: 2, Height: 2, Serial: 1}
	p.offer(frame)
	frame.Serial, frame.PTS = 2, time.Second
	p.offer(frame)
	same := media.Frame{Same: true, PTS: 2 * time.Second}
	require.True(t, p.offerSame(same))
	require.EqualValues(t, 2, p.dropped.Load())
	frame = <-p.frames
	require.EqualValues(t, 2, frame.Serial, "the newest waits")
	require.Equal(t, 2*time.Second, frame.PTS, "and is what the screen still shows")
	p.miss(frame)
	require.False(t, p.offerSame(same), "the whole frame is wanted")
	require.True(t, p.offerSame(same), "once")
}

// The newest frame of a source that cannot be asked again is shown once there is time, however long nothing else comes.
func TestALostFrameIsShownLater(t *testing.T) {
	require.NoError(t, gst.Init())
	p := startVideo(VideoConfig{FrameRate: 30, Preset: encode.Performance}, "", clock.Now, func(*media.Packet) {},
		slog.New(slog.DiscardHandler))
	defer p.close()
	frame := media.Frame{PTS: clock.Now(), Width: 320, Height: 180, Stride: 1280, Data: make([]byte, 1280*180)}
	p.offer(frame)
	require.Eventually(t, func() bool { return p.encoded.Load() == 1 }, 30*time.Second, time.Millisecond)
	released := make(chan struct{})
	frame.Release = func() { close(released) }
	p.offer(frame) // its slot has a frame
	<-released
	require.EqualValues(t, 2, p.encoded.Load())
}

// The last frame before a screen stands still may find the encoder's queue full: it is encoded once there is space.
func TestAFrameThatFoundTheQueueFullIsShownLater(t *testing.T) {
	require.NoError(t, gst.Init())
	p := &video{
		now: clock.Now, emit: func(*media.Packet) {}, log: slog.New(slog.DiscardHandler),
		config: VideoConfig{FrameRate: 30, Preset: encode.Performance}, pacer: pacer{fps: 30},
	}
	p.lowLayer = newLowLayer(p.log, func() {})
	noise := make([]byte, 1280*720*4)
	for i := range noise {
		noise[i] = byte(i * i >> 8)
	}
	began := clock.Now()
	for n := 0; p.missed == nil; n++ {
		require.Less(t, n, 3000, "the queue is never full")
		p.onFrame(context.Background(), media.Frame{PTS: began + time.Duration(n)*time.Second/30, Width: 1280, Height: 720,
			Stride: 5120, Data: noise})
	}
	encoded, later := p.encoded.Load(), p.missed.PTS+time.Second-clock.Now()
	p.now = func() time.Duration { return clock.Now() + later }
	require.Eventually(t, func() bool { p.onIdle(context.Background()); return p.missed == nil }, 30*time.Second,
		10*time.Millisecond)
	require.Equal(t, encoded+1, p.encoded.Load())
	require.NoError(t, p.encoder.Close())
}

// An encoder that stops while running is replaced by the next that passes its trial.
func TestAnEncoderThatStopsIsReplaced(t *testing.T) {
	require.NoError(t, gst.Init())
	got := make(chan *media.Packet, 1000)
	p := &video{
		now: clock.Now, emit: func(k *media.Packet) { got <- k }, log: slog.New(slog.DiscardHandler),
		config: VideoConfig{FrameRate: 30, Preset: encode.Performance}, pacer: pacer{fps: 30},
	}
	p.lowLayer = newLowLayer(p.log, func() {})
	show := func(n int) {
		for i := range n {
			p.onFrame(context.Background(), media.Frame{PTS: clock.Now() + time.Duration(i)*time.Second/30, Width: 320,
				Height: 180, Stride: 1280, Data: make([]byte, 1280*180), Release: func() {}})
		}
	}
	show(3)
	first := p.info().Encoder
	require.NotEmpty(t, first)
	require.True(t, (<-got).Key)
	p.lost(p.encoder, encode.ErrNoEncoder)
	show(3)
	require.NoError(t, p.failure())
	require.NotEqual(t, first, p.info().Encoder)
	require.Eventually(t, func() bool { return (<-got).Key }, 30*time.Second, time.Millisecond,
		"the next one begins with an IDR")
	require.NoError(t, p.encoder.Close())
}
