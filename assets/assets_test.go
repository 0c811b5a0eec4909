package assets_test

import (
	"bytes"
	"image/png"
	"testing"

	"github.com/hindsight-app/hindsight/assets"
)

func TestIconsDecode(t *testing.T) {
	check := func(name string, data []byte, size int) {
		img, err := png.Decode(bytes.NewReader(data))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if b := img.Bounds(); b.Dx() != size || b.Dy() != size {
			t.Errorf("%s is %v, want %d pixels square", name, b, size)
		}
	}
	check("the app's icon", assets.Icon(), 256)
	seen := map[string]string{}
	for _, state := range assets.TrayStates {
		data := assets.TrayIcon(state)
		check("the tray icon "+state, data, 64)
		if other, same := seen[string(data)]; same {
			t.Errorf("the tray icons %s and %s are the same picture", state, other)
		}
		seen[string(data)] = state
	}
}

func TestSoundsAreWave(t *testing.T) {
	seen := map[string]bool{}
	for _, name := range []assets.SoundName{assets.SoundSaved, assets.SoundFailed, assets.SoundStarted,
		assets.SoundStopped} {
		d := assets.Sound(name)
		if !bytes.HasPrefix(d, []byte("RIFF")) || len(d) < 1000 || seen[string(d)] {
			t.Errorf("the sound %s is %d bytes, does not begin like a WAV file or is another one's", name, len(d))
		}
		seen[string(d)] = true
	}
}
