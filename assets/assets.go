// Package assets holds the icons and sounds as bytes. The PNGs are drawn from the SVGs beside them by icons/make.sh. It
// owns no state.
package assets

import (
	"embed"
	"fmt"
)

//go:embed icons/*.png sounds/*.wav
var files embed.FS

// Icon is the app's icon, a PNG of 256 pixels.
func Icon() []byte { return read("icons/hindsight.png") }

// TrayIcon is the tray's icon, a PNG of 64 pixels, for "idle", "buffering", "live" or "error".
func TrayIcon(state string) []byte { return read("icons/tray-" + state + ".png") }

// SavedSound is the short sound after a save: WAV, 16 bit, mono.
func SavedSound() []byte { return read("sounds/saved.wav") }

// read panics for a name that is not embedded, which a test of this room rules out for every name used.
func read(name string) []byte {
	b, err := files.ReadFile(name)
	if err != nil {
		panic(fmt.Sprintf("assets: %v", err))
	}
	return b
}
