package embedded

import (
	"sync"
	"time"

	"github.com/livekit/server-sdk-go/v2/pkg/synchronizer"

	"github.com/hindsight-app/hindsight/capture/media"
)

// clock turns RTP times of the two tracks into moments of this machine's wall clock, the moments of capture.
//
// Sender reports tie both tracks to the publisher's wall clock (RFC 3550, 6.4.1), so what was captured at one moment
// gets one time on it. How far that clock is off from ours is seen when reports arrive, less the time they travelled:
// the smaller value of the two tracks is taken for both, so that it never parts them.
type clock struct {
	mu           sync.Mutex
	video, sound line
}

// line is the clock of one track.
type line struct {
	rate    int64 // Hz
	reports int
	newest  struct {
		rtp uint32
		ntp time.Time
	}
	fit *synchronizer.NtpEstimator

	// earliest is the least difference of arrival and RTP time since the epoch, for publishers that send no reports.
	earliest time.Duration
	arrived  bool
}

func newClock() *clock {
	return &clock{video: newLine(videoRate), sound: newLine(soundRate)}
}

func newLine(rate int64) line {
	return line{rate: rate, fit: synchronizer.NewNtpEstimator(uint32(rate))}
}

const (
	// maxLead is how much later than it arrived a unit may be dated: nothing is captured after it came, but the first
	// unit of all may have come late.
	maxLead = 5 * time.Second
	// maxLag is how much earlier: what was in flight while the network stood still.
	maxLag = 30 * time.Second
)

// plausible reports whether what came at a moment may have been captured at another, both of this machine's clock.
func plausible(captured, arrived time.Time) bool {
	lead := captured.Sub(arrived)
	return lead <= maxLead && lead >= -maxLag
}

// ntpEpoch is the number of seconds from the NTP epoch (1900) to the Unix epoch (RFC 5905, figure 4).
const ntpEpoch = 2208988800

func fromNTP(v uint64) time.Time {
	return time.Unix(int64(v>>32)-ntpEpoch, int64((v&0xffffffff)*uint64(time.Second)>>32))
}

// report takes a sender report of a track of this clock.
func (c *clock) report(l *line, ntp uint64, rtp uint32, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l.fit.OnSenderReport(ntp, rtp, at) == synchronizer.SRDuplicate {
		return
	}
	l.reports++
	l.newest.rtp, l.newest.ntp = rtp, fromNTP(ntp)
}

// arrival takes the moment at which a unit came.
func (c *clock) arrival(l *line, rtp int64, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v := time.Duration(at.UnixNano()) - media.FromTicks(rtp, l.rate)
	if !l.arrived || v < l.earliest {
		l.arrived, l.earliest = true, v
	}
}

// jumped resets the clock of a track whose timestamps have jumped; the next reports set it again.
func (c *clock) jumped(l *line) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*l = newLine(l.rate)
}

// known reports whether a track's sender has reported.
func (c *clock) known(l *line) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return l.reports > 0
}

// when is the moment of an RTP time, of a unit that came at arrived. What the publisher's clock says is taken as far as
// that is plausible, else the arrival.
func (c *clock) when(l *line, rtp int64, arrived time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.reported(l, rtp); plausible(t, arrived) {
		return t
	}
	return arrived
}

func (c *clock) reported(l *line, rtp int64) time.Time {
	if l.reports == 0 {
		return time.Unix(0, int64(l.earliest+media.FromTicks(rtp, l.rate)))
	}
	if t, err := l.fit.RtpToNtp(uint32(rtp)); err == nil {
		return t.Add(c.shift())
	}
	since := int64(int32(uint32(rtp) - l.newest.rtp))
	return l.newest.ntp.Add(media.FromTicks(since, l.rate) + c.shift())
}

// shift is how far our clock is ahead of the publisher's, and the time a report travels at least.
func (c *clock) shift() time.Duration {
	v, s := c.video.fit.EstimatedOWD(), c.sound.fit.EstimatedOWD()
	switch {
	case c.video.reports == 0:
		return s
	case c.sound.reports == 0:
		return v
	}
	return min(v, s)
}

// anchor ties one RTP time to a moment. From there on time goes as the RTP clock does, until the next anchor.
type anchor struct {
	rtp int64
	at  time.Time
}

const (
	// steady is how far the clock may be from an anchor's line before it is followed.
	steady = time.Millisecond
	// slew is the part of the elapsed time by which it is followed, one in 200.
	slew = 200
)

// follow is the anchor at rtp: where the line from a leads, bent a little towards the target.
func (a anchor) follow(rtp, rate int64, target time.Time) anchor {
	elapsed := media.FromTicks(rtp-a.rtp, rate)
	at := a.at.Add(elapsed)
	if off := target.Sub(at); off.Abs() > steady {
		at = at.Add(max(-elapsed/slew, min(elapsed/slew, off)))
	}
	return anchor{rtp, at}
}

// between is the moment of an RTP time on the line from a to b.
func (a anchor) between(b anchor, rtp int64) time.Time {
	if b.rtp == a.rtp {
		return a.at
	}
	part := float64(rtp-a.rtp) / float64(b.rtp-a.rtp)
	return a.at.Add(time.Duration(part * float64(b.at.Sub(a.at))))
}
