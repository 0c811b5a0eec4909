package capture

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A constant quality may spend twice the bitrate that is chosen by itself, and no more than one that is set.
func TestMemoryOfAConstantQuality(t *testing.T) {
	c := Defaults()
	c.Desktop.Enabled, c.Mic.Enabled = false, false
	bound, need := ringBytes(c), EstimateReplay(c, 1920, 1080)
	c.Video.ConstantQuality = 23
	require.InEpsilon(t, 2*need.Memory, EstimateReplay(c, 1920, 1080).Memory, 1e-6)
	require.Greater(t, ringBytes(c), bound*19/10)
	c.Video.BitrateKbps = 9000
	bound, need = ringBytes(c), EstimateReplay(c, 1920, 1080)
	c.Video.ConstantQuality = 0
	require.Equal(t, bound, ringBytes(c))
	require.Equal(t, need, EstimateReplay(c, 1920, 1080))
}
