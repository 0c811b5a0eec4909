package capture_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture"
)

func TestConfigurationsThatCannotBeUsed(t *testing.T) {
	for want, change := range map[string]func(*capture.Config){
		"165 or 240":          func(c *capture.Config) { c.Video.FrameRate = 0 },
		"height":              func(c *capture.Config) { c.Video.Height = 3 },
		"bitrate":             func(c *capture.Config) { c.Video.BitrateKbps = -1 },
		"preset":              func(c *capture.Config) { c.Video.Preset = "best" },
		"auto, x11 or portal": func(c *capture.Config) { c.Video.Backend = "vnc" },
		"replay":              func(c *capture.Config) { c.Replay = time.Hour },
		"folder":              func(c *capture.Config) { c.ClipFolder = "" },
		"gain":                func(c *capture.Config) { c.Mic.GainDB = 99 },
		"no encoder named":    func(c *capture.Config) { c.Video.Encoder = "nosuchenc" },
	} {
		c := capture.Defaults()
		c.ClipFolder = t.TempDir()
		change(&c)
		_, err := capture.Open(context.Background(), c)
		require.ErrorContains(t, err, want)
	}
}
