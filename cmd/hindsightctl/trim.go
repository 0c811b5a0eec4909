package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/hindsight-app/hindsight/capture/clip"
)

type trimCmd struct {
	Path    string   `arg:"" type:"existingfile" help:"The clip's file. It is not changed."`
	From    moment   `placeholder:"TIME" help:"Start of the new clip, for example 12.5 or 1:02.25. Default: the clip's start."`
	To      moment   `placeholder:"TIME" help:"End of the new clip. Default: the clip's end."`
	Smart   bool     `help:"Re-encode the frames before the first keyframe, for players that ignore edit lists and would show more."`
	Volume  []volume `sep:"none" placeholder:"TRACK=PERCENT" help:"Volume of a separate audio track, for example microphone=50. May be given more than once."`
	MuteMic bool     `help:"Leave the microphone out. The clip must have it as a separate audio track."`
	Out     string   `short:"o" type:"path" placeholder:"FILE" help:"The new file. Default: a free name beside the clip."`
}

// Validate implements kong's: what it refuses is a wrong command line.
func (c trimCmd) Validate() error {
	switch {
	case !c.From.set && !c.To.set && len(c.Volume) == 0 && !c.MuteMic:
		return errors.New("use --from, --to, or both to say what to keep")
	case c.To.set && c.From.at >= c.To.at:
		return errors.New("--from must be before --to")
	}
	return nil
}

func (c trimCmd) Run(ctx context.Context, out *output) error {
	volumes, err := c.volumes()
	if err != nil {
		return err
	}
	saved, err := clip.Trim(ctx, clip.TrimRequest{Path: c.Path, From: c.From.at, To: c.To.at, Out: c.Out, Smart: c.Smart,
		Volumes: volumes})
	if err != nil {
		return err
	}
	return out.print(saved, func(w io.Writer) { fmt.Fprintln(w, saved.Path) })
}

// volumes are the factors of the clip's tracks, in their order.
func (c trimCmd) volumes() ([]float64, error) {
	wanted := c.Volume
	if c.MuteMic {
		wanted = append(wanted, volume{track: "microphone"})
	}
	if len(wanted) == 0 {
		return nil, nil
	}
	names, err := clip.SoundTracks(c.Path)
	if err != nil {
		return nil, err
	}
	out := make([]float64, len(names))
	for i := range out {
		out[i] = 1
	}
	for _, v := range wanted {
		i := slices.IndexFunc(names, func(name string) bool { return strings.EqualFold(name, v.track) })
		if i < 0 && len(names) == 1 {
			return nil, clip.InputError{Err: fmt.Errorf("%s has no separate audio track %q, only one with everything in it (%q)",
				filepath.Base(c.Path), v.track, names[0])}
		}
		if i < 0 && len(names) == 0 {
			return nil, clip.InputError{Err: fmt.Errorf("%s has no audio track %q; it has no sound", filepath.Base(c.Path),
				v.track)}
		}
		if i < 0 {
			return nil, clip.InputError{Err: fmt.Errorf("%s has no audio track %q; it has: %s", filepath.Base(c.Path), v.track,
				strings.Join(names, ", "))}
		}
		out[i] = v.factor
	}
	return out, nil
}

// volume is the name of a track and what its sound is multiplied by.
type volume struct {
	track  string
	factor float64
}

// Decode implements kong.MapperValue.
func (v *volume) Decode(ctx *kong.DecodeContext) error {
	text, err := word(ctx, "a volume like microphone=50")
	if err != nil {
		return err
	}
	track, percent, ok := strings.Cut(text, "=")
	n, err := strconv.ParseFloat(strings.TrimSuffix(percent, "%"), 64)
	if !ok || track == "" || err != nil || !(n >= 0 && n <= 100*clip.MostVolume) {
		return fmt.Errorf("%q is not a volume; use a track and 0 to %d percent, like microphone=50", text,
			100*clip.MostVolume)
	}
	v.track, v.factor = track, n/100
	return nil
}

// moment is a playing time: seconds, or minutes or hours before a colon.
type moment struct {
	at  time.Duration
	set bool
}

var momentForm = regexp.MustCompile(`^(?:(?:(\d{1,4}):)?(\d{1,4}):)?(\d{1,7}(?:\.\d{1,9})?)$`)

// Decode implements kong.MapperValue.
func (m *moment) Decode(ctx *kong.DecodeContext) error {
	text, err := word(ctx, "a time like 12.5 or 1:02.25")
	if err != nil {
		return err
	}
	wrong := fmt.Errorf("%q is not a time; use seconds like 12.5, or 1:02.25", text)
	parts := momentForm.FindStringSubmatch(text)
	if parts == nil {
		return wrong
	}
	seconds, err := time.ParseDuration(parts[3] + "s")
	if err != nil {
		return wrong
	}
	hours, _ := strconv.Atoi(parts[1])   // empty is 0
	minutes, _ := strconv.Atoi(parts[2]) // at most four digits
	if parts[1] != "" && minutes >= 60 || parts[2] != "" && seconds >= time.Minute {
		return wrong
	}
	m.at, m.set = time.Duration(hours)*time.Hour+time.Duration(minutes)*time.Minute+seconds, true
	return nil
}
