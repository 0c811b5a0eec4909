// Command hindsight is the tray app: it keeps the last minutes of screen and sound, shares the screen, and saves a clip
// on a key.
package main

import (
	"fmt"
	"os"

	"github.com/alecthomas/kong"

	"github.com/hindsight-app/hindsight/app"
	"github.com/hindsight-app/hindsight/assets/manual"
	"github.com/hindsight-app/hindsight/assets/version"
)

func main() {
	var flags struct {
		Hidden  bool             `help:"Start in the tray, without the window."`
		Debug   bool             `help:"Log more."`
		Version kong.VersionFlag `help:"Print the version and exit."`
		manual.Flags
	}
	kong.Parse(&flags, kong.Name("hindsight"), kong.Vars{"version": "hindsight " + version.String()},
		kong.Description("Instant replay for your screen: keeps the last minutes in memory, saves them as a clip on a key, "+
			"and shares the screen in a LiveKit room."))
	if err := app.Run(app.Options{Hidden: flags.Hidden, Debug: flags.Debug, Output: os.Stderr}); err != nil {
		fmt.Fprintln(os.Stderr, "hindsight:", err)
		os.Exit(1)
	}
}
