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

// TrayStates are the names of the tray's icons.
var TrayStates = []string{"off", "buffering", "buffering-muted", "recording", "recording-muted", "live", "live-muted",
	"paused", "error"}

// TrayIcon is the tray's icon, a PNG of 64 pixels, for one of TrayStates.
func TrayIcon(state string) []byte { return read("icons/tray-" + state + ".png") }

// SoundName names a short sound.
type SoundName string

// The sounds.
const (
	SoundSaved   SoundName = "saved"
	SoundFailed  SoundName = "failed"
	SoundStarted SoundName = "started"
	SoundStopped SoundName = "stopped"
)

// Sound is a short sound: WAV, 16 bit, mono.
func Sound(name SoundName) []byte { return read("sounds/" + string(name) + ".wav") }

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
