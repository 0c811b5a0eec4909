package main

import (
	"context"
	"errors"
	"fmt"
	"image"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
	"github.com/hindsight-app/hindsight/publish/publishtest"
)

// codedRate is how many frames are drawn for each that may be captured. It is not one, so that the time from drawing to
// capture takes on all values, whoever captures: at 30 frames a second, all of a frame's time within two seconds.
const codedRate = 29.5 / 30

// sampledFrames is how many frames of a moving screen are compared with what was drawn.
const sampledFrames = 8

type benchShareCommand struct {
	Rounds  int    `help:"How often each program is measured." default:"3"`
	Seconds int    `help:"How long each program is measured on a moving and on a still screen, in seconds." default:"8"`
	Settle  int    `help:"How long a program shares before it is measured, in seconds: its bitrate has to find its level." default:"8"`
	Kbps    int    `help:"The most video bitrate in kb/s; 5000 is livekit-client's preset for 1080p30." default:"5000"`
	Codec   string `help:"Chromium's video codec; vp8 is livekit-client's default." enum:"vp8,h264" default:"vp8"`
	Quality string `help:"Hindsight's encoder preset." enum:"performance,balanced,quality" default:"performance"`
	Sound   bool   `help:"Measure sharing with sound: Hindsight mixes two sources, Chromium sends a microphone." default:"true" negatable:""`
	Silent  bool   `help:"Measure sharing without sound." default:"true" negatable:""`
}

// pair are two programs that share the same.
type pair struct{ ours, theirs *sharer }

// sharer is a program that shares the screen.
type sharer struct {
	name string
	// sound is whether it shares sound as well.
	sound bool
	// start returns once the program shares. The program ends with end.
	start         func(ctx context.Context, sound bool) (p *stack.Proc, end func() error, err error)
	moving, still []shared
}

// shared is what one measurement of a program found out.
type shared struct {
	// Cores is CPU time by wall time of the program and all that it started.
	Cores float64 `json:"cores"`
	// Kbps is the bitrate of the video that arrived.
	Kbps float64 `json:"kbps"`
	// DelayMS is the time from when a frame was drawn until a viewer had received all of the first frame that shows it:
	// the median, and what 95 % do not exceed. 0 on a still screen.
	DelayMS float64 `json:"delay_ms,omitempty"`
	LateMS  float64 `json:"delay_95_ms,omitempty"`
	// PSNR of the luma of what arrived, against what was drawn, in dB.
	PSNR float64 `json:"psnr_db"`
	// FPS is how many frames a second arrived that show something new; on a still screen, how many arrived.
	FPS float64 `json:"fps"`
	// Stolen is the share of the processors' time that the machine's host took away in the meantime.
	Stolen float64 `json:"stolen"`

	from, to time.Time
}

// stage is everything that runs beside the programs that capture and share.
type stage struct {
	setting
	world  *world
	dir    string
	screen *stack.CodedScreen
}

