package export

import "time"

// reportEvery is how often progress is reported at most.
const reportEvery = 200 * time.Millisecond

// progress adds up how far the parts of an export are. It belongs to one goroutine.
type progress struct {
	report             func(Progress)
	began, last        time.Time
	done, share, until float64 // of the whole
	told               float64
}

func newProgress(report func(Progress)) *progress {
	return &progress{report: report, began: time.Now()}
}

// part begins one that takes a share of the whole.
func (p *progress) part(share float64) {
	p.done = p.until
	p.share = min(share, 1-p.done)
	p.until = p.done + p.share
	p.at(0)
}

// at says how far the part is.
func (p *progress) at(fraction float64) {
	now := time.Now()
	if now.Sub(p.last) < reportEvery {
		return
	}
	p.last = now
	p.told = max(p.told, p.done+p.share*min(max(fraction, 0), 1))
	p.report(Progress{Fraction: p.told, LeftSeconds: left(now.Sub(p.began), p.told)})
}

// left is how long the rest takes in seconds if it goes on as before; negative where that cannot be known yet.
func left(took time.Duration, fraction float64) float64 {
	if fraction < 0.03 || took < time.Second {
		return -1
	}
	return took.Seconds() * (1 - fraction) / fraction
}
