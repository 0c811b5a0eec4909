// Package play shows clips and plays them: frames as images, exact to the frame, and sound on the default device.
//
// A Clip is what is in a file; a Player plays one. What is decoded when, and which frame is shown at which time,
// follows the file's own tables; GStreamer decodes, and plays the sound on the system's clock, on which the frames are
// shown as well. A Player owns a goroutine, and one more while it plays with sound; Close ends both and waits.
package play

import (
	"context"
	"errors"
	"image"
	"slices"
	"sync"
	"time"

	"github.com/hindsight-app/hindsight/capture/clock"
	"github.com/hindsight-app/hindsight/capture/media"
)

// Options are how a player shows and plays.
type Options struct {
	// Width and Height bound the frames in pixels; they keep their shape and never become larger than they are.
	Width, Height int
	// Server is the address of a sound server; empty is the default one.
	Server string
	// Silent plays no sound.
	Silent bool
	// Frame is called with each frame that is to be shown, and Changed when Playing or Trouble may have changed; both on
	// the player's goroutine, which they must not hold up for long. They must not call Close.
	Frame   func(Frame)
	Changed func()
}

// Frame is what is on the screen from At on.
type Frame struct {
	Image  image.Image
	At     time.Duration
	Number int
}

// Player plays a clip. Its methods may be called from any goroutine, and return at once but for Close.
type Player struct {
	clip    *Clip
	options Options
	cancel  context.CancelFunc
	done    chan struct{}
	poke    chan struct{}

	mu      sync.Mutex
	at      time.Duration // of the frame that is to be shown while it stands
	playing *span
	stale   bool // the frame at at has not been shown
	volumes []float64
	trouble error
}

// span is what is played.
type span struct {
	from, to time.Duration
	// begun is when it begins on the system's clock; 0 before it is known.
	begun time.Duration
}

// New makes a player that stands at the clip's begin and shows its first frame. The clip stays the caller's. Close it.
func New(c *Clip, o Options) *Player {
	ctx, cancel := context.WithCancel(context.Background())
	p := &Player{clip: c, options: o, cancel: cancel, done: make(chan struct{}), poke: make(chan struct{}, 1), stale: true}
	go p.run(ctx)
	return p
}

// Close ends the player and waits. It may be called twice.
func (p *Player) Close() {
	p.cancel()
	<-p.done
}

// Seek stops playing and shows the frame at a moment. Of several calls in a row only the last one may be seen to.
func (p *Player) Seek(at time.Duration) {
	p.mu.Lock()
	p.at, p.playing, p.stale = min(max(at, 0), p.clip.Length()), nil, true
	p.mu.Unlock()
	media.Poke(p.poke)
}

// Play plays from one moment to another, and stands still at the last frame before that then.
func (p *Player) Play(from, to time.Duration) {
	to = min(to, p.clip.Length())
	p.mu.Lock()
	p.playing, p.trouble = &span{from: min(max(from, 0), to), to: to}, nil
	p.mu.Unlock()
	media.Poke(p.poke)
}

// Pause stops playing at the frame that is shown.
func (p *Player) Pause() { p.Seek(p.Position()) }

// Playing says whether it plays.
func (p *Player) Playing() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.playing != nil
}

// Position is the moment of the clip that is shown and heard now.
func (p *Player) Position() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.playing
	switch {
	case s == nil:
		return p.at
	case s.begun == 0:
		return s.from
	}
	return min(max(s.from+clock.Now()-s.begun, s.from), s.to)
}

// SetVolumes sets what clip.TrimRequest calls Volumes, which is heard at once.
func (p *Player) SetVolumes(volumes []float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.volumes = slices.Clone(volumes)
}

// Trouble is why the clip cannot be shown, or not be heard; nil where it can. The error is a message.
func (p *Player) Trouble() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.trouble
}

// gains are the factors of all tracks of sound: the first is heard alone unless a volume is changed, which makes it the
// sum of the others, as in clip.Trim.
func (p *Player) gains() []float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]float64, len(p.clip.sounds))
	changed := slices.ContainsFunc(p.volumes, func(v float64) bool { return v != 1 })
	adjustable := 0
	for i, s := range p.clip.Sounds() {
		volume := 1.0
		if s.Adjustable && adjustable < len(p.volumes) {
			volume = p.volumes[adjustable]
		}
		if s.Adjustable {
			adjustable++
		}
		if s.Adjustable && changed || i == 0 && !changed {
			out[i] = volume
		}
	}
	return out
}

func (p *Player) fail(err error) {
	p.mu.Lock()
	p.trouble = err
	p.mu.Unlock()
	p.changed()
}

