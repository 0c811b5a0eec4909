// Command devstack runs everything Hindsight needs on one machine, for trying it and for showing that it works.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/hindsight-app/hindsight/assets/version"
)

func main() {
	var c cli
	parser := kong.Must(&c, kong.Name("devstack"), kong.Vars{"version": "devstack " + version.String()},
		kong.Description("Runs everything that Hindsight needs on one machine."))
	command, err := parser.Parse(os.Args[1:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "devstack: %v\nRun devstack --help to see all commands.\n", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop) // a second Ctrl-C does not wait
	command.BindTo(ctx, (*context.Context)(nil))
	command.FatalIfErrorf(command.Run())
}
