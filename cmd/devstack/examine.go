package main

import (
	"context"
	"fmt"
	"io"
	"math"

	"github.com/hindsight-app/hindsight/capture/capturetest"
	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
)

// bars are what a clip is held to.
type bars struct {
	name string
	// seconds is the length asked for, within is how far it may be off, in s.
	seconds, within float64
	// stepMS bounds how far sound may be from the video in the mean, in ms.
	stepMS float64
	// toneDB is how far a tone's level may be off, in dB.
	toneDB float64
	// frame is the time of one frame in s.
	frame float64
}

func localBars(seconds int) bars {
	const frame = 1.0 / 30
	return bars{name: "local clip", seconds: float64(seconds), within: frame + 0.001, stepMS: 16, toneDB: 1.5,
		frame: frame}
}

func serverBars(seconds int) bars {
	return bars{name: "server clip", seconds: float64(seconds), within: 1, stepMS: 45, toneDB: 2,
		frame: 1 / float64(recordRate())}
}

// clipReport is a clip in the last line.
type clipReport struct {
	Path        string  `json:"path"`
	Seconds     float64 `json:"seconds"`
	Width       int     `json:"width"`
	Height      int     `json:"height"`
	FPS         float64 `json:"fps"`
	AudioTracks int     `json:"audio_tracks"`
	// SaveMS is the time from the press until the clip was complete (local) or the app knew of it (server), in ms.
	SaveMS     float64 `json:"save_ms"`
	AVOffsetMS float64 `json:"av_offset_ms"`
}

// examine decodes a clip and holds it to its bars.
func (d *demo) examine(ctx context.Context, b bars, path string) (*clipReport, error) {
	d.w.say("looking at the " + b.name)
	info, err := capturetest.Probe(ctx, path)
	if err != nil {
		return nil, err
	}
	video, oneVideo := info.Only("video")
	audio, oneAudio := info.Only("audio")
	tracks := 0
	for _, s := range info.Streams {
		if s.Type == "audio" {
			tracks++
		}
	}
	d.check(b.name, "streams", oneVideo && oneAudio && len(info.Streams) == 2 && video.Codec == "h264" &&
		audio.Codec == "aac",
		"one h264, one aac", fmt.Sprintf("%d: %s, %s", len(info.Streams), video.Codec, audio.Codec))
	d.check(b.name, "frame size", video.Width == 1920 && video.Height == 1080, "1920x1080",
		fmt.Sprintf("%dx%d", video.Width, video.Height))
	d.check(b.name, "length", math.Abs(info.Seconds-b.seconds) <= b.within,
		fmt.Sprintf("%.0f ± %.3f s", b.seconds, b.within), fmt.Sprintf("%.3f s", info.Seconds))
	frames, err := capturetest.Frames(ctx, path)
	if err != nil {
		return nil, err
	}
	want := info.Seconds / b.frame
	d.check(b.name, "frames", float64(len(frames)) > 0.97*want, fmt.Sprintf("> 97 %% of %.0f", want),
		fmt.Sprint(len(frames)))
	r := &clipReport{Path: path, Seconds: info.Seconds, Width: video.Width, Height: video.Height,
		FPS: math.Round(video.FPS*100) / 100, AudioTracks: tracks}
	if err := d.examineSound(ctx, b, path, r); err != nil {
		return nil, err
	}
	return r, nil
}

// examineSound holds tones, peak and step to the video within their limits.
func (d *demo) examineSound(ctx context.Context, b bars, path string, r *clipReport) error {
	level := 20 * math.Log10(stack.ToneLevel)
	for _, tone := range []struct {
		name string
		hz   float64
	}{{"desktop tone", stack.DesktopHz}, {"microphone tone", stack.MicHz}} {
		db, err := capturetest.ToneDB(ctx, path, tone.hz)
		if err != nil {
			return err
		}
		d.check(b.name, tone.name, math.Abs(db-level) <= b.toneDB, fmt.Sprintf("%.0f ± %.1f dB", level, b.toneDB),
			fmt.Sprintf("%.1f dB", db))
	}
	peak, err := capturetest.PeakDB(ctx, path)
	if err != nil {
		return err
	}
	d.check(b.name, "peak, no clipping", peak < -0.5, "< -0.5 dB", fmt.Sprintf("%.1f dB", peak))
	step, err := capturetest.MeasureStep(ctx, path, stack.ClickHz)
	if err != nil {
		return err
	}
	r.AVOffsetMS = math.Round(step.MeanMS*10) / 10
	events := int(b.seconds/stack.EventPeriod.Seconds()) - 2
	d.check(b.name, "events in video and audio", step.Events >= events, fmt.Sprintf("at least %d", events),
		fmt.Sprint(step.Events))
	d.check(b.name, "audio against video", step.Events > 0 && math.Abs(step.MeanMS) <= b.stepMS,
		fmt.Sprintf("mean ± %.0f ms", b.stepMS),
		fmt.Sprintf("%+.1f ms", step.MeanMS))
	single := b.stepMS + 1000*b.frame
	d.check(b.name, "each single event", step.Events > 0 && step.MinMS >= -single && step.MaxMS <= single,
		fmt.Sprintf("± %.0f ms", single),
		fmt.Sprintf("%+.1f to %+.1f ms", step.MinMS, step.MaxMS))
	return nil
}

// row is a line of the table.
type row struct {
	part, what string
	ok         bool
	want, got  string
}

func (d *demo) check(part, what string, ok bool, want, got string) {
	d.rows = append(d.rows, row{part, what, ok, want, got})
}

// fail notes what could not even be looked at.
func (d *demo) fail(part string, err error) {
	d.rows = append(d.rows, row{part, "went wrong", false, "", err.Error()})
}

// print writes the table.
func (d *demo) print(to io.Writer) {
	fmt.Fprintf(to, "\n%-13s %-24s %-18s %-26s\n", "part", "what", "wanted", "found")
	for _, r := range d.rows {
		mark := "ok"
		if !r.ok {
			mark = "NOT OK"
		}
		fmt.Fprintf(to, "%-13s %-24s %-18s %-26s %s\n", r.part, r.what, r.want, r.got, mark)
	}
	fmt.Fprintln(to)
}
