package encode

import (
	"testing"
	"time"

	"github.com/Eyevinn/mp4ff/avc"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/media"
)

// Every encoder's stream says how its colours are meant, and the rest of its parameter sets stays.
func TestStreamsSayTheirColours(t *testing.T) {
	for _, name := range softwareEncoders(t) {
		for _, size := range [][2]int{{1280, 720}, {640, 360}} {
			var got collector
			v := open(t, VideoConfig{Width: size[0], Height: size[1], FrameRate: 30, Preset: media.Balanced, Encoder: name},
				&got)
			require.NoError(t, v.Encode(testFrame(size[0], size[1], [3]byte{1, 2, 3}), time.Second))
			for _, n := range waitFor(t, &got, 1)[0].NALs {
				if media.NALType(n) != media.NALSPS {
					continue
				}
				s, err := avc.ParseSPSNALUnit(n, true)
				require.NoError(t, err)
				require.EqualValues(t, size[0], s.Width)
				require.EqualValues(t, size[1], s.Height)
				require.True(t, s.VUI.ColourDescriptionFlag)
				require.False(t, s.VUI.VideoFullRangeFlag)
				want := map[int]uint{720: 1, 360: 6}[size[1]]
				require.Equal(t, []uint{1, 1, want}, []uint{s.VUI.ColourPrimaries, s.VUI.TransferCharacteristics,
					s.VUI.MatrixCoefficients})
			}
		}
	}
}
