// Command hindsightctl talks to a running Hindsight; devices, clips, trim and doctor work without one.
package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/hindsight-app/hindsight/assets/version"
	"github.com/hindsight-app/hindsight/capture/clip"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string) int {
	var cli commands
	out := &output{json: slices.Contains(args, "--json"), to: os.Stdout}
	parser := kong.Must(&cli, kong.Name("hindsightctl"), kong.Vars{"version": "hindsightctl " + version.String()},
		kong.Description("Controls Hindsight: save a replay, share the screen, show status."))
	k, err := parser.Parse(args)
	if err != nil {
		out.fail(err, "Run hindsightctl --help to see all commands.")
		return usageError
	}
	k.BindTo(ctx, (*context.Context)(nil))
	if err := k.Run(out); err != nil {
		out.fail(err, "")
		if input := (clip.InputError{}); errors.As(err, &input) {
			return usageError
		}
		return 1
	}
	return 0
}
