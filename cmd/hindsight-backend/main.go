// Command hindsight-backend holds the LiveKit API secret and keeps the rolling replays: tokens, recordings, clips.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/hindsight-app/hindsight/publish/backend/command"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	code := command.Main(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