func (p *Player) changed() {
	if p.options.Changed != nil {
		p.options.Changed()
	}
}

func (p *Player) run(ctx context.Context) {
	defer close(p.done)
	width, height := p.clip.fit(p.options.Width, p.options.Height)
	s := &screen{player: p, reader: reader{clip: p.clip, width: width, height: height}}
	defer s.reader.close()
	for ctx.Err() == nil {
		p.mu.Lock()
		playing, at, stale := p.playing, p.at, p.stale
		p.stale = false
		p.mu.Unlock()
		var err error
		switch {
		case playing != nil:
			err = s.play(ctx, playing)
		case stale:
			err = s.show(ctx, at)
		default:
			select {
			case <-ctx.Done():
			case <-p.poke:
			}
		}
		if err != nil && ctx.Err() == nil {
			p.fail(err)
			p.stop(playing, at)
		}
	}
}

// stop ends playing where nobody has wished for anything else since.
func (p *Player) stop(playing *span, at time.Duration) {
	p.mu.Lock()
	if p.playing == playing {
		p.playing, p.at = nil, at
	}
	p.mu.Unlock()
	p.changed()
}

// wanted says whether a span is still what is to be played.
func (p *Player) wanted(s *span) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.playing == s
}

// mostKept bounds the frames that are kept for steps back, in bytes.
const mostKept = 48 << 20

// screen decodes what is shown. It belongs to the player's goroutine.
type screen struct {
	player *Player
	reader reader
	kept   []keptFrame // the newest last
}

type keptFrame struct {
	pts   time.Duration
	image *image.RGBA
}

// keep remembers a frame that was decoded.
func (s *screen) keep(img *image.RGBA, pts time.Duration) {
	s.kept = slices.DeleteFunc(s.kept, func(k keptFrame) bool { return (k.pts - pts).Abs() < near })
	if most := max(mostKept/max(len(img.Pix), 1), 2); len(s.kept) >= most {
		s.kept = slices.Delete(s.kept, 0, len(s.kept)-most+1)
	}
	s.kept = append(s.kept, keptFrame{pts, img})
}

// show shows the frame at a moment.
func (s *screen) show(ctx context.Context, at time.Duration) error {
	c := s.player.clip
	n := c.FrameAt(at)
	pts := c.shown[n]
	for _, k := range s.kept {
		if (k.pts - pts).Abs() < near {
			s.give(k.image, n)
			return nil
		}
	}
	img, err := s.reader.at(ctx, pts, s.keep)
	if err != nil {
		return err
	}
	s.keep(img, pts)
	s.give(img, n)
	return nil
}

func (s *screen) give(img *image.RGBA, n int) {
	if s.player.options.Frame != nil {
		s.player.options.Frame(Frame{Image: img, At: s.player.clip.At(n), Number: n})
	}
}

// mostLate is how late a frame may be and still be shown, when the machine cannot keep up.
const mostLate = 100 * time.Millisecond

// play plays a span until its end or until something else is wished for.
func (s *screen) play(ctx context.Context, what *span) error {
	p, c := s.player, s.player.clip
	first := c.FrameAt(what.from)
	img, err := s.reader.at(ctx, c.shown[first], s.keep)
	if err != nil {
		return err
	}
	begun := clock.Now() + startDelay
	p.mu.Lock()
	what.begun = begun
	p.mu.Unlock()
	p.changed()
	if !p.options.Silent && len(c.sounds) > 0 {
		defer p.speak(what.from, what.to, begun).close()
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	// until waits for a moment of the clip, and says whether it is still to be played.
	until := func(at time.Duration) bool {
		for p.wanted(what) && ctx.Err() == nil {
			wait := begun + at - what.from - clock.Now()
			if wait <= 0 {
				return true
			}
			timer.Reset(wait)
			select {
			case <-ctx.Done():
			case <-p.poke:
			case <-timer.C:
			}
		}
		return false
	}
	for n := first; ; {
		if !until(c.At(n)) {
			return nil
		}
		s.keep(img, c.shown[n])
		if n == first || clock.Now()-begun+what.from-c.At(n) < mostLate {
			s.give(img, n)
		}
		if n+1 >= len(c.shown) || c.At(n+1) >= what.to {
			if until(what.to) {
				s.give(img, n)
				p.stop(what, c.At(n))
			}
			return nil
		}
		var pts time.Duration
		img, pts, err = s.reader.read(ctx)
		if errors.Is(err, errEnd) { // the last frames cannot be decoded
			p.stop(what, c.At(n))
			return nil
		}
		if err != nil {
			return err
		}
		n = max(n, c.numberOf(pts))
	}
}
