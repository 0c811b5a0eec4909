package h264

import (
	"encoding/hex"
	"testing"

	"github.com/Eyevinn/mp4ff/avc"
	"github.com/stretchr/testify/require"
)

// Parameter sets as encoders of other makers write them: with a VUI without colours, and without any VUI.
func TestSignalKeepsTheRest(t *testing.T) {
	for name, text := range map[string]string{
		"no VUI":                  "67420020f404b04b24",
		"VUI with restriction":    "674200208c8d40a00b7202d0808140",
		"already signalled, x264": "6764001facd9405005bb016a02020280000003008000001e478c18cb",
	} {
		t.Run(name, func(t *testing.T) {
			in, err := hex.DecodeString(text)
			require.NoError(t, err)
			before, err := avc.ParseSPSNALUnit(in, true)
			require.NoError(t, err)
			s := Signaller{Matrix: 1}
			out := s.sps(in)
			require.Equal(t, out, s.sps(in), "the second time from memory")
			after, err := avc.ParseSPSNALUnit(out, true)
			require.NoError(t, err)
			require.Equal(t, [2]uint{before.Width, before.Height}, [2]uint{after.Width, after.Height})
			require.Equal(t, [2]uint32{before.Level, before.Profile}, [2]uint32{after.Level, after.Profile})
			require.NotNil(t, after.VUI)
			require.EqualValues(t, 1, after.VUI.MatrixCoefficients)
			if before.VUI != nil {
				require.Equal(t, before.VUI.BitstreamRestrictionFlag, after.VUI.BitstreamRestrictionFlag)
				require.Equal(t, before.VUI.MaxDecFrameBuffering, after.VUI.MaxDecFrameBuffering)
			}
		})
	}
	s := Signaller{Matrix: 1}
	require.Equal(t, []byte{0x67, 1}, s.sps([]byte{0x67, 1}), "what is no parameter set stays")
}

func FuzzSignal(f *testing.F) {
	f.Add([]byte{0x67, 0x42, 0, 0x20, 0xf4, 4, 0xb0, 0x4b, 0x24})
	f.Fuzz(func(t *testing.T, in []byte) {
		s := Signaller{Matrix: 6}
		if out := s.sps(in); len(in) > 0 && len(out) > len(in)+16 {
			t.Fatalf("%d bytes became %d", len(in), len(out))
		}
	})
}
