package livekit

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"
)

// path is a simulated network: a bottleneck with a queue, some delay, jitter and loss, whose far end reports every
// 50 ms as LiveKit's server does. Time is stepped; nothing waits.
type path struct {
	capacity  int           // bit/s
	queueTime time.Duration // of the bottleneck; what comes when it is full is lost
	delay     time.Duration
	jitter    time.Duration
	loss      float64
	random    *rand.Rand

	free    time.Duration // when the bottleneck has sent all it holds
	arrived map[uint16]time.Duration
	first   uint16
	next    uint16
}

func newPath(capacity int) *path {
	return &path{capacity: capacity, queueTime: 300 * time.Millisecond, delay: 20 * time.Millisecond,
		random: rand.New(rand.NewPCG(1, 2)), arrived: map[uint16]time.Duration{}}
}

func (p *path) send(now time.Duration, size int) uint16 {
	seq := p.next
	p.next++
	if p.free < now {
		p.free = now
	}
	if p.free-now > p.queueTime || p.random.Float64() < p.loss {
		return seq
	}
	p.free += time.Duration(float64(size*8) / float64(p.capacity) * float64(time.Second))
	p.arrived[seq] = p.free + p.delay + time.Duration(p.random.Float64()*float64(p.jitter))
	return seq
}

// report is what the far end says at a moment: everything up to the newest arrival.
func (p *path) report(now time.Duration) *rtcp.TransportLayerCC {
	newest, any := p.first, false
	for s := p.first; s != p.next; s++ {
		if at, ok := p.arrived[s]; ok && at <= now {
			newest, any = s, true
		}
	}
	if !any {
		return nil
	}
	base := p.arrived[newest]
	for s := p.first; s != newest+1; s++ {
		if at, ok := p.arrived[s]; ok {
			base = min(base, at)
		}
	}
	f := &rtcp.TransportLayerCC{BaseSequenceNumber: p.first, ReferenceTime: uint32(base / (64 * time.Millisecond))}
	last := time.Duration(f.ReferenceTime) * 64 * time.Millisecond
	for s := p.first; s != newest+1; s++ {
		symbol := rtcp.TypeTCCPacketNotReceived
		if at, ok := p.arrived[s]; ok && at <= now {
			symbol = rtcp.TypeTCCPacketReceivedLargeDelta
			f.RecvDeltas = append(f.RecvDeltas, &rtcp.RecvDelta{Delta: int64((at - last) / time.Microsecond)})
			last = at
			delete(p.arrived, s)
		}
		f.PacketChunks = append(f.PacketChunks, &rtcp.RunLengthChunk{PacketStatusSymbol: symbol, RunLength: 1})
		f.PacketStatusCount++
	}
	p.first = newest + 1
	return f
}

// run sends frames 30 times a second for a while at the rate that encode returns for the estimate, and returns the
// estimate's mean over the last second.
func (p *path) run(e *estimator, from, length time.Duration, encode func(estimate int) int) (mean float64) {
	origin := time.Unix(5000, 0)
	estimate, n := int(e.target), 0
	for at := from; at < from+length; at += time.Second / 30 {
		left := encode(estimate) / 30 / 8
		// The pacer spreads a frame over the frame's time.
		for offset := time.Duration(0); left > 0; offset += time.Millisecond {
			size := min(left, 1200)
			left -= size
			e.sent(p.next, origin.Add(at+offset), size)
			p.send(at+offset, size)
		}
		if f := p.report(at + 33*time.Millisecond); f != nil {
			estimate = e.feedback(origin.Add(at+33*time.Millisecond), f)
		}
		if at >= from+length-time.Second {
			mean += float64(estimate)
			n++
		}
	}
	return mean / float64(n)
}

func same(estimate int) int { return estimate }

func TestEstimateStaysOnAGoodPath(t *testing.T) {
	for name, change := range map[string]func(*path){
		"plain":              func(*path) {},
		"2 ms jitter":        func(p *path) { p.jitter = 2 * time.Millisecond },
		"1 % loss":           func(p *path) { p.loss = 0.01 },
		"200 ms long, noisy": func(p *path) { p.delay, p.jitter = 200*time.Millisecond, 5*time.Millisecond },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPath(100e6)
			change(p)
			e := newEstimator(1e6, 12e6)
			require.Greater(t, p.run(e, 0, 20*time.Second, same), 11e6)
		})
	}
}

