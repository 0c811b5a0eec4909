package encode

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/gst"
	"github.com/hindsight-app/hindsight/capture/media"
)

// Only what has changed is converted, and what goes into the encoder is the whole frame: where frames are left out,
// where the encoder keeps some of them for a while, and where some do not say what changed.
func TestOnlyChangedBandsAreConverted(t *testing.T) {
	for _, name := range softwareEncoders(t) {
		t.Run(name, func(t *testing.T) {
			const width, height, rows = 104, 150, (150 + media.BandRows - 1) / media.BandRows
			var got collector
			v := open(t, VideoConfig{Width: width, Height: height, FrameRate: 30, Preset: Performance, Encoder: name}, &got)
			f := testFrame(width, height, [3]byte{10, 20, 30})
			f.Bands = make([]uint64, rows)
			want := make([]byte, v.size)
			var kept []*gst.Buffer
			defer func() {
				for _, b := range kept {
					b.Release()
				}
			}()
			converted, shown := 0, 0
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
				require.Eventually(t, func() bool { return v.Pending() < 2 }, time.Minute, time.Millisecond)
				for _, r := range v.stale {
					converted += r.To - r.From
				}
				require.NoError(t, v.toYUV(f.Data, f.Stride, media.Rows{To: height}, want))
				look := v.last.buffer.Again()
				require.NoError(t, look.Fill(func(in []byte) error { require.True(t, bytes.Equal(want, in), n); return nil }))
				look.Release()
				if rand.IntN(4) == 0 {
					kept = append(kept, v.last.buffer.Again())
				}
				if len(kept) > 3 {
					kept[0].Release()
					kept = kept[1:]
				}
			}
			require.Less(t, converted, shown*height*2/3)
			require.Greater(t, len(v.surfaces), 1)
			waitFor(t, &got, shown)
		})
	}
}
