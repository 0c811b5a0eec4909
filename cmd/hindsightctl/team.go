package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/hindsight-app/hindsight/app/control"
)

type teamCmd struct {
	Print bool `help:"Print the page's address and a code instead of opening it, for another browser or device."`
}

func (c teamCmd) Run(ctx context.Context, out *output) error {
	var a control.TeamAnswer
	if err := call(ctx, control.Request{Command: control.Team, On: !c.Print}, &a); err != nil {
		return err
	}
	return out.print(a, func(w io.Writer) {
		if !c.Print {
			fmt.Fprintf(w, "Opened %s\n", a.Page)
			return
		}
		fmt.Fprintf(w, "%s\nOr open %s and type %s. Works once, until %s.\n", a.URL, a.Page, a.Code,
			a.ExpiresAt.Local().Format(time.TimeOnly))
	})
}
