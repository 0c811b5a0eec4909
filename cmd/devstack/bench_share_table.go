package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
)

// The goals of sharing, against Chromium.
const (
	goalMoving = 0.4
	goalStill  = 0.1
)

// spread is the median of some values with their range.
func spread(v []float64, digits int) string {
	if len(v) == 0 {
		return "-"
	}
	return fmt.Sprintf("%.[1]*[2]f (%.[1]*[3]f to %.[1]*[4]f)", digits, median(v), slices.Min(v), slices.Max(v))
}

// goal is one that is met or not.
type goal struct {
	Program string `json:"program"`
	What    string `json:"what"`
	// Values are of each round, Median is what counts.
	Values []float64 `json:"values"`
	Median float64   `json:"median"`
	Met    bool      `json:"met"`
	digits int
}

// shareRow is a program in the last line.
type shareRow struct {
	Name   string   `json:"name"`
	Moving []shared `json:"moving"`
	Still  []shared `json:"still"`
}

// shareReport is the last line.
type shareReport struct {
	Programs []shareRow `json:"programs"`
	Goals    []goal     `json:"goals"`
}

// column picks one value of all rounds.
func column(all []shared, of func(shared) float64) []float64 {
	var out []float64
	for _, s := range all {
		out = append(out, of(s))
	}
	return out
}

// shareGoals compares round by round: the speed of a virtual machine changes from minute to minute.
func shareGoals(ours, theirs *sharer) []goal {
	compare := func(a, b []shared, of func(a, b shared) float64) (out []float64) {
		for i := range min(len(a), len(b)) {
			out = append(out, of(a[i], b[i]))
		}
		return out
	}
	ratio := func(a, b shared) float64 { return a.Cores / b.Cores }
	quality := func(a, b shared) float64 { return a.PSNR - b.PSNR }
	delay := func(a, b shared) float64 { return a.DelayMS - b.DelayMS }
	all := []goal{
		{What: fmt.Sprintf("CPU, moving: at most %.1f of Chromium's", goalMoving), digits: 2,
			Values: compare(ours.moving, theirs.moving, ratio)},
		{What: fmt.Sprintf("CPU, still: at most %.1f of Chromium's", goalStill), digits: 2,
			Values: compare(ours.still, theirs.still, ratio)},
		{What: "delay less Chromium's: at most 0 ms", digits: 1,
			Values: compare(ours.moving, theirs.moving, delay)},
		{What: "PSNR, moving, less Chromium's: at least 0 dB", digits: 1,
			Values: compare(ours.moving, theirs.moving, quality)},
		{What: "PSNR, still, less Chromium's: at least 0 dB", digits: 1,
			Values: compare(ours.still, theirs.still, quality)},
	}
	met := []func(float64) bool{
		func(v float64) bool { return v <= goalMoving }, func(v float64) bool { return v <= goalStill },
		func(v float64) bool { return v <= 0 }, func(v float64) bool { return v >= 0 },
		func(v float64) bool { return v >= 0 },
	}
	for i := range all {
		all[i].Median = median(all[i].Values)
		all[i].Met = met[i](all[i].Median)
	}
	return all
}

// printShared writes the table, what became of the goals, and all of it again as JSON in the last line.
func printShared(to io.Writer, pairs []pair) error {
	const line = "%-30s %-23s %-22s %-23s %-22s %-22s %-22s %s\n"
	fmt.Fprintf(to, line, "1080p30", "cores", "kb/s", "delay ms", "95 % ms", "PSNR dB", "frames/s", "stolen %")
	row := func(name string, all []shared) {
		col := func(digits int, of func(shared) float64) string { return spread(column(all, of), digits) }
		delay, late := "-", "-"
		if slices.ContainsFunc(all, func(s shared) bool { return s.DelayMS > 0 }) {
			delay, late = col(1, func(s shared) float64 { return s.DelayMS }), col(1, func(s shared) float64 { return s.LateMS })
		}
		fmt.Fprintf(to, line, name, col(3, func(s shared) float64 { return s.Cores }),
			col(0, func(s shared) float64 { return s.Kbps }), delay, late,
			col(1, func(s shared) float64 { return s.PSNR }), col(1, func(s shared) float64 { return s.FPS }),
			col(1, func(s shared) float64 { return 100 * s.Stolen }))
	}
	sharers := sharersOf(pairs)
	for _, p := range sharers {
		row(p.name+", moving", p.moving)
	}
	for _, p := range sharers {
		row(p.name+", still", p.still)
	}
	fmt.Fprintf(to, "median (least to most) of the rounds. cores: of the program and all it started; Hindsight keeps a "+
		"replay as well.\nsound: Hindsight mixes two sources, Chromium sends a microphone. delay: until a viewer has the "+
		"frame; frames/s: that\nshow something new, of %.1f drawn; still: all that arrive\n", codedRate*30)
	var report shareReport
	for _, p := range sharers {
		report.Programs = append(report.Programs, shareRow{p.name, p.moving, p.still})
	}
	for _, p := range pairs {
		fmt.Fprintf(to, "\n%s\n", p.ours.name)
		for _, g := range shareGoals(p.ours, p.theirs) {
			mark := "met"
			if !g.Met {
				mark = "NOT MET"
			}
			fmt.Fprintf(to, "  %-48s %-24s %s\n", g.What, spread(g.Values, g.digits), mark)
			g.Program = p.ours.name
			report.Goals = append(report.Goals, g)
		}
	}
	return json.NewEncoder(to).Encode(report)
}
