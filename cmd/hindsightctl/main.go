// Command hindsightctl talks to a running Hindsight; devices, clips, trim, export, settings and doctor work without
// one.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/hindsight-app/hindsight/capture/export"
)

func main() {
	export.Worker() // returns unless an export has started this process
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}
