package video

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/clock"
	"github.com/hindsight-app/hindsight/capture/encode"
	"github.com/hindsight-app/hindsight/capture/gst"
	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/capture/mute"
)

// quiet is a configuration whose packets nobody wants.
func quiet() Config {
	return Config{
		FrameRate: 30, Encoding: Encoding{Preset: media.Performance}, Now: clock.Now, Log: slog.New(slog.DiscardHandler),
		Full: func(*media.Packet) {}, Low: func(*media.Packet) {}, WantsLow: func() bool { return false },
	}
}

// inbox is what waits in a stream's mailbox.
func (s *Stream) inbox() work {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting == nil {
		return work{}
	}
	return *s.waiting
}

// A change that finds no place is asked for again, for nothing else may change for long.
func TestALostChangeIsAskedForAgain(t *testing.T) {
	p := newPipeline(quiet()) // nothing runs
	frame := media.Frame{Width: 2, Height: 2, Serial: 1, PTS: time.Hour}
	p.Offer(frame)
	frame.Serial, frame.PTS = 2, frame.PTS+time.Second
	p.Offer(frame)
	same := media.Frame{Width: 2, Height: 2, Same: true, PTS: frame.PTS + time.Second}
	require.True(t, p.OfferSame(same))
	_, _, dropped := p.Full.Counts()
	require.EqualValues(t, 1, dropped)
	w := p.Full.inbox()
	require.EqualValues(t, 2, w.frame.Serial, "the newest waits")
	require.Equal(t, p.pacer.slotOf(frame.PTS), w.at)
	require.Equal(t, p.pacer.slotOf(same.PTS)+1, w.to, "and is what the screen still shows")
	require.EqualValues(t, 60, w.to-w.from)
	p.Full.miss(w.frame)
	require.False(t, p.OfferSame(same), "the whole frame is wanted")
	require.True(t, p.OfferSame(same), "once")
}

// The newest frame of a source that cannot be asked again is shown once there is time, however long nothing else comes.
func TestALostFrameIsShownLater(t *testing.T) {
	require.NoError(t, gst.Init())
	p := Start(quiet())
	defer p.Close()
	frame := media.Frame{PTS: clock.Now(), Width: 320, Height: 180, Stride: 1280, Data: make([]byte, 1280*180)}
	encoded := func() uint64 { n, _, _ := p.Full.Counts(); return n }
	first := make(chan struct{})
	frame.Release = sync.OnceFunc(func() { close(first) })
	p.Offer(frame)
	<-first
	require.Eventually(t, func() bool { return encoded() == 1 }, 30*time.Second, time.Millisecond)
	released := make(chan struct{})
	frame.Release = func() { close(released) }
	p.Offer(frame) // its slot has a frame
	<-released
	require.Eventually(t, func() bool { return encoded() == 2 }, 30*time.Second, time.Millisecond)
}

// Nothing is encoded while nobody wants it. The newest frame of a source that cannot be asked again is what those see
// who come when the screen stands still.
func TestNothingIsEncodedForNobody(t *testing.T) {
	require.NoError(t, gst.Init())
	c, wanted := quiet(), false
	c.WantsFull = func() bool { return wanted }
	p := newPipeline(c) // this test is the goroutines
	released := 0
	for n := range 3 {
		p.Offer(media.Frame{PTS: clock.Now() + time.Duration(n)*time.Second/30, Width: 320, Height: 180, Stride: 1280,
			Data: make([]byte, 1280*180), Release: func() { released++ }})
	}
	require.Equal(t, 2, released, "the newest is kept")
	require.Zero(t, p.Full.inbox(), "and no work")
	wanted = true
	later := clock.Now() + time.Second
	p.now = func() time.Duration { return later }
	p.idle()
	require.NotNil(t, p.Full.inbox().frame)
	require.Eventually(t, func() bool { p.idle(); p.Full.serve(context.Background()); return released == 3 },
		30*time.Second, 10*time.Millisecond)
	encoded, _, _ := p.Full.Counts()
	require.EqualValues(t, 1, encoded)
	p.Full.end()

	wanted = false
	p.Offer(media.Frame{PTS: later + time.Minute, Width: 320, Height: 180, Release: func() { released++ }})
	p.Close()
	require.Equal(t, 4, released, "nothing is held after the end")
}

