// Command hindsight is the tray app: it keeps the last minutes of screen and sound, shares the screen, and saves a clip
// on a key.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/hindsight-app/hindsight/app"
)

func main() {
	hidden := flag.Bool("hidden", false, "start in the tray, without the window")
	debug := flag.Bool("debug", false, "log more")
	version := flag.Bool("version", false, "print the version and end")
	flag.Parse()
	if *version {
		fmt.Println("hindsight", app.Version())
		return
	}
	if err := app.Run(app.Options{Hidden: *hidden, Debug: *debug, Output: os.Stderr}); err != nil {
		fmt.Fprintln(os.Stderr, "hindsight:", err)
		os.Exit(1)
	}
}
