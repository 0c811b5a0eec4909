package encode

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/media"
)

// A page of small text that scrolled and then stands still becomes sharper and stays so, over many IDR frames; the
// encoder is hardly used for it, and no more is spent than the bitrate.
func TestAStillScreenIsSharp(t *testing.T) {
	const w, h, fps, moving, still = 1280, 720, 30, 75, 300
	page := make([]byte, w*h*3)
	random := rand.New(rand.NewPCG(1, 2))
	letters := make([][]byte, 40) // 6 x 10 pixels each
	for i := range letters {
		letters[i] = make([]byte, 60)
		for k := range letters[i] {
			letters[i][k] = byte(random.IntN(5) / 3 * 220)
		}
	}
	for y := 0; y < 2*h-16; y += 18 {
		for x := 20; x < w-8; x += 8 {
			if x%320 > 230 {
				continue
			}
			letter := letters[random.IntN(len(letters))]
			for k, c := range letter {
				page[(y+k/6)*w+x+k%6] = c
			}
		}
	}
	var got collector
	v := open(t, VideoConfig{Width: w, Height: h, FrameRate: fps, BitrateKbps: 2500, Preset: media.Performance,
		Encoder: "x264enc"}, &got)
	f := testFrame(w, h, [3]byte{})
	show := func(n int) {
		for i := range w * h {
			c := page[(i/w+n*6)%(2*h)*w+i%w]
			f.Data[4*i], f.Data[4*i+1], f.Data[4*i+2] = c, c, c
		}
	}
	for i := range moving + still {
		at := time.Duration(i) * time.Second / fps
		if i < moving {
			show(i)
			require.NoError(t, v.Encode(f, at))
		} else {
			require.NoError(t, v.Repeat(at, false))
		}
		waitFor(t, &got, i+1)
		require.Eventually(t, func() bool { return v.Pending() == 0 }, time.Minute, time.Millisecond)
	}
	all := got.all()
	begin := func(i int) int {
		for !all[i].Key {
			i--
		}
		return i
	}
	worst, last := 100.0, 0.0
	for _, i := range []int{45, 105, 165, 225, still - 1} {
		var stream []byte
		for _, p := range all[begin(moving+i) : moving+i+1] {
			stream = append(stream, p.Data...)
		}
		rgb := toRGB(t, stream)
		rgb = rgb[len(rgb)-w*h*3:]
		sum := 0.0
		for k := range w * h {
			d := float64(rgb[3*k+1]) - float64(f.Data[4*k+1])
			sum += d * d
		}
		last = 10 * math.Log10(255*255*w*h/sum)
		worst = min(worst, last)
	}
	bytes := 0
	for _, p := range all[moving:] {
		bytes += len(p.Data)
	}
	t.Logf("PSNR at least %.1f dB, in the end %.1f dB, with %d kb/s", worst, last, bytes*8*fps/still/1000)
	require.Greater(t, worst, 17.0)
	require.Greater(t, last, 24.0)
	require.Less(t, bytes*8*fps/still/1000, 2500)
	require.Less(t, int(v.out.pushed.Load()), moving+still/8, "frames left out")
}
