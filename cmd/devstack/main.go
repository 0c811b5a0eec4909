// Command devstack runs everything Hindsight needs on one machine, for trying it and for showing that it works.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

type cli struct {
	Run         runCommand         `cmd:"" help:"Start servers, backend and app, and go on until Ctrl-C."`
	Bench       benchCommand       `cmd:"" help:"What capturing costs beside other programs, on the same screen."`
	Demo        demoCommand        `cmd:"" help:"The same on a virtual desktop without hands: save a replay with the real hotkey and check both clips."`
	BenchEgress benchEgressCommand `cmd:"" help:"What a recording of each of LiveKit's egress types costs."`
	BenchCut    benchCutCommand    `cmd:"" help:"Long clips cut at once by a backend whose memory is limited."`
	Soak        soakCommand        `cmd:"" help:"The app on a moving screen for long: every clip and its memory are looked at."`
}

func main() {
	var c cli
	command := kong.Parse(&c, kong.Name("devstack"), kong.Description("Everything Hindsight needs, on one machine."),
		kong.UsageOnError())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop) // a second Ctrl-C does not wait
	command.BindTo(ctx, (*context.Context)(nil))
	if err := command.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "devstack:", err)
		os.Exit(1)
	}
}
