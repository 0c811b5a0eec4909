package encode

import (
	"bytes"
	"image"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/encode/engine"
	"github.com/hindsight-app/hindsight/capture/encode/yuv"
	"github.com/hindsight-app/hindsight/capture/media"
)

// spy sees what goes into a real encoder, and can keep surfaces from being used again.
type spy struct {
	engine.Video
	all    []*spied
	pushed []byte // what the last new frame's surface showed
}

type spied struct {
	engine.Surface
	kept bool
}

func (s *spied) Free() bool { return !s.kept && s.Surface.Free() }

// spyOn replaces an encoder by itself with a spy before it.
func spyOn(t *testing.T, name string) *spy {
	t.Helper()
	e, err := find(name)
	require.NoError(t, err)
	s := &spy{}
	inner := e.Open
	e.Open = func(c engine.VideoStream, out engine.VideoOutput) (v engine.Video, err error) {
		s.Video, err = inner(c, out)
		return s, err
	}
	table(t, e)
	return s
}

func (s *spy) Surface() (engine.Surface, error) {
	inner, err := s.Video.Surface()
	s.all = append(s.all, &spied{Surface: inner})
	return s.all[len(s.all)-1], err
}

func (s *spy) Push(surface engine.Surface, pts time.Duration, key bool) error {
	own := surface.(*spied)
	if own.Surface.Free() {
		if err := own.Write(func(dst []byte) error { s.pushed = bytes.Clone(dst); return nil }); err != nil {
			return err
		}
	}
	return s.Video.Push(own.Surface, pts, key)
}

// What goes into the encoder is the whole frame: where the encoder keeps some surfaces for a while, where frames are
// left out, and where some do not say what changed.
func TestSurfacesShowTheWholeFrame(t *testing.T) {
	for _, name := range softwareEncoders(t) {
		t.Run(name, func(t *testing.T) {
			const width, height, rows = 104, 150, (150 + media.BandRows - 1) / media.BandRows
			var got collector
			seen := spyOn(t, name)
			v := open(t, VideoConfig{Width: width, Height: height, FrameRate: 30, Preset: media.Performance, Encoder: name},
				&got)
			f := testFrame(width, height, [3]byte{10, 20, 30})
			f.Bands = make([]uint64, rows)
			whole := yuv.New(image.Pt(width, height), image.Pt(width, height), engine.I420)
			want := make([]byte, whole.Size())
			shown := 0
			for n := range 200 {
				f.Serial = uint64(100 + n)
				for range rand.IntN(3) {
					band := rand.IntN(rows)
					f.Bands[band] = f.Serial
					at := band * media.BandRows * f.Stride
					for i := range f.Data[at:min(at+media.BandRows*f.Stride, len(f.Data))] {
						f.Data[at+i] = byte(rand.Uint32())
					}
				}
				if rand.IntN(4) == 0 {
					continue // left out
				}
				one := f
				if rand.IntN(20) == 0 {
					one.Serial, one.Bands = 0, nil
				}
				require.NoError(t, v.Encode(one, time.Duration(n)*time.Second/30))
				shown++
				require.NoError(t, whole.Convert(f, 0, want))
				require.True(t, bytes.Equal(want, seen.pushed), n)
				require.Eventually(t, func() bool { return v.Pending() < 2 }, time.Minute, time.Millisecond)
				kept := seen.all[rand.IntN(len(seen.all))]
				kept.kept = !kept.kept && len(seen.all) < 8 || kept.kept && rand.IntN(2) == 0
			}
			require.Greater(t, len(v.frames.all), 1)
			require.Less(t, len(v.frames.all), 12, "surfaces are used again")
			waitFor(t, &got, shown)
		})
	}
}

// A frame of another size goes into the stream as it is, between black bars; the next of the stream's size fills it.
func TestFramesOfAnotherSizeAreFittedIn(t *testing.T) {
	for _, out := range []int{0, 120} {
		var got collector
		seen := spyOn(t, "x264enc")
		v := open(t, VideoConfig{Width: 320, Height: 240, OutHeight: out, FrameRate: 30, Preset: media.Performance,
			Encoder: "x264enc"}, &got)
		white := [3]byte{255, 255, 255}
		width, height := v.Info().Width, v.Info().Height
		luma := func(x, y int) byte { return seen.pushed[y*width+x] }
		for n, f := range []media.Frame{
			testFrame(320, 240, white), testFrame(100, 200, white), testFrame(320, 240, white), testFrame(640, 100, white),
		} {
			require.NoError(t, v.Encode(f, time.Duration(n)*time.Second/30))
			waitFor(t, &got, n+1)
			require.Greater(t, luma(width/2, height/2), byte(200), n)
			if left := luma(1, height/2); f.Width < f.Height {
				require.Less(t, left, byte(30), n)
			} else {
				require.Greater(t, left, byte(200), n)
			}
			if top := luma(width/2, 1); f.Width > 2*f.Height {
				require.Less(t, top, byte(30), n)
			} else {
				require.Greater(t, top, byte(200), n)
			}
		}
	}
}
