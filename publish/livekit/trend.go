package livekit

import (
	"math"
	"time"
)

// Constants of the delay detector, from draft-ietf-rmcat-gcc-02, section 5, and libwebrtc's trendline estimator.
const (
	trendWindow    = 20                   // packet groups in a line
	trendSmoothing = 0.9                  // weight of the past in the smoothed delay
	trendGain      = 4.0                  // slope to comparable milliseconds
	trendCounts    = 60                   // groups after which the slope counts fully
	groupLength    = 5 * time.Millisecond // packets sent within this are one group
	burstLength    = 100 * time.Millisecond
	overuseTime    = 10 * time.Millisecond // how long a rising delay must last
	thresholdStart = 12.5
	thresholdMin   = 6.0
	thresholdMax   = 600.0
	thresholdUp    = 0.0087
	thresholdDown  = 0.039
	thresholdSkip  = 15.0 // an outlier further above than this does not move the threshold
)

// usage is what the delay says about the path.
type usage int

const (
	usageNormal usage = iota
	usageOver         // a queue is growing
	usageUnder        // a queue is draining
)

type packetGroup struct {
	firstSent, lastSent, lastArrival time.Duration
	count                            int
}

// trend finds growing queues on the path from how the spacing of packets changes between sending and arrival. It is
// stepped packet by packet and has no clock of its own.
type trend struct {
	current, previous packetGroup
	accumulated       float64 // ms
	smoothed          float64 // ms
	points            [][2]float64
	groups            int
	threshold         float64
	lastTrend         float64
	overusing         time.Duration
	overCount         int
	state             usage
}

func newTrend() *trend { return &trend{threshold: thresholdStart} }

// arrived takes the next acknowledged packet: when it was sent and when it arrived, each on its own clock.
func (t *trend) arrived(sent, arrival time.Duration) {
	switch {
	case t.current.count == 0:
		t.current = packetGroup{firstSent: sent, lastSent: sent, lastArrival: arrival, count: 1}
		return
	case sent < t.current.firstSent: // reordered
		return
	case t.sameGroup(sent, arrival):
		t.current.lastSent = max(t.current.lastSent, sent)
		t.current.lastArrival = max(t.current.lastArrival, arrival)
		t.current.count++
		return
	}
	if t.previous.count > 0 {
		t.step(t.current.lastSent-t.previous.lastSent, t.current.lastArrival-t.previous.lastArrival, t.current.lastArrival)
	}
	t.previous = t.current
	t.current = packetGroup{firstSent: sent, lastSent: sent, lastArrival: arrival, count: 1}
}

// sameGroup joins what was sent together, and what a burst on the path delivered together.
func (t *trend) sameGroup(sent, arrival time.Duration) bool {
	if sent-t.current.firstSent <= groupLength {
		return true
	}
	gap := arrival - t.current.lastArrival
	return gap < groupLength && gap < sent-t.current.lastSent && sent-t.current.firstSent < burstLength
}

func (t *trend) step(sentDelta, arrivalDelta, arrival time.Duration) {
	if sentDelta > time.Second || arrivalDelta > 3*time.Second {
		threshold := t.threshold // after a pause the past says nothing
		*t = trend{threshold: threshold, current: t.current}
		return
	}
	t.groups = min(t.groups+1, 1000)
	t.accumulated += milliseconds(arrivalDelta - sentDelta)
	t.smoothed = trendSmoothing*t.smoothed + (1-trendSmoothing)*t.accumulated
	t.points = append(t.points, [2]float64{milliseconds(arrival), t.smoothed})
	if len(t.points) > trendWindow {
		t.points = t.points[1:]
	}
	if len(t.points) < trendWindow {
		return
	}
	t.detect(float64(min(t.groups, trendCounts))*slope(t.points)*trendGain, sentDelta)
}

func (t *trend) detect(value float64, sentDelta time.Duration) {
	switch {
	case value > t.threshold:
		t.overusing += sentDelta
		t.overCount++
		if t.overusing > overuseTime && t.overCount > 1 && value >= t.lastTrend {
			t.overusing, t.overCount = 0, 0
			t.state = usageOver
		}
	case value < -t.threshold:
		t.overusing, t.overCount, t.state = 0, 0, usageUnder
	default:
		t.overusing, t.overCount, t.state = 0, 0, usageNormal
	}
	t.lastTrend = value
	if math.Abs(value) > t.threshold+thresholdSkip {
		return
	}
	k := thresholdUp
	if math.Abs(value) < t.threshold {
		k = thresholdDown
	}
	t.threshold += k * (math.Abs(value) - t.threshold) * math.Min(milliseconds(sentDelta), 100)
	t.threshold = math.Min(math.Max(t.threshold, thresholdMin), thresholdMax)
}

// slope is the least-squares slope of y over x.
func slope(points [][2]float64) float64 {
	var mx, my float64
	for _, p := range points {
		mx += p[0]
		my += p[1]
	}
	n := float64(len(points))
	mx, my = mx/n, my/n
	var num, den float64
	for _, p := range points {
		num += (p[0] - mx) * (p[1] - my)
		den += (p[0] - mx) * (p[0] - mx)
	}
	if den == 0 {
		return 0
	}
	return num / den
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
