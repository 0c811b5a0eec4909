package main

import "github.com/alecthomas/kong"

// cli is the command line.
type cli struct {
	Version     kong.VersionFlag   `help:"Print the version and exit."`
	Run         runCommand         `cmd:"" help:"Start servers, backend and app, and run until Ctrl-C."`
	Bench       benchCommand       `cmd:"" help:"Compare the cost of capturing with other programs on the same screen."`
	Demo        demoCommand        `cmd:"" help:"Do the same hands-free on a virtual desktop: save a replay with the real hotkey and check both clips."`
	BenchShare  benchShareCommand  `cmd:"" help:"Compare the cost of sharing with Chromium's on the same screen in the same room."`
	BenchEgress benchEgressCommand `cmd:"" help:"Measure the cost of a recording of each LiveKit egress type."`
	BenchCut    benchCutCommand    `cmd:"" help:"Cut long clips at once with a backend whose memory is limited."`
	Screenshots screenshotsCommand `cmd:"" help:"Take a screenshot of every page, dialog and tray state on a virtual desktop, in each language, theme and size."`
	Soak        soakCommand        `cmd:"" help:"Run the app on a moving screen for a long time and check its memory and every clip."`
}
