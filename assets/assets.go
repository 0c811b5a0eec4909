// Package assets holds the icons and sounds as bytes. The PNGs are drawn from the SVGs beside them by icons/make.sh. It
// owns no state.
package assets

import (
	"embed"
	"fmt"
	"strings"
)

//go:embed icons/*.png sounds/*.wav translations/*.json
var files embed.FS

// Icon is the app's icon, a PNG of 256 pixels.
func Icon() []byte { return read("icons/hindsight.png") }

// TrayIcon is the tray's icon, a PNG of 64 pixels, for "idle", "buffering", "live" or "error".
func TrayIcon(state string) []byte { return read("icons/tray-" + state + ".png") }

// SavedSound is the short sound after a save: WAV, 16 bit, mono.
func SavedSound() []byte { return read("sounds/saved.wav") }

// Translations are the languages beside English: from the BCP 47 tag to the file, in go-i18n's JSON format.
func Translations() map[string][]byte {
	entries, err := files.ReadDir("translations")
	if err != nil {
		panic(fmt.Sprintf("assets: %v", err))
	}
	out := map[string][]byte{}
	for _, e := range entries {
		out[strings.TrimSuffix(e.Name(), ".json")] = read("translations/" + e.Name())
	}
	return out
}

// read panics for a name that is not embedded, which a test of this room rules out for every name used.
func read(name string) []byte {
	b, err := files.ReadFile(name)
	if err != nil {
		panic(fmt.Sprintf("assets: %v", err))
	}
	return b
}
