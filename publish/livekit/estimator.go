package livekit

import (
	"time"

	"github.com/pion/rtcp"
)

const (
	// historySize is how many sent packets are remembered, a power of two: almost 2 s at 40 Mb/s.
	historySize = 1 << 13
	// ackWindow is the time over which the delivered rate is measured.
	ackWindow = 500 * time.Millisecond
	// decreaseFactor and increasePerSecond are beta and eta of draft-ietf-rmcat-gcc-02, section 5.5.
	decreaseFactor    = 0.85
	increasePerSecond = 0.08
	// lossLow and lossHigh bound the loss that neither raises nor lowers the rate (section 6).
	lossLow, lossHigh = 0.02, 0.10
	// lossWindow and lossPackets are what a loss ratio must span to count, lossWeight is that of the newest: of 50
	// packets on a path that loses 5 %, more than 10 % are lost each few seconds by mere chance.
	lossWindow  = 200 * time.Millisecond
	lossPackets = 50
	lossWeight  = 0.25
	// A loss that stays is taken for the path's own, as of a radio link, up to lossOwn: lossLow counts from there.
	// ownTime is how long that takes to be learned.
	lossOwn = lossHigh / 2
	ownTime = 5 * time.Second
	// holdAfterDecrease lets a decrease show its effect before the next.
	holdAfterDecrease = 300 * time.Millisecond
	// burstFactor is how much faster than the guess a burst, such as a keyframe, may leave. libwebrtc takes 2.5, with
	// which each keyframe fills a slow path's queue; roomyFactor is for paths that are not slow.
	burstFactor, roomyFactor = 1.5, 2.5
	// A path has room for such bursts once the guess has stayed at its maximum for roomyAfter, of which only what is in
	// use counts. Each time that the guess then falls, that is to last twice as long, up to roomyAtMost.
	roomyAfter, roomyAtMost = 5 * time.Second, 10 * time.Minute
)

// estimator guesses the bandwidth of the path from transport-wide feedback, after Google Congestion Control
// (draft-ietf-rmcat-gcc-02), with two differences. While little is sent (a still screen), a sign of congestion lowers
// the guess by a step, not to the little that is being delivered, and silence does not raise it. And a loss that is
// there at any rate, up to lossOwn, does not keep the guess from rising. It starts at its maximum, for that is what the
// user asked for, and never leaves its bounds. Callers lock around it.
type estimator struct {
	minimum  float64 // bit/s
	maximum  float64
	target   float64
	history  [historySize]sentPacket
	start    time.Time
	trend    *trend
	acked    []ackedPacket // within ackWindow, oldest first
	ackedSum int
	lost     int
	received int
	lossFrom time.Time
	lossHold bool
	lastStep time.Time
	lastCut  time.Time
	highest  time.Duration // how long the guess has been the maximum while the path was in use
	proof    time.Duration // how long that has to be for a path to be roomy
	lastRef  uint32
	refs     int64 // unwrapped reference time, in 64 ms

	leaving    []leftAt // within ackWindow, oldest first
	leavingSum int
	lossRatio  float64 // smoothed
	ownLoss    float64 // of it, what the path loses at any rate
	// What the last report said: each packet's fate, and how long ago the newest that arrived had left.
	outcomes  []outcome
	roundTrip time.Duration
}

// outcome is what a report said of a packet.
type outcome struct {
	seq uint16
	got bool
}

type leftAt struct {
	at   time.Time
	size int
}

type sentPacket struct {
	at   time.Time
	size int // bytes
	seq  uint16
	open bool // neither acknowledged nor reported lost
}

type ackedPacket struct {
	arrival time.Duration
	size    int
}

// newEstimator takes the bounds in bit/s.
func newEstimator(minimum, maximum int) *estimator {
	return &estimator{minimum: float64(minimum), maximum: float64(maximum), target: float64(maximum), trend: newTrend(),
		proof: roomyAfter}
}

// setBounds changes the bounds. What the path has not been seen to refuse, a wider bound allows at once.
func (e *estimator) setBounds(minimum, maximum int) {
	if float64(maximum) > e.maximum {
		e.highest = 0
	}
	if e.target == e.maximum {
		e.target = float64(maximum)
	}
	e.minimum, e.maximum = float64(minimum), float64(maximum)
	e.target = min(max(e.target, e.minimum), e.maximum)
}

// raise lifts the guess to a rate that is worth a try.
func (e *estimator) raise(bitsPerSecond float64) {
	e.target = min(max(e.target, bitsPerSecond), e.maximum)
}

// sent remembers a packet of size bytes.
func (e *estimator) sent(seq uint16, now time.Time, size int) {
	if e.start.IsZero() {
		e.start, e.lastStep, e.lossFrom = now, now, now
	}
	e.history[seq%historySize] = sentPacket{at: now, size: size, seq: seq, open: true}
	e.leaving = append(e.leaving, leftAt{now, size})
	e.leavingSum += size
	e.forget(now)
}

// forget drops what left before ackWindow.
func (e *estimator) forget(now time.Time) {
	for len(e.leaving) > 0 && now.Sub(e.leaving[0].at) > ackWindow {
		e.leavingSum -= e.leaving[0].size
		e.leaving = e.leaving[1:]
	}
}

// sending is the rate that left over the last ackWindow, in bit/s.
func (e *estimator) sending() float64 { return float64(e.leavingSum*8) / ackWindow.Seconds() }

