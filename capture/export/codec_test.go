package export_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/capturetest"
	"github.com/hindsight-app/hindsight/capture/export"
	"github.com/hindsight-app/hindsight/capture/mp4"
)

// With the other codecs all frames of the part are there in their order, with the sound, in a file that players read.
func TestOtherCodecs(t *testing.T) {
	require.Equal(t, []export.Codec{export.H264, export.HEVC, export.AV1}, export.Codecs(),
		"gstreamer1.0-plugins-bad is needed, run make setup")
	path := movie(t, counting)
	whole := lumas(t, path)
	for codec, name := range map[export.Codec]string{export.HEVC: "movie (720p HEVC).mp4",
		export.AV1: "movie (720p AV1).mp4"} {
		t.Run(string(codec), func(t *testing.T) {
			got := exported(t, export.Request{Path: path, Preset: export.P720, Codec: codec, From: at(10), To: at(100)})
			require.Equal(t, name, filepath.Base(got.Path))
			require.Equal(t, [2]int{320, 180}, [2]int{got.Width, got.Height})
			info, err := capturetest.Probe(t.Context(), got.Path)
			require.NoError(t, err)
			v, ok := info.Only("video")
			require.True(t, ok)
			require.Equal(t, string(codec), v.Codec)
			require.InDelta(t, 3, info.Seconds, 0.04)
			frames := lumas(t, got.Path)
			require.Len(t, frames, 90)
			for i, luma := range frames {
				require.InDelta(t, whole[10+i], luma, 6, "frame %d", i)
			}
			tone, err := capturetest.ToneDB(t.Context(), got.Path, 440)
			require.NoError(t, err)
			require.Greater(t, tone, -30.0)
			own, err := mp4.Inspect(got.Path)
			require.NoError(t, err)
			require.Equal(t, [2]int{320, 180}, [2]int{own.Width, own.Height})
			require.True(t, own.Hindsight)
			_, err = mp4.Open(got.Path)
			require.ErrorContains(t, err, "only H.264", "it is not cut")
		})
	}
	for _, r := range []export.Request{{Preset: export.P720, Codec: "vp9"}, {Preset: export.GIF, Codec: export.AV1},
		{Preset: export.Fits, Codec: export.HEVC}} {
		r.Path = path
		_, err := export.Run(t.Context(), r, nil)
		require.ErrorAs(t, err, &export.InputError{}, "%+v", r)
	}
	nothingLeft(t, filepath.Dir(path), "movie.mp4", "movie (720p HEVC).mp4", "movie (720p AV1).mp4")
}
