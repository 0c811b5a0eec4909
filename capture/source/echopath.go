package source

import (
	"math"
	"time"

	"github.com/hindsight-app/hindsight/capture/media"
)

const (
	// pathGrain is the grain of the search in sample frames (2 ms), pathWindow what is compared (4 s), pathReach the
	// latest echo that is found (400 ms), pathEvery how often it is looked for (500 ms), each in grains.
	pathGrain  = 2 * media.SampleRate / 1000
	pathWindow = 2000
	pathReach  = 200
	pathEvery  = 250
	// pathRest is how much later than its cause an echo is left, in grains: the canceller takes away best what comes 5
	// to 40 ms later. A path is changed when it is off by more than pathSlack.
	pathRest, pathSlack = 6, 4
	// pathSure is the correlation that makes a path believed: other sounds at the microphone lower it.
	pathSure = 0.35
)

// echoPath holds back what the loudspeakers play until a little before its echo is captured. It finds out how much
// later that is by comparing how loud both are from moment to moment. It has no goroutines and belongs to one.
type echoPath struct {
	near, far []float64 // loudness by grain, the newest last
	held      []int16   // what is held back
	delay     int       // by how many grains
	next      int       // grains until it is looked for again
	candidate int       // what was found the last time; -1 for nothing
}

func newEchoPath() echoPath {
	p := echoPath{candidate: -1, next: pathEvery}
	p.setDelay(int(EchoLead*media.SampleRate/time.Second)/pathGrain - pathRest)
	return p
}

// setDelay changes how much is held back.
func (p *echoPath) setDelay(grains int) {
	p.delay = grains
	if n := grains * pathGrain; n <= len(p.held) {
		p.held = p.held[len(p.held)-n:]
	} else {
		p.held = append(make([]int16, n-len(p.held)), p.held...)
	}
}

// align takes blocks of the same length and leaves in far what belongs to near.
func (p *echoPath) align(near, far []int16) {
	for i := 0; i+pathGrain <= len(near); i += pathGrain {
		p.near = append(p.near, loudness(near[i:i+pathGrain]))
		p.far = append(p.far, loudness(far[i:i+pathGrain]))
		p.next--
	}
	if over := len(p.near) - pathWindow; over > 0 {
		p.near = p.near[:copy(p.near, p.near[over:])]
		p.far = p.far[:copy(p.far, p.far[over:])]
	}
	if p.next <= 0 && len(p.near) == pathWindow {
		p.next = pathEvery
		p.look()
	}
	p.held = append(p.held, far...)
	n := copy(far, p.held)
	p.held = p.held[:copy(p.held, p.held[n:])]
}

func loudness(b []int16) float64 {
	sum := 0.0
	for _, v := range b {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum / float64(len(b)))
}

// look changes the delay when it finds the echo elsewhere, twice at the same place.
func (p *echoPath) look() {
	best, found := pathSure, -1
	near := p.near[pathReach:]
	for lag := range pathReach {
		if c := correlation(near, p.far[pathReach-lag:pathWindow-lag]); c > best {
			best, found = c, lag
		}
	}
	before := p.candidate
	p.candidate = found
	want := max(found-pathRest, 0)
	if found < 0 || before < 0 || distance(found, before) > 1 || distance(want, p.delay) <= pathSlack {
		return
	}
	p.setDelay(want)
}

func distance(a, b int) int { return max(a-b, b-a) }

// correlation is Pearson's coefficient; 0 where one of both hardly changes.
func correlation(a, b []float64) float64 {
	var sa, sb, aa, bb, ab float64
	for i, x := range a {
		y := b[i]
		sa, sb, aa, bb, ab = sa+x, sb+y, aa+x*x, bb+y*y, ab+x*y
	}
	n := float64(len(a))
	va, vb := aa/n-sa*sa/n/n, bb/n-sb*sb/n/n
	const steady = 1e-3 // of the square of the mean, and of one step of a sample
	if va < steady*(1+sa*sa/n/n) || vb < steady*(1+sb*sb/n/n) {
		return 0
	}
	return (ab/n - sa*sb/n/n) / math.Sqrt(va*vb)
}