// The last frame before a screen stands still may find the encoder's queue full: it is encoded once there is space.
func TestAFrameThatFoundTheQueueFullIsShownLater(t *testing.T) {
	require.NoError(t, gst.Init())
	p := newPipeline(quiet()) // this test is the goroutines
	s := p.Full
	noise := make([]byte, 1280*720*4)
	for i := range noise {
		noise[i] = byte(i * i >> 8)
	}
	began := clock.Now()
	for n := 0; s.missed == nil; n++ {
		require.Less(t, n, 3000, "the queue is never full")
		p.Offer(media.Frame{PTS: began + time.Duration(n)*time.Second/30, Width: 1280, Height: 720, Stride: 5120,
			Data: noise})
		s.serve(context.Background())
	}
	encoded, _, _ := s.Counts()
	later := s.missed.PTS + time.Second - clock.Now()
	p.now = func() time.Duration { return clock.Now() + later }
	require.Eventually(t, func() bool { p.idle(); s.serve(context.Background()); return s.missed == nil },
		30*time.Second, 10*time.Millisecond)
	now, _, _ := s.Counts()
	require.Equal(t, encoded+1, now)
	s.end()
}

// An encoder that stops while running is replaced by the next that passes its trial.
func TestAnEncoderThatStopsIsReplaced(t *testing.T) {
	require.NoError(t, gst.Init())
	got := make(chan *media.Packet, 1000)
	c := quiet()
	c.Full = func(k *media.Packet) { got <- k }
	p := newPipeline(c)
	s := p.Full
	show := func(n int) {
		for i := range n {
			p.Offer(media.Frame{PTS: clock.Now() + time.Duration(i)*time.Second/30, Width: 320, Height: 180, Stride: 1280,
				Data: make([]byte, 1280*180), Release: func() {}})
			s.serve(context.Background())
		}
	}
	show(3)
	first := s.Info().Encoder
	require.NotEmpty(t, first)
	require.True(t, (<-got).Key)
	s.lost(s.running(), encode.ErrNoEncoder)
	show(3)
	require.NoError(t, s.Err())
	require.NotEqual(t, first, s.Info().Encoder)
	require.Eventually(t, func() bool { return (<-got).Key }, 30*time.Second, time.Millisecond,
		"the next one begins with an IDR")
	s.end()
}

// A frame that was captured in a pause is not shown when it comes after the pause's end, and a whole one is asked for.
func TestFramesOfAPauseAreDropped(t *testing.T) {
	at := time.Hour
	mutes := &mute.Mutes{}
	_, _, screen := mutes.Switches()
	c := quiet()
	c.Gate = mute.NewGate(func() time.Duration { return at }, screen...)
	p := newPipeline(c)
	released := 0
	frame := func(pts time.Duration) media.Frame {
		return media.Frame{PTS: pts, Width: 2, Height: 2, Release: func() { released++ }}
	}
	mutes.Pause(true)
	p.Offer(frame(at))
	require.Nil(t, p.Full.inbox().frame)
	require.False(t, p.OfferSame(media.Frame{Same: true, PTS: at}), "what the dropped frame showed is asked for")
	at += time.Second
	mutes.Pause(false)
	p.Offer(frame(at - time.Millisecond))
	require.Nil(t, p.Full.inbox().frame)
	require.Equal(t, 2, released)
	p.Offer(frame(at))
	require.NotNil(t, p.Full.inbox().frame)
}

