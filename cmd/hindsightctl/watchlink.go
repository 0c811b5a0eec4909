package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/hindsight-app/hindsight/app/control"
	"github.com/hindsight-app/hindsight/publish/api"
)

type watchesCmd struct {
	Make   watchLinkMakeCmd   `cmd:"" default:"withargs" help:"Create a link with which everybody can rewind what you share now, and print it. It never shows a later share; what is left of this one can be watched for a while after you stop, unless you revoke the link."`
	List   watchLinkListCmd   `cmd:"" help:"List your links, also those to shares that have ended, which can be revoked but not read again."`
	Revoke watchLinkRevokeCmd `cmd:"" help:"Revoke a link: it stops working at once."`
}

type watchLinkMakeCmd struct {
	Clips   string        `enum:"nobody,ask,anyone" default:"ask" help:"Who of those with the link may clip what they see: nobody, anyone, or with ask those whom you allow each time."`
	Expires time.Duration `default:"24h" placeholder:"TIME" help:"How long the link works, for example 90m, 12h, 7d or 2w: between 1m and 90d, unless the server allows less. After you stop sharing, it only shows what is left on the server. Default: 24h."`
}

// shortestLink is the least time that a link may work.
const shortestLink = time.Minute

// Validate implements kong's: what it refuses is a wrong command line.
func (c watchLinkMakeCmd) Validate() error {
	if c.Expires < shortestLink {
		return errors.New("--expires: a link works for between 1 minute and 90 days, unless the server allows less")
	}
	return nil
}

func (c watchLinkMakeCmd) Run(ctx context.Context, out *output) error {
	var a api.WatchLink
	if err := call(ctx, control.Request{Command: control.WatchLink, Text: c.Clips, Seconds: c.Expires.Seconds()},
		&a); err != nil {
		return err
	}
	return out.print(a, func(w io.Writer) {
		fmt.Fprintln(w, a.URL)
		// Not with the link, which scripts read.
		fmt.Fprintln(os.Stderr, "It works until", a.ExpiresAt.Local().Format(time.DateTime),
			"and shows no later share; to end it at once: hindsightctl watch-link revoke", a.LinkID)
	})
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
			works := "works until " + l.ExpiresAt.Local().Format(time.DateTime)
			if l.Ended {
				works = "ended: shows what the server still keeps"
			}
			fmt.Fprintf(w, "%s  clips: %s  made %s%s%s  %s\n", l.LinkID, l.Clips, l.CreatedAt.Local().Format(time.DateTime),
				by, in(l.RoomName), works)
		}
	})
}

type watchLinkRevokeCmd struct {
	ID string `arg:"" name:"link" help:"The link's id, as hindsightctl watch-link list prints it."`
}

func (c watchLinkRevokeCmd) Run(ctx context.Context, out *output) error {
	return out.done(call(ctx, control.Request{Command: control.UnwatchLink, Text: c.ID}, nil))
}
