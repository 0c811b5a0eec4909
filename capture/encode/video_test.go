package encode

import (
	"bytes"
	"context"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/gst"
	"github.com/hindsight-app/hindsight/capture/media"
)

func testFrame(width, height int, bgr [3]byte) media.Frame {
	f := media.Frame{Width: width, Height: height, Stride: width * 4, Data: make([]byte, width*height*4)}
	for i := 0; i < len(f.Data); i += 4 {
		copy(f.Data[i:], bgr[:])
	}
	return f
}

func open(t *testing.T, c VideoConfig, got *collector) *Video {
	t.Helper()
	require.NoError(t, gst.Init())
	v, err := OpenVideo(c, got.emit)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, v.Close()); require.NoError(t, v.Close()) })
	return v
}

func waitFor(t *testing.T, got *collector, n int) []*media.Packet {
	t.Helper()
	require.Eventually(t, func() bool { return len(got.all()) >= n }, time.Minute, 5*time.Millisecond)
	return got.all()
}

func softwareEncoders(t *testing.T) []string {
	require.NoError(t, gst.Init())
	for _, n := range []string{"x264enc", "openh264enc"} {
		require.True(t, gst.HasElement(n), "%s is missing; run make setup", n)
	}
	return []string{"x264enc", "openh264enc"}
}

func TestFramesKeepTheirTimesAndIDRsComeOnRequest(t *testing.T) {
	for _, name := range softwareEncoders(t) {
		for _, preset := range media.Presets() {
			t.Run(name+" "+preset.String(), func(t *testing.T) {
				var got collector
				v := open(t, VideoConfig{Width: 320, Height: 180, FrameRate: 30, Preset: preset, Encoder: name}, &got)
				for i := range 70 {
					if i == 20 {
						v.RequestKeyframe()
					}
					at := time.Hour + time.Duration(i)*time.Second/30
					if i%3 == 2 {
						require.NoError(t, v.Repeat(at, false))
					} else {
						require.NoError(t, v.Encode(testFrame(320, 180, [3]byte{byte(i * 3), byte(i), 50}), at))
					}
				}
				packets := waitFor(t, &got, 70)
				gap := 0
				for i, p := range packets {
					require.Equal(t, time.Hour+time.Duration(i)*time.Second/30, p.PTS)
					if p.Key {
						require.NoError(t, check(p), "every IDR carries its parameter sets")
						gap = 0
					}
					gap++
					require.LessOrEqual(t, gap, KeyInterval*30)
				}
				require.True(t, packets[0].Key)
				require.True(t, packets[20].Key, "the frame after the request")
				require.Zero(t, v.Pending())
			})
		}
	}
}

// Primary colours survive encoding to H.264 and decoding within a few levels, with and without scaling, in odd sizes
// too.
func TestColoursComeBack(t *testing.T) {
	cases := map[string]struct{ w, h, out, wantW, wantH int }{
		"plain": {320, 180, 0, 320, 180}, "odd": {321, 181, 0, 320, 180}, "scaled": {640, 360, 180, 320, 180},
		"portrait": {180, 320, 0, 180, 320},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			require.True(t, HasScaler(), "libyuv is missing; run make setup")
			for _, bgr := range [][3]byte{{255, 255, 255}, {0, 0, 0}, {0, 0, 255}, {0, 255, 0}, {255, 0, 0}, {128, 64, 200}} {
				var got collector
				v := open(t, VideoConfig{Width: c.w, Height: c.h, OutHeight: c.out, FrameRate: 30, BitrateKbps: 8000,
					Preset: media.Balanced, Encoder: "x264enc"}, &got)
				require.Equal(t, c.wantW, v.Info().Width)
				require.Equal(t, c.wantH, v.Info().Height)
				for i := range 3 {
					require.NoError(t, v.Encode(testFrame(c.w, c.h, bgr), time.Duration(i)*time.Second/30))
				}
				var stream []byte
				for _, p := range waitFor(t, &got, 3) {
					stream = append(stream, p.Data...)
				}
				rgb := toRGB(t, stream)
				require.Len(t, rgb, 3*c.wantW*c.wantH*3)
				at := (c.wantH/2*c.wantW + c.wantW/2) * 3
				for k := range 3 {
					require.InDelta(t, bgr[2-k], rgb[at+k], 2, "colour %v came back as %v", bgr, rgb[at:at+3])
				}
			}
		})
	}
}

func toRGB(t *testing.T, stream []byte) []byte {
	t.Helper()
	c := exec.Command("ffmpeg", "-v", "error", "-f", "h264", "-i", "-", "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
	var out, msg bytes.Buffer
	c.Stdin, c.Stdout, c.Stderr = bytes.NewReader(stream), &out, &msg
	require.NoError(t, c.Run(), msg.String())
	require.Empty(t, msg.String())
	return out.Bytes()
}

func TestChooseTriesForReal(t *testing.T) {
	c := VideoConfig{Width: 640, Height: 360, FrameRate: 30, Preset: media.Balanced}
	name, err := Choose(context.Background(), c)
	require.NoError(t, err)
	require.Contains(t, Names(), name)
	second, err := Choose(context.Background(), c, name)
	require.NoError(t, err)
	require.NotEqual(t, name, second, "the next one when the first has failed")
	_, err = Choose(context.Background(), c, Names()...)
	require.ErrorIs(t, err, ErrNoEncoder)
	c.Encoder = "nosuchenc"
	_, err = Choose(context.Background(), c)
	require.ErrorContains(t, err, "x264enc")
}

func TestBitrateChangesWhileRunning(t *testing.T) {
	var got collector
	v := open(t, VideoConfig{Width: 640, Height: 360, FrameRate: 30, BitrateKbps: 4000, Preset: media.Performance,
		Encoder: "x264enc"}, &got)
	noise := testFrame(640, 360, [3]byte{})
	size := func(from, to int) (sum int) {
		for i := from; i < to; i++ {
			for j := range noise.Data {
				noise.Data[j] = byte((i*7919 + j*j*31) >> 3)
			}
			require.NoError(t, v.Encode(noise, time.Duration(i)*time.Second/30))
		}
		for _, p := range waitFor(t, &got, to)[from+(to-from)/2 : to] {
			sum += len(p.Data)
		}
		return sum
	}
	high := size(0, 90)
	require.NoError(t, v.SetBitrate(800))
	require.Equal(t, 800, v.Info().BitrateKbps)
	require.Less(t, size(90, 180), high/2)
}

func TestBrokenInputIsRefused(t *testing.T) {
	var got collector
	v := open(t, VideoConfig{Width: 320, Height: 180, FrameRate: 30, Preset: media.Balanced, Encoder: "x264enc"}, &got)
	require.NoError(t, v.Repeat(0, false), "nothing to repeat is nothing done")
	f := testFrame(320, 180, [3]byte{})
	f.Height = 0
	require.Error(t, v.Encode(f, 0))
	f = testFrame(320, 180, [3]byte{})
	f.Data = f.Data[:100]
	require.Error(t, v.Encode(f, 0))
	_, err := OpenVideo(VideoConfig{Width: 320, Height: 180, FrameRate: 30, Encoder: "nosuchenc"}, got.emit)
	require.Error(t, err)
}