// openStage starts a desktop with its sound, a LiveKit server, and a backend that makes tokens and records nothing.
func openStage(ctx context.Context, set setting) (*stage, error) {
	dir, err := os.MkdirTemp("", "hs-bench-")
	if err != nil {
		return nil, err
	}
	s := &stage{setting: set, dir: dir,
		world: &world{opts: worldOptions{Folder: dir, Fresh: true, Say: os.Stderr, Seconds: benchReplay}}}
	if err := s.open(ctx); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// close ends everything and removes its files.
func (s *stage) close() {
	s.world.close()
	_ = os.RemoveAll(s.dir)
}

// shareBench compares programs that share.
type shareBench struct {
	*benchShareCommand
	*stage
}

// Run measures all programs in turn, round by round, on one 1080p30 desktop in one room, first while frames are drawn
// and then while they stand still.
func (b *benchShareCommand) Run(ctx context.Context) error {
	if b.Rounds < 1 || b.Seconds < 1 || b.Settle < 1 {
		return errors.New("--rounds, --seconds and --settle must be at least 1")
	}
	if !b.Sound && !b.Silent {
		return errors.New("--no-sound and --no-silent together leave nothing to measure")
	}
	on, err := openStage(ctx, setting{1920, 1080, 30, b.Kbps})
	if err != nil {
		return err
	}
	defer on.close()
	s := &shareBench{b, on}
	pairs := s.pairs()
	sharers := sharersOf(pairs)
	for round := range b.Rounds {
		for i := range sharers {
			p := sharers[(i+round)%len(sharers)] // each goes first in turn
			fmt.Fprintf(os.Stderr, "round %d of %d, %s\n", round+1, b.Rounds, p.name)
			moving, still, err := s.measure(ctx, p)
			for try := 1; errors.Is(err, errLost) && try < tries; try++ {
				fmt.Fprintf(os.Stderr, "%v; measuring again\n", err)
				moving, still, err = s.measure(ctx, p)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
			p.moving, p.still = append(p.moving, *moving), append(p.still, *still)
		}
	}
	return printShared(os.Stdout, pairs)
}

// pairs are the programs that are compared.
func (s *shareBench) pairs() (out []pair) {
	add := func(suffix string, sound bool) {
		out = append(out, pair{&sharer{name: "Hindsight" + suffix, sound: sound, start: s.share},
			&sharer{name: "Chromium" + suffix, sound: sound, start: s.startChromium}})
	}
	if s.Sound {
		add(", sound", true)
	}
	if s.Silent {
		add("", false)
	}
	return out
}

// sharersOf are the programs of all pairs, those of one beside each other.
func sharersOf(pairs []pair) (out []*sharer) {
	for _, p := range pairs {
		out = append(out, p.ours, p.theirs)
	}
	return out
}

func (s *stage) open(ctx context.Context) (err error) {
	w := s.world
	if w.desktop, err = stack.StartDesktop(ctx, w.logs(), stack.DesktopOptions{Width: s.width, Height: s.height,
		Panel: true}); err != nil {
		return err
	}
	w.own("desktop", w.desktop.Close)
	if w.sound, err = stack.StartSound(ctx, w.logs()); err != nil {
		return err
	}
	w.own("sound", w.sound.Close)
	tones, err := stack.StartPattern(ctx, stack.PatternOptions{PulseServer: w.sound.Server,
		DesktopSink: w.sound.DesktopSink, MicSink: w.sound.MicSink})
	if err != nil {
		return err
	}
	w.own("tones", tones.Close)
	if w.livekit, err = stack.StartLiveKit(ctx, w.logs(), stack.LiveKitOptions{Log: os.Stderr}); err != nil {
		return err
	}
	w.own("livekit-server", w.livekit.Close)
	tokens := publishtest.NewBackend(w.livekit.URL, w.livekit.APIKey, w.livekit.APISecret)
	w.own("backend", func() error { tokens.Close(); return nil })
	w.backend = &stack.Backend{URL: tokens.URL(), Token: publishtest.UserToken}
	if s.screen, err = stack.OpenCodedScreen(w.desktop.Display); err != nil {
		return err
	}
	w.own("screen", s.screen.Close)
	return nil
}

// measure has a program share and measures it on a moving screen, then on a still one. The viewer only keeps what
// arrives; it is decoded when the program has ended.
func (s *shareBench) measure(ctx context.Context, p *sharer) (moving, still *shared, err error) {
	lk := s.world.livekit
	viewer, err := publishtest.Subscribe(ctx, lk.URL, lk.APIKey, lk.APISecret, room)
	if err != nil {
		return nil, nil, err
	}
	defer viewer.Close()
	if err := s.screen.Reset(); err != nil {
		return nil, nil, err
	}
	stop, played := s.play(ctx)
	defer stop()
	proc, end, err := p.start(ctx, p.sound)
	if err != nil {
		return nil, nil, err
	}
	defer end() //nolint:errcheck // the second time after the good end
	arrival, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if _, err := viewer.Wait(arrival, media.Video); err != nil {
		return nil, nil, fmt.Errorf("nothing is shared: %w: %s", err, proc.Tail(500))
	}
	if p.sound {
		if _, err := viewer.Wait(arrival, media.Opus); err != nil {
			return nil, nil, fmt.Errorf("no sound is shared: %w: %s", err, proc.Tail(500))
		}
	}
	if err := s.screen.Raise(); err != nil { // above what the program shows
		return nil, nil, err
	}
	settle, length := time.Duration(s.Settle)*time.Second, time.Duration(s.Seconds)*time.Second
	if err := pause(ctx, proc, settle); err != nil {
		return nil, nil, err
	}
	// Only now: before, the newest track may have been that of the program before, which the room keeps for a while.
	stream, err := viewer.Wait(ctx, media.Video)
	if err != nil {
		return nil, nil, err
	}
	if moving, err = observe(ctx, proc, length); err != nil {
		return nil, nil, err
	}
	stop()
	if err := <-played; err != nil {
		return nil, nil, err
	}
	if err := pause(ctx, proc, settle/2); err != nil {
		return nil, nil, err
	}
	if still, err = observe(ctx, proc, length); err != nil {
		return nil, nil, err
	}
	// The viewer leaves first: livekit-server ends a track with empty frames, one of which may come with the time of the
	// last frame and make two of it.
	if err := errors.Join(viewer.Close(), end()); err != nil {
		return nil, nil, err
	}
	return moving, still, s.judge(ctx, stream, moving, still)
}

// play draws frames until stop is called; then played has the error or nil.
func (s *stage) play(ctx context.Context) (stop func(), played <-chan error) {
	ctx, stop = context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- s.screen.Play(ctx, codedRate*float64(s.fps)) }()
	return stop, done
}

// observe measures the CPU time of a program and its children.
func observe(ctx context.Context, p *stack.Proc, d time.Duration) (*shared, error) {
	machine := processorTime()
	before, err := treeTime(p.PID(), nil)
	if err != nil {
		return nil, err
	}
	m := &shared{from: time.Now()}
	if err := pause(ctx, p, d); err != nil {
		return nil, err
	}
	after, err := treeTime(p.PID(), nil)
	if err != nil {
		return nil, err
	}
	m.to = time.Now()
	var used time.Duration
	for pid, t := range after {
		used += t - before[pid]
	}
	m.Cores = used.Seconds() / m.to.Sub(m.from).Seconds()
	_, m.Stolen = processorTime().since(machine)
	return m, nil
}

// judge decodes what arrived and compares it with what was drawn, and when.
func (s *shareBench) judge(ctx context.Context, stream *publishtest.Stream, moving, still *shared) error {
	drawn := s.screen.Drawn()
	units := fromKey(stream.Units())
	inMoving, inStill := during(units, moving), during(units, still)
	moving.Kbps, still.Kbps = kbps(inMoving, moving), kbps(inStill, still)
	wanted := samples(units, moving, sampledFrames)
	if i := lastBefore(units, still.to); i >= 0 {
		wanted[i] = true
	}
	v, err := s.decode(ctx, stream, len(units), wanted)
	if err != nil {
		return err
	}
	moving.delays(units, v.numbers, drawn)
	still.FPS = float64(len(inStill)) / still.to.Sub(still.from).Seconds()
	numbers := map[int]bool{}
	for i := range wanted {
		if n := v.numbers[i]; n >= 0 && n < len(drawn) {
			numbers[n] = true
		}
	}
	references := map[int][]byte{}
	if err := s.screen.Again(numbers, func(n int, bgrx []byte, _ image.Point) error {
		references[n] = luma(bgrx, v.bt709)
		return nil
	}); err != nil {
		return err
	}
	var quality []float64
	for _, i := range slices.Sorted(maps.Keys(wanted)) {
		reference, ok := references[v.numbers[i]]
		if !ok {
			return fmt.Errorf("frame %d of the video that arrived has no number: something covers the screen", i)
		}
		db := psnr(v.luma[i], reference)
		if units[i].Whole.After(moving.to) || i == lastBefore(units, still.to) {
			still.PSNR = db
		} else {
			quality = append(quality, db)
		}
	}
	moving.PSNR = median(quality)
	return nil
}