// While an encoder of one stream takes long to open, fails, and is opened again, the other stream's frames all keep
// their exact stamps, and frames go back to their source.
func TestAStreamThatOpensDoesNotDisturbTheOther(t *testing.T) {
	for name, slow := range map[string]func(p *Pipeline) (slow, other *Stream){
		"the low-resolution layer is slow": func(p *Pipeline) (*Stream, *Stream) { return p.Low, p.Full },
		"the full stream is slow":          func(p *Pipeline) (*Stream, *Stream) { return p.Full, p.Low },
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, gst.Init())
			var mu sync.Mutex
			at := time.Hour // this test's clock
			stamps := map[*Stream]map[time.Duration]bool{}
			c := quiet()
			c.WantsLow = func() bool { return true }
			c.Encoding.Encoder, c.Encoder = "x264enc", "x264enc"
			c.Now = func() time.Duration { mu.Lock(); defer mu.Unlock(); return at }
			p := newPipeline(c)
			late, other := slow(p)
			for _, s := range p.streams() {
				stamps[s] = map[time.Duration]bool{}
				s.emit = func(k *media.Packet) { mu.Lock(); defer mu.Unlock(); stamps[s][k.PTS] = true }
			}
			seen := func(s *Stream, stamp time.Duration) bool { mu.Lock(); defer mu.Unlock(); return stamps[s][stamp] }
			turn := make(chan error, 1) // what becomes of an opening
			opening := make(chan struct{}, 10)
			late.open = func(e encode.VideoConfig, emit encode.Emit) (*encode.Video, error) {
				opening <- struct{}{}
				if err := <-turn; err != nil {
					return nil, err
				}
				return encode.OpenVideo(e, emit)
			}
			out := 0 // frames that are not given back
			ctx, cancel := context.WithCancel(context.Background())
			p.cancel = cancel
			for _, s := range p.streams() {
				p.work.Go(func() { s.loop(ctx) })
			}
			data := make([]byte, 1280*180)
			serial := uint64(0)
			// show offers frames, each after the one before has come out of the other stream.
			show := func(n int) {
				for range n {
					mu.Lock()
					at += time.Second / 30
					out++
					mu.Unlock()
					serial++
					data[serial%uint64(len(data))]++
					p.Offer(media.Frame{PTS: c.Now(), Width: 320, Height: 180, Stride: 1280, Data: data, Serial: serial,
						Release: func() { mu.Lock(); defer mu.Unlock(); out-- }})
					stamp := p.pacer.stamp(p.pacer.next - 1)
					require.Eventually(t, func() bool { return seen(other, stamp) }, 30*time.Second, time.Millisecond)
				}
			}
			mu.Lock()
			at = at.Truncate(time.Second) + time.Millisecond
			mu.Unlock()
			// The first frame begins both; the other one has begun when it is encoded.
			require.Eventually(t, func() bool { show1(p, c.Now(), data); return other.running() != nil }, 30*time.Second,
				time.Millisecond)
			asked := func() {
				require.Eventually(t, func() bool { return len(opening) > 0 }, 20*time.Second, time.Millisecond)
				<-opening
			}
			asked()
			show(45)
			turn <- errors.New("no session left")
			asked() // the next one
			show(45)
			mu.Lock()
			held := out
			mu.Unlock()
			require.LessOrEqual(t, held, 2, "frames that the slow stream holds")
			turn <- errors.New("nor here") // all have failed: a pause follows
			require.Eventually(t, func() bool { return late.Err() != nil }, 30*time.Second, time.Millisecond)
			show(30)
			mu.Lock()
			at += retryAfter
			mu.Unlock()
			p.pacer.next = 0 // time has passed
			show(1)
			asked()
			turn <- nil
			for late.running() == nil || !seen(late, p.pacer.stamp(p.pacer.next-1)) {
				show(1)
			}
			require.NoError(t, late.Err())
			mu.Lock()
			require.GreaterOrEqual(t, len(stamps[other]), 45+45+30)
			for stamp := range stamps[late] {
				require.True(t, stamps[other][stamp], "both have the same stamps")
			}
			mu.Unlock()
			p.Close()
			require.Zero(t, out, "all frames are given back")
		})
	}
}

// show1 offers the frame once more.
func show1(p *Pipeline, at time.Duration, data []byte) {
	p.Offer(media.Frame{PTS: at, Width: 320, Height: 180, Stride: 1280, Data: data, Serial: 1})
}
