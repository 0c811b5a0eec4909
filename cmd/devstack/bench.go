package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"time"

	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
)

const (
	// benchKbps is the bitrate of every contender in kb/s, benchFrames how many frames x264 alone gets.
	benchKbps   = 8000
	benchFrames = 300
	// benchReplay is the replay's length in s.
	benchReplay = 15
	// warmUp is how long a program runs before it is measured.
	warmUp = 6 * time.Second
)

type benchCommand struct {
	Rounds  int    `help:"How often each one is measured." default:"3"`
	Seconds int    `help:"How long each one is measured, in seconds." default:"15"`
	Only    string `help:"Measure only the program of this name, without x264 alone and without saving clips; with --grow, only this setting, such as 720p30."`
	Content string `help:"What is on the screen: moving, still, or both in turn." enum:"moving,still,both" default:"both"`
	Grow    bool   `help:"Measure instead how the cost grows with size and frame rate, from 720p30 to 2160p30, once each."`
}

// result is what the rounds found out about one program.
type result struct {
	name string
	// moving and still are CPU time by wall time, in cores, of each round.
	moving, still []float64
	// ratios are those of moving to what x264 alone took just before and after, in the mean: the speed of a virtual
	// machine changes from minute to minute.
	ratios []float64
	// mib is its peak private memory, in MiB; 0 is not measured.
	mib   float64
	clips []savedClip
}

// Run measures all contenders in turn, round by round, on one 1080p30 desktop with sound: once with moving content and
// once with nothing that moves.
func (b *benchCommand) Run(ctx context.Context) error {
	if b.Grow {
		return b.grow(ctx)
	}
	dir, d, s, end, err := virtualDesktop(ctx)
	if err != nil {
		return err
	}
	defer end()
	all, err := contenders(dir, d, s)
	if err != nil {
		return err
	}
	alone := &result{name: "x264 alone"}
	results := []*result{alone}
	if b.Only != "" {
		all = slices.DeleteFunc(all, func(c *contender) bool { return c.name != b.Only })
		results = nil
	}
	for _, c := range all {
		results = append(results, &c.result)
	}
	pattern := stack.PatternOptions{Display: d.Display, PulseServer: s.Server, DesktopSink: s.DesktopSink,
		MicSink: s.MicSink}
	for round := range b.Rounds {
		if b.Content != "still" {
			fmt.Fprintf(os.Stderr, "round %d of %d, moving\n", round+1, b.Rounds)
			if err := b.moving(ctx, d, pattern, alone, all); err != nil {
				return err
			}
		}
		if b.Content == "moving" {
			continue
		}
		fmt.Fprintf(os.Stderr, "round %d of %d, still\n", round+1, b.Rounds)
		quiet := pattern
		quiet.Display = ""
		if err := b.still(ctx, quiet, all); err != nil {
			return err
		}
	}
	return printBench(os.Stdout, results)
}

// virtualDesktop starts a desktop and its sound, with a folder for all files; end takes everything away again.
func virtualDesktop(ctx context.Context) (dir string, d *stack.Desktop, s *stack.Sound, end func(), err error) {
	if dir, err = os.MkdirTemp("", "hs-bench-"); err != nil {
		return "", nil, nil, nil, err
	}
	if d, err = stack.StartDesktop(ctx, dir, stack.DesktopOptions{WindowManager: true, Panel: true}); err != nil {
		os.RemoveAll(dir)
		return "", nil, nil, nil, err
	}
	if s, err = stack.StartSound(ctx, dir); err != nil {
		d.Close()
		os.RemoveAll(dir)
		return "", nil, nil, nil, err
	}
	return dir, d, s, func() { s.Close(); d.Close(); os.RemoveAll(dir) }, nil
}

