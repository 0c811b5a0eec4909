package export_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/export"
	"github.com/hindsight-app/hindsight/cmd/devstack/mounts"
)

func TestAFullDisk(t *testing.T) {
	if !mounts.Inside(t) {
		return
	}
	full := mounts.Small(t, "256k")
	path := movie(t, noise)
	for _, p := range []export.Preset{export.P720, export.WebP, export.GIF} {
		_, err := export.Run(t.Context(), export.Request{Path: path, Preset: p, Out: filepath.Join(full, "x.mp4")}, nil)
		require.ErrorContains(t, err, "is full; free some space and try again", "%s", p)
		nothingLeft(t, full)
	}
}