func TestEstimateFindsANarrowPath(t *testing.T) {
	for name, queue := range map[string]time.Duration{"deep queue": 2 * time.Second,
		"shallow queue": 60 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			p := newPath(4e6)
			p.queueTime = queue
			e := newEstimator(1e6, 12e6)
			mean := p.run(e, 0, 20*time.Second, same)
			require.Greater(t, mean, 2e6)
			require.Less(t, mean, 5e6)
			// The path grows wide: the estimate follows.
			p.capacity = 100e6
			require.Greater(t, p.run(e, 20*time.Second, 30*time.Second, same), 11e6)
		})
	}
}

func TestEstimateFallsWithLoss(t *testing.T) {
	p := newPath(100e6)
	p.loss = 0.25
	e := newEstimator(1e6, 12e6)
	require.Less(t, p.run(e, 0, 5*time.Second, same), 6e6)
}

// A path that loses 5 % whatever is sent, as radio links do, is used nonetheless: mere chance must not lower the
// estimate again and again, nor a loss that is always there keep it where the last cut left it.
func TestEstimateLivesWithSteadyLoss(t *testing.T) {
	for seed := range uint64(5) {
		wide := newPath(100e6)
		wide.loss, wide.random = 0.05, rand.New(rand.NewPCG(seed, 2))
		require.Greater(t, wide.run(newEstimator(250e3, 1.5e6), 0, 60*time.Second, same), 1.4e6)
		narrow := newPath(1e6)
		narrow.loss, narrow.random = 0.05, rand.New(rand.NewPCG(seed, 3))
		e := newEstimator(100e3, 1.5e6)
		narrow.run(e, 0, 20*time.Second, same)
		e.target = 300e3
		require.Greater(t, narrow.run(e, 20*time.Second, 30*time.Second, same), 550e3)
	}
}

// One cut goes down to what the path carries, even while less than the estimate is sent: an estimate
// begins far above what the encoder makes.
func TestEstimateFallsAtOnceToWhatIsCarried(t *testing.T) {
	p := newPath(800e3)
	p.queueTime = 5 * time.Second
	e := newEstimator(100e3, 2e6)
	p.run(e, 0, 1500*time.Millisecond, func(estimate int) int { return min(estimate, 1200e3) })
	require.Less(t, e.target, 900e3)
}

// stream sends 30 frames a second through a pacer for a while: 4 Mb/s, with a keyframe of 150 kB each 2 s, or less
// where the estimate is lower. It returns how long the last packets of keyframes took to arrive at most in the last
// 20 s, and how often the estimate fell.
func (p *path) stream(e *estimator, from, length time.Duration) (late time.Duration, cuts int) {
	origin := time.Unix(5000, 0)
	pace := stoppedPacer(int(burstFactor * e.target))
	frame := 0
	began, queued := from, 0 // the last keyframe, and how many packets leave until it is out
	for at := from; at < from+length; at += time.Millisecond {
		if at >= from+time.Duration(frame)*time.Second/30 {
			size := 12_000.0
			if frame%60 == 0 {
				size, began, queued = 150_000, at, len(pace.queue)+int(150_000*min(1, e.target/5e6)+1199)/1200
			}
			for left := int(size * min(1, e.target/5e6)); left > 0; left -= 1200 {
				_ = pace.add(origin.Add(at), &rtp.Header{Version: 2}, make([]byte, max(1, min(left, 1200)-56)), nil)
			}
			frame++
		}
		out, _ := pace.take(time.Millisecond)
		for _, packet := range out {
			e.sent(p.next, origin.Add(at), packet.size())
			p.send(at, packet.size())
			if queued--; queued == 0 && at > from+length-20*time.Second {
				late = max(late, p.free-began)
			}
		}
		if at%(50*time.Millisecond) == 0 {
			if f := p.report(at); f != nil {
				before := e.target
				e.feedback(origin.Add(at), f)
				if e.target < before {
					cuts++
				}
				pace.setRate(e.burst())
			}
		}
	}
	return late, cuts
}

