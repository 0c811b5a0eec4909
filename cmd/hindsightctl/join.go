package main

import (
	"context"
	"fmt"
	"io"

	"github.com/hindsight-app/hindsight/capture/clip"
)

type joinCmd struct {
	Paths []string `arg:"" type:"existingfile" help:"The clips' files, in their order. They are not changed."`
	Out   string   `short:"o" type:"path" placeholder:"FILE" help:"The new file. Default: a free name beside the first clip."`
}

func (c joinCmd) Run(ctx context.Context, out *output) error {
	saved, err := clip.Join(ctx, clip.JoinRequest{Parts: clip.Whole(c.Paths...), Out: c.Out})
	if err != nil {
		return err
	}
	return out.print(saved, func(w io.Writer) { fmt.Fprintln(w, saved.Path) })
}
