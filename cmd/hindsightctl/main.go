// Command hindsightctl talks to a running Hindsight; devices, clips and doctor work without one.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var cli commands
	k := kong.Parse(&cli, kong.Name("hindsightctl"), kong.UsageOnError(),
		kong.Description("Controls Hindsight: save the replay, share the screen, see what runs."))
	out := &output{json: cli.JSON, to: os.Stdout}
	k.BindTo(ctx, (*context.Context)(nil))
	if err := k.Run(out); err != nil {
		if !out.failed(err) {
			fmt.Fprintln(os.Stderr, "hindsightctl:", err)
		}
		stop()
		os.Exit(1)
	}
}
