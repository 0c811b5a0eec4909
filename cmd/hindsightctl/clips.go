package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/hindsight-app/hindsight/app/control"
	"github.com/hindsight-app/hindsight/capture/clip"
)

type recordCmd struct {
	On string `arg:"" name:"state" enum:"on,off,toggle" default:"toggle" help:"on starts, off stops, toggle switches it."`
}

func (c recordCmd) Run(ctx context.Context, out *output) error {
	return out.done(call(ctx, control.Request{Command: control.Record, On: c.On == "on", Toggle: c.On == "toggle"}, nil))
}

type markCmd struct {
	Text []string `arg:"" optional:"" help:"The marker's title. Default: a number."`
}

func (c markCmd) Run(ctx context.Context, out *output) error {
	return out.done(call(ctx, control.Request{Command: control.Mark, Text: strings.Join(c.Text, " ")}, nil))
}

type shotCmd struct{}

func (shotCmd) Run(ctx context.Context, out *output) error {
	var a control.ShotAnswer
	if err := call(ctx, control.Request{Command: control.Shot}, &a); err != nil {
		return err
	}
	return out.print(a, func(w io.Writer) { fmt.Fprintln(w, a.Path) })
}

type starCmd struct {
	Path string `arg:"" type:"existingfile" help:"The clip's file."`
	On   string `arg:"" name:"state" enum:"on,off" default:"on" help:"Either on or off."`
}

func (c starCmd) Run(out *output) error { return out.done(clip.Star(c.Path, c.On == "on")) }

// done is the answer to a command that has nothing to tell.
func (o *output) done(err error) error {
	if err != nil {
		return err
	}
	return o.print(map[string]any{"ok": true}, nil)
}