// moving measures all contenders on moving content, and has the replay programs save a clip of it.
func (b *benchCommand) moving(ctx context.Context, d *stack.Desktop, o stack.PatternOptions, alone *result,
	all []*contender) error {
	p, err := stack.StartPattern(ctx, o)
	if err != nil {
		return err
	}
	defer p.Close()
	if b.Only != "" {
		return b.measure(ctx, all, func(c *contender, cores float64) { c.moving = append(c.moving, cores) })
	}
	raw, err := recordRaw(ctx, benchSetting, d)
	if err != nil {
		return err
	}
	defer os.Remove(raw)
	before, err := aloneCores(ctx, benchSetting, raw)
	if err != nil {
		return err
	}
	alone.moving = append(alone.moving, before)
	for _, c := range all {
		cores, err := c.measure(ctx, b.length(), func() error { return c.saveClip(ctx, d) })
		if err != nil {
			return err
		}
		after, err := aloneCores(ctx, benchSetting, raw)
		if err != nil {
			return err
		}
		c.moving, c.ratios = append(c.moving, cores), append(c.ratios, cores/((before+after)/2))
		alone.moving = append(alone.moving, after)
		before = after
	}
	return nil
}

// measure measures all contenders, which do nothing but capture.
func (b *benchCommand) measure(ctx context.Context, all []*contender, keep func(c *contender, cores float64)) error {
	for _, c := range all {
		cores, err := c.measure(ctx, b.length(), func() error { return nil })
		if err != nil {
			return err
		}
		keep(c, cores)
	}
	return nil
}

// still measures all contenders on a still screen; the sound continues.
func (b *benchCommand) still(ctx context.Context, o stack.PatternOptions, all []*contender) error {
	p, err := stack.StartPattern(ctx, o)
	if err != nil {
		return err
	}
	defer p.Close()
	return b.measure(ctx, all, func(c *contender, cores float64) { c.still = append(c.still, cores) })
}

func (b *benchCommand) length() time.Duration { return time.Duration(b.Seconds) * time.Second }

func median(v []float64) float64 {
	if len(v) == 0 {
		return math.NaN()
	}
	s := slices.Sorted(slices.Values(v))
	return s[len(s)/2]
}

// benchRow is a program in the last line.
type benchRow struct {
	Name       string    `json:"name"`
	Moving     []float64 `json:"moving_cores"`
	Ratios     []float64 `json:"ratios_to_x264,omitempty"`
	Still      []float64 `json:"still_cores,omitempty"`
	MiB        float64   `json:"mib,omitempty"`
	SaveMS     float64   `json:"save_ms,omitempty"`
	LengthMS   float64   `json:"length_error_ms,omitempty"`
	StepMS     float64   `json:"av_offset_ms,omitempty"`
	LostFrames float64   `json:"lost_frames,omitempty"`
}

func (r *result) row() benchRow {
	of := func(f func(savedClip) float64) float64 {
		var v []float64
		for _, c := range r.clips {
			v = append(v, f(c))
		}
		if len(v) == 0 {
			return 0
		}
		return median(v)
	}
	return benchRow{
		Name: r.name, Moving: r.moving, Ratios: r.ratios, Still: r.still, MiB: r.mib,
		SaveMS:     of(func(c savedClip) float64 { return c.saveMS }),
		LengthMS:   of(func(c savedClip) float64 { return c.lengthMS }),
		StepMS:     of(func(c savedClip) float64 { return c.stepMS }),
		LostFrames: of(func(c savedClip) float64 { return c.lost }),
	}
}

// printBench writes a table and, as the last line, the same as JSON.
func printBench(to io.Writer, all []*result) error {
	unless := func(missing bool, format string, v float64) string {
		if missing {
			return "-"
		}
		return fmt.Sprintf(format, v)
	}
	const line = "%-15s %-24s %-21s %-24s %8s %8s %8s %8s %6s\n"
	fmt.Fprintf(to, line, "1080p30", "moving: cores", "ratio", "still: cores", "MiB", "save ms", "length", "sound", "lost")
	var rows []benchRow
	for _, r := range all {
		w := r.row()
		rows = append(rows, w)
		none := len(r.clips) == 0
		fmt.Fprintf(to, line, r.name, spread(r.moving, 3), spread(r.ratios, 2), spread(r.still, 3),
			unless(r.mib == 0, "%.0f", r.mib),
			unless(none, "%.0f", w.SaveMS), unless(none, "%+.0f ms", w.LengthMS), unless(none, "%+.0f ms", w.StepMS),
			unless(none, "%.0f", w.LostFrames))
	}
	fmt.Fprintln(to, "ratio: to x264 alone, which is measured before and after each; length: of a saved clip, less what "+
		"was asked for; sound: minus video; lost: frames of the clip")
	return json.NewEncoder(to).Encode(rows)
}
