package encode

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hindsight-app/hindsight/capture/encode/h264"
	"github.com/hindsight-app/hindsight/capture/media"
)

// output makes packets of what an encoder delivers, in order with the frames that are inserted without it.
type output struct {
	encoder string
	emit    Emit
	length  time.Duration // of a frame

	pushed, pulled atomic.Int64 // into and out of the encoder
	failure        atomic.Pointer[error]

	mu       sync.Mutex // one access unit after the other
	signal   h264.Signaller
	canSkip  bool
	skips    h264.SkipInserter
	inserted []insertion
}

// insertion is a frame to be shown again once the encoder has delivered so many.
type insertion struct {
	after int64
	pts   time.Duration
}

// unit takes the encoder's next access unit.
func (o *output) unit(data []byte, pts time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	nals := media.SplitAnnexB(data)
	o.signal.All(nals)
	o.skips.Pass(nals)
	o.send(nals, pts)
	o.pulled.Add(1)
	o.insertDue()
}

func (o *output) failed(err error) {
	err = fmt.Errorf("the encoder %s stopped: %w", o.encoder, err)
	o.failure.Store(&err)
}

func (o *output) err() error {
	if e := o.failure.Load(); e != nil {
		return *e
	}
	return nil
}

// pending is how many frames are inside the encoder.
func (o *output) pending() int { return int(o.pushed.Load() - o.pulled.Load()) }

// insert shows the last frame again without the encoder, after what is still inside it. It returns false where the
// stream does not allow that.
func (o *output) insert(pts time.Duration) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.canSkip || !o.skips.Ready() {
		return false
	}
	o.inserted = append(o.inserted, insertion{o.pushed.Load(), pts})
	o.insertDue()
	return true
}

// insertDue shows what waits for frames that the encoder has delivered by now.
func (o *output) insertDue() {
	for len(o.inserted) > 0 && o.inserted[0].after <= o.pulled.Load() {
		if nals, ok := o.skips.Frame(); ok {
			o.send(nals, o.inserted[0].pts)
		}
		o.inserted = o.inserted[1:]
	}
}

func (o *output) send(nals [][]byte, pts time.Duration) {
	p := &media.Packet{Track: media.Video, PTS: pts, DTS: pts, Duration: o.length}
	for _, n := range nals {
		p.Key = p.Key || media.NALType(n) == media.NALIDR
	}
	p.Data, p.NALs = media.JoinAnnexB(nals)
	o.emit(p)
}
