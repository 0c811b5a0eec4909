package livekit

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtp"

	"github.com/hindsight-app/hindsight/capture/media"
)

const (
	// paceTick is how often queued video is sent on.
	paceTick = 5 * time.Millisecond
	// paceMaxDelay is how long a packet should wait at most; a longer queue leaves faster.
	paceMaxDelay = 250 * time.Millisecond
	// paceLimit is how long the first packet of the queue has waited when more are refused. At the rates above it never
	// waits that long; it does where the connection itself holds up the sender, as TURN over TCP may.
	paceLimit = 2 * time.Second
	// packetOverhead is what IPv4, UDP and SRTP add to an RTP payload and header, in bytes.
	packetOverhead = 20 + 8 + 16
)

// ErrSlow says that a packet was not sent because those before it do not leave.
var ErrSlow = errors.New("the network takes less than is sent")

// pacer spreads the packets of large frames over time, so that a keyframe does not overflow a queue on the way. Sound
// does not pass through it. It has one goroutine, which ends with close.
type pacer struct {
	mu     sync.Mutex
	rate   int           // bit/s at which a burst may leave
	urgent []pacedPacket // leave before the queue
	queue  []pacedPacket
	queued int // bytes of both
	debt   int // bytes sent beyond the budget
	wake   chan struct{}
	quit   chan struct{}
	done   chan struct{}
	once   sync.Once
}

type pacedPacket struct {
	since   time.Time // in the queue
	header  rtp.Header
	payload []byte
	send    interceptor.RTPWriter
}

func (p pacedPacket) size() int { return p.header.MarshalSize() + len(p.payload) + packetOverhead }

func newPacer(bitsPerSecond int) *pacer {
	p := &pacer{rate: bitsPerSecond, wake: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{})}
	go p.run()
	return p
}

func (p *pacer) setRate(bitsPerSecond int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rate = bitsPerSecond
}

// add queues a packet, or returns ErrSlow. The header and payload are copied: the caller uses them again.
func (p *pacer) add(now time.Time, h *rtp.Header, payload []byte, send interceptor.RTPWriter) error {
	p.mu.Lock()
	if len(p.queue) > 0 && now.Sub(p.queue[0].since) > paceLimit {
		p.mu.Unlock()
		return ErrSlow
	}
	item := pacedPacket{since: now, header: h.Clone(), payload: slices.Clone(payload), send: send}
	p.queue = append(p.queue, item)
	p.queued += item.size()
	p.mu.Unlock()
	media.Poke(p.wake)
	return nil
}

// first queues a packet before those that add queued. It owns the header and payload from then on.
func (p *pacer) first(now time.Time, h *rtp.Header, payload []byte, send interceptor.RTPWriter) {
	item := pacedPacket{since: now, header: *h, payload: payload, send: send}
	p.mu.Lock()
	p.urgent = append(p.urgent, item)
	p.queued += item.size()
	p.mu.Unlock()
	media.Poke(p.wake)
}

// take removes what may leave now, elapsed after the last time, and says whether the queue is empty. At least one
// packet leaves whenever the debt is paid.
func (p *pacer) take(elapsed time.Duration) (out []pacedPacket, empty bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	rate := max(p.rate, int(float64(p.queued*8)/paceMaxDelay.Seconds()))
	budget := int(elapsed.Seconds()*float64(rate)/8) - p.debt
	for _, queue := range []*[]pacedPacket{&p.urgent, &p.queue} {
		n := 0
		for n < len(*queue) && budget > 0 {
			budget -= (*queue)[n].size()
			p.queued -= (*queue)[n].size()
			n++
		}
		out = append(out, (*queue)[:n]...)
		*queue = append((*queue)[:0], (*queue)[n:]...)
	}
	empty = len(p.urgent)+len(p.queue) == 0
	p.debt = max(-budget, 0)
	return out, empty
}

func (p *pacer) run() {
	defer close(p.done)
	last := time.Now()
	for {
		select {
		case <-p.wake:
		case <-p.quit:
			return
		}
		for empty := false; !empty; {
			now := time.Now()
			var out []pacedPacket
			// After a pause one tick's worth leaves at once, not the whole pause's.
			out, empty = p.take(min(max(now.Sub(last), paceTick), 4*paceTick))
			last = now
			for i := range out {
				// What cannot be sent is lost like any packet of a network; the receiver asks again.
				_, _ = out[i].send.Write(&out[i].header, out[i].payload, interceptor.Attributes{})
			}
			if empty {
				break
			}
			select {
			case <-time.After(paceTick):
			case <-p.quit:
				return
			}
		}
	}
}

// close drops what is queued and waits for the goroutine. It may be called twice.
func (p *pacer) close() {
	p.once.Do(func() { close(p.quit) })
	<-p.done
}
