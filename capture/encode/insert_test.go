package encode

import (
	"crypto/sha256"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/media"
)

// textured is a frame that no encoder gets exactly right at once.
func textured(width, height, n int) media.Frame {
	f := testFrame(width, height, [3]byte{})
	for i := range f.Data {
		f.Data[i] = byte((i/4%width)*(n%5+1) + (i/4/width)*(n%3+1)) // the same for each colour: 4:2:0 loses none of it
	}
	return f
}

// Frames that repeat the last one without the encoder decode to exactly the frame before, and the encoder's own
// frames after them to what they are without anything in between.
func TestAddedFramesRepeatTheLastOne(t *testing.T) {
	for _, preset := range media.Presets() {
		adds := preset != media.Quality
		t.Run(preset.String(), func(t *testing.T) {
			const w, h, frames = 322, 182, 160 // sizes that need cropping; more frames than frame numbers
			var got collector
			v := open(t, VideoConfig{Width: w, Height: h, FrameRate: 30, BitrateKbps: 3000, Preset: preset, Encoder: "x264enc"},
				&got)
			added := map[int]bool{}
			for i := range frames {
				at := time.Duration(i) * time.Second / 30
				if i%40 == 0 || i%40 == 20 || i%40 == 21 {
					require.NoError(t, v.Encode(textured(w, h, i), at))
				} else {
					before := v.out.pushed.Load()
					require.NoError(t, v.Repeat(at, false))
					added[i] = v.out.pushed.Load() == before
				}
				waitFor(t, &got, i+1)
				require.Eventually(t, func() bool { return v.Pending() == 0 }, time.Minute, time.Millisecond)
			}
			var stream []byte
			gap := 0
			for i, p := range got.all() {
				require.Equal(t, time.Duration(i)*time.Second/30, p.PTS)
				if gap++; p.Key {
					gap = 0
				}
				require.Less(t, gap, KeyInterval*30)
				if added[i] {
					require.Less(t, len(p.Data), 40, "frame %d", i)
				}
				stream = append(stream, p.Data...)
			}
			rgb := toRGB(t, stream)
			require.Len(t, rgb, frames*w*h*3)
			digest := func(i int) [32]byte { return sha256.Sum256(rgb[i*w*h*3 : (i+1)*w*h*3]) }
			count := 0
			for i := range frames {
				if added[i] {
					count++
					require.Equal(t, digest(i-1), digest(i), "frame %d", i)
				}
				if !added[i] && i%40 == 20 {
					require.NotEqual(t, digest(i-1), digest(i), "frame %d", i)
				}
				if i%40 == 39 { // the encoder's own frames after added ones refer to the right ones
					require.Less(t, difference(rgb[i*w*h*3:(i+1)*w*h*3], textured(w, h, i-18).Data), 12.0, "frame %d", i)
				}
			}
			require.Equal(t, adds, count > frames/2, "%d of %d were added", count, frames)
		})
	}
}

// An encoder that is behind is left out: frames that it was given in the meantime keep their order and their number.
func TestSkippingTheEncoderLosesNoFrame(t *testing.T) {
	const w, h, frames = 640, 360, 240
	var got collector
	v := open(t, VideoConfig{Width: w, Height: h, FrameRate: 30, BitrateKbps: 3000, Preset: media.Balanced,
		Encoder: "x264enc"}, &got)
	require.NoError(t, v.Encode(textured(w, h, 0), 0))
	waitFor(t, &got, 1)
	for i := 1; i < frames; i++ {
		at := time.Duration(i) * time.Second / 30
		if i%3 == 0 || i == frames-1 {
			require.NoError(t, v.Encode(textured(w, h, i), at))
		} else {
			require.NoError(t, v.Repeat(at, true))
		}
	}
	var stream []byte
	for i, p := range waitFor(t, &got, frames) {
		require.Equal(t, time.Duration(i)*time.Second/30, p.PTS)
		stream = append(stream, p.Data...)
	}
	require.Equal(t, int64(frames/3+1), v.out.pushed.Load())
	rgb := toRGB(t, stream)
	require.Len(t, rgb, frames*w*h*3)
	require.Less(t, difference(rgb[(frames-1)*w*h*3:], textured(w, h, frames-1).Data), 12.0)
}

// difference is the mean difference of the values of an RGB frame to those of a BGRx one.
func difference(rgb, bgrx []byte) float64 {
	sum := 0
	for i := range len(rgb) / 3 {
		for k := range 3 {
			sum += max(int(rgb[i*3+k])-int(bgrx[i*4+2-k]), int(bgrx[i*4+2-k])-int(rgb[i*3+k]))
		}
	}
	return float64(sum) / float64(len(rgb))
}
