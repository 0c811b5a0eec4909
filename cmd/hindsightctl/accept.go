package main

import (
	"context"
	"fmt"
	"io"

	"github.com/hindsight-app/hindsight/app/control"
	"github.com/hindsight-app/hindsight/publish/api"
)

type acceptCmd struct {
	Link string `arg:"" help:"The invitation, hindsight://join?… Quote it: it has characters that shells read as their own."`
}

// Validate implements kong's: what it refuses is a wrong command line.
func (c acceptCmd) Validate() error {
	_, err := api.ParseInvitation(c.Link)
	return err
}

func (c acceptCmd) Run(ctx context.Context, out *output) error {
	var got control.InvitationAnswer
	if err := call(ctx, control.Request{Command: control.Invite, Text: c.Link, On: true}, &got); err != nil {
		return err
	}
	return out.print(got, func(w io.Writer) { fmt.Fprintf(w, "connected to %s as %s\n", got.Server, got.Identity) })
}