// Keyframes leave faster where the path has room for that, and no longer where it has not: it is asked less and less.
func TestKeyframesLeaveFasterOnAPathWithRoom(t *testing.T) {
	e := newEstimator(1e6, 5e6)
	wide := newPath(100e6)
	slow, _ := wide.stream(e, 0, 5*time.Second)
	fast, cuts := wide.stream(e, 5*time.Second, 40*time.Second)
	require.Zero(t, cuts)
	require.Less(t, fast, slow*7/10, "a keyframe took %v before", slow)
	// This one carries them at 7.5 Mb/s, and not at 12.5.
	narrow := newPath(9e6)
	e = newEstimator(1e6, 5e6)
	_, cuts = narrow.stream(e, 0, 5*time.Minute)
	require.Positive(t, cuts)
	require.LessOrEqual(t, cuts, 6)
	_, cuts = narrow.stream(e, 5*time.Minute, 10*time.Minute)
	require.LessOrEqual(t, cuts, 2)
	require.Greater(t, e.target, 4.9e6)
	// What was not used, or is allowed only now, has not been shown.
	still := newEstimator(1e6, 12e6)
	newPath(100e6).run(still, 0, time.Minute, func(int) int { return 100e3 })
	require.False(t, still.roomy())
	e = newEstimator(1e6, 3e6)
	newPath(100e6).run(e, 0, 10*time.Second, same)
	require.True(t, e.roomy())
	e.setBounds(1e6, 12e6)
	require.False(t, e.roomy())
}

// A still screen sends next to nothing: that must not be taken for a narrow path.
func TestEstimateHoldsOnAStillScreen(t *testing.T) {
	p := newPath(100e6)
	p.jitter = 3 * time.Millisecond
	e := newEstimator(1e6, 12e6)
	p.run(e, 0, 5*time.Second, same)
	require.Greater(t, p.run(e, 5*time.Second, 60*time.Second, func(int) int { return 100e3 }), 6e6)
}

func TestFeedbackWithGapsAndWrap(t *testing.T) {
	e := newEstimator(1e6, 10e6)
	now := time.Unix(100, 0)
	for seq := uint16(65530); seq != 10; seq++ {
		e.sent(seq, now, 1000)
	}
	// Packets 65530 and 65531 arrived, 65532 to 3 are lost, 4 arrived; the rest has no report yet.
	f := &rtcp.TransportLayerCC{BaseSequenceNumber: 65530, PacketStatusCount: 11, ReferenceTime: 0xffffff,
		PacketChunks: []rtcp.PacketStatusChunk{
			&rtcp.RunLengthChunk{PacketStatusSymbol: rtcp.TypeTCCPacketReceivedSmallDelta, RunLength: 2},
			&rtcp.RunLengthChunk{PacketStatusSymbol: rtcp.TypeTCCPacketNotReceived, RunLength: 8},
			&rtcp.StatusVectorChunk{SymbolList: []uint16{rtcp.TypeTCCPacketReceivedSmallDelta, 0, 0, 0, 0, 0, 0}},
		},
		RecvDeltas: []*rtcp.RecvDelta{{Delta: 1000}, {Delta: 1000}, {Delta: 4000}},
	}
	e.feedback(now.Add(50*time.Millisecond), f)
	require.Equal(t, 3, e.received)
	require.Equal(t, 8, e.lost)
	e.feedback(now.Add(60*time.Millisecond), f)
	require.Equal(t, 3, e.received, "a report counts once")
	// The reference time wraps from 0xffffff to 0.
	before := e.reference(0xffffff)
	require.Equal(t, 64*time.Millisecond, e.reference(0)-before)
	// A report that promises more deltas than it holds is taken as far as it goes.
	f.BaseSequenceNumber, f.RecvDeltas = 5, nil
	e.feedback(now.Add(70*time.Millisecond), f)
	require.Equal(t, 3, e.received)
}

func TestBoundsOfTheEstimateMove(t *testing.T) {
	e := newEstimator(1e6, 4e6)
	e.setBounds(2e6, 16e6)
	require.InDelta(t, 16e6, e.target, 1, "nothing spoke against it")
	p := newPath(6e6)
	mean := p.run(e, 0, 10*time.Second, same)
	require.Less(t, mean, 8e6)
	e.setBounds(2e6, 20e6)
	require.Less(t, e.target, 8e6, "the path has refused more")
	e.setBounds(1e6, 3e6)
	require.LessOrEqual(t, p.run(e, 10*time.Second, time.Second, same), 3e6)
}
