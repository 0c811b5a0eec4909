package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"time"

	"github.com/hindsight-app/hindsight/capture/clip"
)

type trimCmd struct {
	Path  string `arg:"" type:"existingfile" help:"The clip's file. It is not changed."`
	From  moment `placeholder:"TIME" help:"Start of the new clip, for example 12.5 or 1:02.25. Default: the clip's start."`
	To    moment `placeholder:"TIME" help:"End of the new clip. Default: the clip's end."`
	Smart bool   `help:"Re-encode the frames before the first keyframe, for players that ignore edit lists and would show more."`
	Out   string `short:"o" type:"path" placeholder:"FILE" help:"The new file. Default: a free name beside the clip."`
}

// Validate implements kong's: what it refuses is a wrong command line.
func (c trimCmd) Validate() error {
	switch {
	case !c.From.set && !c.To.set:
		return errors.New("use --from, --to, or both to say what to keep")
	case c.To.set && c.From.at >= c.To.at:
		return errors.New("--from must be before --to")
	}
	return nil
}

func (c trimCmd) Run(ctx context.Context, out *output) error {
	saved, err := clip.Trim(ctx, clip.TrimRequest{Path: c.Path, From: c.From.at, To: c.To.at, Out: c.Out, Smart: c.Smart})
	if err != nil {
		return err
	}
	return out.print(saved, func(w io.Writer) { fmt.Fprintln(w, saved.Path) })
}

// moment is a playing time: seconds, or minutes or hours before a colon.
type moment struct {
	at  time.Duration
	set bool
}

var momentForm = regexp.MustCompile(`^(?:(?:(\d{1,4}):)?(\d{1,4}):)?(\d{1,7}(?:\.\d{1,9})?)$`)

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *moment) UnmarshalText(text []byte) error {
	wrong := fmt.Errorf("%q is not a time; use seconds like 12.5, or 1:02.25", text)
	parts := momentForm.FindStringSubmatch(string(text))
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