// feedback takes a report and returns the estimate in bit/s.
func (e *estimator) feedback(now time.Time, f *rtcp.TransportLayerCC) int {
	e.outcomes, e.roundTrip = e.outcomes[:0], 0
	arrival := e.reference(f.ReferenceTime)
	seq, deltas := f.BaseSequenceNumber, f.RecvDeltas
	for _, symbol := range symbols(f) {
		got := symbol == rtcp.TypeTCCPacketReceivedSmallDelta || symbol == rtcp.TypeTCCPacketReceivedLargeDelta
		if got {
			if len(deltas) == 0 {
				break // the report is cut short
			}
			arrival += time.Duration(deltas[0].Delta) * time.Microsecond
			deltas = deltas[1:]
		}
		e.result(seq, got, arrival)
		e.outcomes = append(e.outcomes, outcome{seq, got})
		if p := &e.history[seq%historySize]; got && p.seq == seq {
			e.roundTrip = now.Sub(p.at)
		}
		seq++
	}
	e.step(now)
	return int(e.target)
}

// reference unwraps the 24-bit time of a report, in units of 64 ms.
func (e *estimator) reference(ref uint32) time.Duration {
	diff := int32((ref-e.lastRef)<<8) >> 8
	e.lastRef = ref
	e.refs += int64(diff)
	return time.Duration(e.refs) * 64 * time.Millisecond
}

func (e *estimator) result(seq uint16, got bool, arrival time.Duration) {
	p := &e.history[seq%historySize]
	if p.seq != seq || !p.open {
		return
	}
	p.open = false
	if !got {
		e.lost++
		return
	}
	e.received++
	e.acked = append(e.acked, ackedPacket{arrival, p.size})
	e.ackedSum += p.size
	for len(e.acked) > 1 && arrival-e.acked[0].arrival > ackWindow {
		e.ackedSum -= e.acked[0].size
		e.acked = e.acked[1:]
	}
	e.trend.arrived(p.at.Sub(e.start), arrival)
}

// delivered is the rate that arrived over the last ackWindow, in bit/s.
func (e *estimator) delivered() float64 { return float64(e.ackedSum*8) / ackWindow.Seconds() }

// carried is what the path was seen to carry: the rate of the last ackWindow or of its second half. When a path becomes
// longer all at once, nothing arrives for a moment, which says nothing about its rate.
func (e *estimator) carried() float64 {
	sum := 0
	for i := len(e.acked) - 1; i >= 0; i-- {
		if e.acked[len(e.acked)-1].arrival-e.acked[i].arrival > ackWindow/2 {
			break
		}
		sum += e.acked[i].size
	}
	return max(float64(sum*8)/(ackWindow/2).Seconds(), e.delivered())
}

func (e *estimator) step(now time.Time) {
	elapsed := min(now.Sub(e.lastStep), time.Second)
	e.lastStep = now
	e.forget(now)
	delivered := e.delivered()
	idle := max(delivered, e.sending()) < e.target/2
	mayCut := now.Sub(e.lastCut) > holdAfterDecrease
	loss, measured := e.loss(now)
	switch {
	case measured && loss > lossHigh && mayCut:
		e.cut(now, e.target*(1-loss/2))
	case e.trend.state == usageOver && mayCut && idle:
		e.cut(now, e.target*decreaseFactor)
	case e.trend.state == usageOver && mayCut:
		e.cut(now, min(e.target, e.carried()*decreaseFactor))
	case e.trend.state == usageNormal && !idle && !e.lossHold && mayCut:
		e.target += e.target * increasePerSecond * elapsed.Seconds()
	}
	e.target = min(max(e.target, e.minimum), e.maximum)
	switch {
	case e.target < e.maximum:
		e.highest = 0
	case !idle:
		e.highest += elapsed
	}
}

// roomy reports whether the path may get bursts at roomyFactor.
func (e *estimator) roomy() bool { return e.highest > e.proof }

// burst is the rate at which a burst may leave, in bit/s.
func (e *estimator) burst() int {
	if e.roomy() {
		return int(roomyFactor * e.target)
	}
	return int(burstFactor * e.target)
}

func (e *estimator) cut(now time.Time, target float64) {
	if e.roomy() && target < e.target {
		e.proof = min(2*e.proof, roomyAtMost)
	}
	e.target, e.lastCut = target, now
	e.trend.state = usageNormal
}

// loss returns the smoothed ratio of lost packets once more are known.
func (e *estimator) loss(now time.Time) (ratio float64, measured bool) {
	total := e.lost + e.received
	if total < lossPackets || now.Sub(e.lossFrom) < lossWindow {
		return 0, false
	}
	e.lossRatio += lossWeight * (float64(e.lost)/float64(total) - e.lossRatio)
	learned := min(now.Sub(e.lossFrom).Seconds()/ownTime.Seconds(), 1)
	e.ownLoss = min(e.lossRatio, e.ownLoss+learned*max(e.lossRatio-e.ownLoss, 0), lossOwn)
	e.lost, e.received, e.lossFrom = 0, 0, now
	e.lossHold = e.lossRatio-e.ownLoss > lossLow
	return e.lossRatio, true
}

// symbols lists the status of each packet of a report.
func symbols(f *rtcp.TransportLayerCC) []uint16 {
	out := make([]uint16, 0, f.PacketStatusCount)
	for _, chunk := range f.PacketChunks {
		switch c := chunk.(type) {
		case *rtcp.RunLengthChunk:
			for range c.RunLength {
				out = append(out, c.PacketStatusSymbol)
			}
		case *rtcp.StatusVectorChunk:
			out = append(out, c.SymbolList...)
		}
	}
	return out[:min(len(out), int(f.PacketStatusCount))]
}
