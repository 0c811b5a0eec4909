package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/hindsight-app/hindsight/app/control"
	"github.com/hindsight-app/hindsight/publish/api"
)

type watchesCmd struct {
	Make   watchLinkMakeCmd   `cmd:"" default:"withargs" help:"Create a link with which everybody can rewind what you share now, and print it."`
	List   watchLinkListCmd   `cmd:"" help:"List the links to what you share now, which can be revoked but not read again."`
	Revoke watchLinkRevokeCmd `cmd:"" help:"Revoke a link: it stops working at once."`
}

type watchLinkMakeCmd struct {
	Clips   string        `enum:"nobody,ask,anyone" default:"ask" help:"Who of those with the link may clip what they see: nobody, anyone, or with ask those whom you allow each time."`
	Expires time.Duration `default:"24h" help:"How long the link works, 1m or longer. It ends with the replay at the latest."`
}

func (c watchLinkMakeCmd) Run(ctx context.Context, out *output) error {
	var a api.WatchLink
	if err := call(ctx, control.Request{Command: control.WatchLink, Text: c.Clips, Seconds: c.Expires.Seconds()},
		&a); err != nil {
		return err
	}
	return out.print(a, func(w io.Writer) { fmt.Fprintln(w, a.URL) })
}

type watchLinkListCmd struct{}

func (watchLinkListCmd) Run(ctx context.Context, out *output) error {
	list := []api.WatchLink{}
	if err := call(ctx, control.Request{Command: control.WatchLinks}, &list); err != nil {
		return err
	}
	return out.print(list, func(w io.Writer) {
		if len(list) == 0 {
			fmt.Fprintln(w, "No links.")
		}
		for _, l := range list {
			by := ""
			if l.MadeBy != "" {
				by = " by " + l.MadeBy
			}
			fmt.Fprintf(w, "%s  clips: %s  made %s%s  works until %s\n", l.LinkID, l.Clips,
				l.CreatedAt.Local().Format(time.DateTime), by, l.ExpiresAt.Local().Format(time.DateTime))
		}
	})
}

type watchLinkRevokeCmd struct {
	ID string `arg:"" name:"link" help:"The link's id, as hindsightctl watch-link list prints it."`
}

func (c watchLinkRevokeCmd) Run(ctx context.Context, out *output) error {
	return out.done(call(ctx, control.Request{Command: control.UnwatchLink, Text: c.ID}, nil))
}
