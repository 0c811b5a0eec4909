package stack

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"
)

const (
	toneRate  = 48000 // Hz
	toneBlock = 480   // samples, 10 ms
	// toneUnderWay is how much sound is buffered before the sink: enough for a busy moment.
	toneUnderWay = 250 * time.Millisecond
	// toneMemory is how many blocks the alignment looks back: one second.
	toneMemory = 100
)

// tone plays one stream of the pattern on one sink.
type tone struct {
	player *player
	hz     float64
	clicks bool
}

// Player is a program that plays a steady tone of ToneLevel.
type Player struct {
	cancel context.CancelFunc
	done   chan struct{}
	once   sync.Once
}

// Play begins to play on a sink as a program of that name, until Close or the end of the sink.
func Play(server, name, sink string, hz float64) (*Player, error) {
	p, err := openPlayer(server, name, sink, toneUnderWay)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	player := &Player{cancel: cancel, done: make(chan struct{})}
	t := &tone{player: p, hz: hz}
	go func() {
		defer close(player.done)
		_ = t.play(ctx) // a sink that goes away ends it
		t.close()
	}()
	return player, nil
}

// Close ends the program and waits. It may be called twice.
func (p *Player) Close() {
	p.once.Do(func() {
		p.cancel()
		<-p.done
	})
}

func newTone(server, sink string, hz float64, clicks bool) (*tone, error) {
	p, err := openPlayer(server, "pattern", sink, toneUnderWay)
	if err != nil {
		return nil, err
	}
	return &tone{player: p, hz: hz, clicks: clicks}, nil
}

// play writes until the context ends. The steady tone counts samples, so that it has no jumps; a click goes to the
// sample that will be played at the moment of the event.
func (t *tone) play(ctx context.Context) error {
	var line timeline
	block := make([]float32, toneBlock)
	clickAt := int64(math.MinInt32)
	for n := int64(0); ctx.Err() == nil; n += toneBlock {
		delay, err := t.player.delay()
		if err != nil {
			return err
		}
		from := line.at(n, monotonic()+delay)
		event := eventAfter(from)
		if offset := int64((event - from) * toneRate / time.Second); t.clicks && line.settled() && offset < toneBlock {
			clickAt = n + offset
		}
		for i := range block {
			block[i] = t.sample(n+int64(i), clickAt)
		}
		if err := t.player.write(block); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// sample is the nth sample of the stream, with a click that began at the sample clickAt.
func (t *tone) sample(n, clickAt int64) float32 {
	v := ToneLevel * math.Sin(2*math.Pi*math.Mod(t.hz*float64(n)/toneRate, 1))
	if since := n - clickAt; since >= 0 && since < int64(clickLength*toneRate/time.Second) {
		v += ClickLevel * math.Sin(2*math.Pi*ClickHz*float64(since)/toneRate)
	}
	return float32(v)
}

func (t *tone) close() { t.player.close() }

// timeline says when a sample is played: the median of what the sound server reported about the last second, for a
// single report is off by some milliseconds. An underrun shifts everything after it, so it begins again when the
// reports have left the median for good.
type timeline struct {
	zeros []time.Duration // when sample 0 would have been played, the latest last
	seen  int             // reports so far
}

// at takes the server's report for the nth sample and returns the better estimate.
func (l *timeline) at(n int64, heard time.Duration) time.Duration {
	since := time.Duration(n) * time.Second / toneRate
	l.seen++
	l.zeros = append(l.zeros, heard-since)
	if len(l.zeros) > toneMemory {
		l.zeros = l.zeros[1:]
	}
	const few, far = 8, 8 * time.Millisecond
	zero := median(l.zeros)
	if len(l.zeros) > few {
		if recent := l.zeros[len(l.zeros)-few:]; (median(recent) - zero).Abs() > far {
			l.zeros = slices.Clone(recent)
			zero = median(l.zeros)
		}
	}
	return zero + since
}

// settled says whether the stream has left behind its start, when the server's reports are about a buffer that is still
// being filled.
func (l *timeline) settled() bool { return l.seen >= 2*toneMemory }

func median(v []time.Duration) time.Duration {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}
