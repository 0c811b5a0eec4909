package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/hindsight-app/hindsight/capture/export"
)

type exportCmd struct {
	Path      string             `arg:"" type:"existingfile" help:"The clip's file. It is not changed."`
	Preset    presetFlag         `required:"" placeholder:"PRESET" help:"What to make: fits-10mb (or another size), 720p, 1080p, vertical (9:16), gif, webp or audio."`
	From      moment             `placeholder:"TIME" help:"Start of the part to export, for example 12.5 or 1:02.25. Default: the clip's start."`
	To        moment             `placeholder:"TIME" help:"End of the part to export. Default: the clip's end."`
	Crop      export.Position    `enum:"left,center,right" default:"center" help:"Which part of the frame a vertical video shows: left, center or right."`
	Codec     export.Codec       `enum:"h264,hevc,av1" default:"h264" help:"Codec of the presets 720p, 1080p and vertical: h264 plays everywhere; hevc and av1 are smaller and take longer."`
	Format    export.SoundFormat `enum:"m4a,wav,opus" default:"m4a" help:"Format of the audio preset: m4a, wav or opus."`
	AllTracks bool               `help:"Keep all audio tracks beside the mix."`
	Out       string             `short:"o" type:"path" placeholder:"FILE" help:"The new file. Default: a free name beside the clip."`
}

// presetFlag is a preset with its limit.
type presetFlag struct {
	preset export.Preset
	limit  int64
}

// Decode implements kong.MapperValue.
func (p *presetFlag) Decode(ctx *kong.DecodeContext) error {
	text, err := word(ctx, "a preset like 720p")
	if err == nil {
		p.preset, p.limit, err = export.ParsePreset(text)
	}
	return err
}

// Validate implements kong's: what it refuses is a wrong command line.
func (c exportCmd) Validate() error {
	if c.To.set && c.From.at >= c.To.at {
		return errors.New("--from must be before --to")
	}
	return nil
}

func (c exportCmd) Run(ctx context.Context, out *output) error {
	shown := newProgressLine(os.Stderr, out.json)
	result, err := export.Run(ctx, export.Request{
		Path: c.Path, Preset: c.Preset.preset, Limit: c.Preset.limit, From: c.From.at, To: c.To.at, Out: c.Out,
		Crop: c.Crop, Sound: c.Format, Codec: c.Codec,
		AllTracks: c.AllTracks,
	}, shown.show)
	shown.end()
	if errors.Is(err, context.Canceled) {
		return errors.New("canceled; nothing was written")
	}
	if err != nil {
		return err
	}
	return out.print(result, func(w io.Writer) { fmt.Fprintln(w, result.Path) })
}

// progressLine shows how far an export is: as JSON one object a line, on a terminal in one line that changes, and
// elsewhere, as in a log, in a line for each tenth.
type progressLine struct {
	to       io.Writer
	json     bool
	terminal bool
	width    int
	tenth    int
}

func newProgressLine(to *os.File, json bool) *progressLine {
	st, err := to.Stat()
	return &progressLine{to: to, json: json, terminal: err == nil && st.Mode()&os.ModeCharDevice != 0}
}

func (l *progressLine) show(p export.Progress) {
	if l.json {
		_ = json.NewEncoder(l.to).Encode(p)
		return
	}
	text := fmt.Sprintf("exporting %3.0f %%", p.Fraction*100)
	if p.LeftSeconds >= 0 {
		text += fmt.Sprintf(", %s left", time.Duration(p.LeftSeconds*float64(time.Second)).Round(time.Second))
	}
	if !l.terminal {
		if tenth := int(p.Fraction * 10); tenth > l.tenth {
			l.tenth = tenth
			fmt.Fprintln(l.to, text)
		}
		return
	}
	fmt.Fprintf(l.to, "\r%s%s", text, strings.Repeat(" ", max(0, l.width-len(text))))
	l.width = len(text)
}

// end clears the line.
func (l *progressLine) end() {
	if l.terminal && !l.json && l.width > 0 {
		fmt.Fprintf(l.to, "\r%s\r", strings.Repeat(" ", l.width))
	}
}
