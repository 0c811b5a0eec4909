// Command hindsight is the tray app: it keeps the last minutes, saves them on a key, and shares the screen.
package main

import (
	"fmt"
	"os"
	"slices"

	"github.com/alecthomas/kong"

	"github.com/hindsight-app/hindsight/app"
	"github.com/hindsight-app/hindsight/assets/manual"
	"github.com/hindsight-app/hindsight/assets/version"
)

func main() {
	app.Worker() // returns unless an export has started this process
	var flags struct {
		Hidden  bool             `help:"Start in the tray, without a window."`
		Debug   bool             `help:"Log debug messages."`
		Version kong.VersionFlag `help:"Print the version and exit."`
		manual.Flags
		Invitation string `arg:"" optional:"" placeholder:"LINK" help:"An invitation to accept, hindsight://…"`
	}
	parser := kong.Must(&flags, kong.Name("hindsight"), kong.Vars{"version": "hindsight " + version.String()},
		kong.Description("Instant replay for your screen: keeps the last minutes in memory, saves them as a clip with a "+
			"hotkey, and shares the screen in a LiveKit room."))
	if i := slices.Index(os.Args, "-hidden"); i > 0 { // as older entries of autostart have it
		os.Args[i] = "--hidden"
	}
	if _, err := parser.Parse(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "hindsight: %v\nRun hindsight --help to see all options.\n", err)
		os.Exit(2)
	}
	o := app.Options{Hidden: flags.Hidden, Invitation: flags.Invitation, Debug: flags.Debug, Output: os.Stderr}
	if err := app.Run(o); err != nil {
		fmt.Fprintln(os.Stderr, "hindsight:", err)
		os.Exit(1)
	}
}
