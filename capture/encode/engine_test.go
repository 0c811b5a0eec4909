package encode

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/Eyevinn/mp4ff/bits"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/encode/engine"
	"github.com/hindsight-app/hindsight/capture/encode/h264"
	"github.com/hindsight-app/hindsight/capture/media"
)

// pcm is an encoder of another maker, in Go: every frame is an IDR frame whose samples stand in the stream as they are
// (ITU-T H.264, 7.3.5: I_PCM).
func pcm(failAfter int) engine.VideoEncoder {
	return engine.VideoEncoder{
		Name: "pcm", Software: true, CanInsertSkips: true, Installed: func() error { return nil },
		Open: func(c engine.VideoStream, out engine.VideoOutput) (engine.Video, error) {
			if c.Width%16 != 0 || c.Height%16 != 0 {
				return nil, errors.New("it takes whole macroblocks only")
			}
			v := &pcmVideo{c: c, out: out, failAfter: failAfter, jobs: make(chan pcmJob, 100), done: make(chan struct{})}
			go v.run()
			return v, nil
		},
	}
}

type pcmVideo struct {
	c         engine.VideoStream
	out       engine.VideoOutput
	failAfter int
	jobs      chan pcmJob
	done      chan struct{}
	keys      []bool
	kbps      int
	made      int
}

type pcmJob struct {
	yuv []byte
	pts time.Duration
}

// pcmSurface is free at once: a push copies it.
type pcmSurface struct{ memory []byte }

func (s pcmSurface) Free() bool                           { return true }
func (s pcmSurface) Write(f func(dst []byte) error) error { return f(s.memory) }

func (v *pcmVideo) Surface() (engine.Surface, error) {
	v.made++
	return pcmSurface{make([]byte, v.c.SurfaceSize)}, nil
}

func (v *pcmVideo) Push(s engine.Surface, pts time.Duration, key bool) error {
	v.keys = append(v.keys, key)
	v.jobs <- pcmJob{bytes.Clone(s.(pcmSurface).memory), pts}
	return nil
}

func (v *pcmVideo) SetBitrate(kbps int) error {
	v.kbps = kbps
	return nil
}

func (v *pcmVideo) Close() error {
	close(v.jobs)
	<-v.done
	return nil
}

var errBroken = errors.New("it is broken")

func (v *pcmVideo) run() {
	defer close(v.done)
	n := 0
	for j := range v.jobs {
		if n++; v.failAfter > 0 && n > v.failAfter {
			v.out.Failed(errBroken)
			return
		}
		v.out.Unit(v.unit(j.yuv, n), j.pts)
	}
}

// unit writes an access unit (7.3.2.1, 7.3.2.2, 7.3.3).
func (v *pcmVideo) unit(yuv []byte, n int) []byte {
	var unit bytes.Buffer
	nal := func(header byte, write func(w *bits.EBSPWriter)) {
		unit.Write([]byte{0, 0, 0, 1, header})
		w := bits.NewEBSPWriter(&unit)
		write(w)
		w.WriteRbspTrailingBits()
	}
	ue := func(w *bits.EBSPWriter, values ...uint) {
		for _, n := range values {
			w.WriteExpGolomb(n)
		}
	}
	nal(0x67, func(w *bits.EBSPWriter) {
		w.Write(66<<16|40, 24)                             // baseline, level 4
		ue(w, 0, 0, 2, 1)                                  // frame_num of 4 bits, pic_order_cnt_type 2, one reference
		w.Write(0, 1)                                      // no gaps
		ue(w, uint(v.c.Width/16-1), uint(v.c.Height/16-1)) // size
		w.Write(0b1100, 4)                                 // frames only, direct_8x8_inference; no cropping, no VUI
	})
	nal(0x68, func(w *bits.EBSPWriter) {
		ue(w, 0, 0)
		w.Write(0, 2)     // no CABAC
		ue(w, 0, 0, 0)    // one slice group, one reference
		w.Write(0, 3)     // no weights
		ue(w, 0, 0, 0)    // quantisers
		w.Write(0b100, 3) // deblocking is in the slice headers
	})
	nal(0x65, func(w *bits.EBSPWriter) {
		ue(w, 0, 7, 0)   // an I slice
		w.Write(0, 4)    // frame_num
		ue(w, uint(n&1)) // idr_pic_id differs from the one before
		w.Write(0, 2)    // dec_ref_pic_marking
		ue(w, 0, 1)      // slice_qp_delta, no deblocking
		wide, half := v.c.Width, v.c.Width/2
		u, luma := yuv[wide*v.c.Height:], yuv
		second := u[half*v.c.Height/2:]
		written := headerBits(n)
		count := func(value uint, bits int) { w.Write(value, bits); written += bits }
		for y := 0; y < v.c.Height; y += 16 {
			for x := 0; x < wide; x += 16 {
				w.WriteExpGolomb(25) // I_PCM, 9 bits
				written += 9
				for written%8 != 0 {
					count(0, 1)
				}
				for row := range 16 {
					for _, b := range luma[(y+row)*wide+x:][:16] {
						count(uint(b), 8)
					}
				}
				for _, plane := range [][]byte{u, second} {
					for row := range 8 {
						for _, b := range plane[(y/2+row)*half+x/2:][:8] {
							count(uint(b), 8)
						}
					}
				}
			}
		}
	})
	return unit.Bytes()
}

// headerBits is the length of unit's slice header: ue(0), ue(7), ue(0), 4 bits, ue of idr_pic_id, 2 bits, ue(0), ue(1).
func headerBits(n int) int { return 1 + 7 + 1 + 4 + 1 + 2*(n&1) + 2 + 1 + 3 }

// table puts encoders before the others for the length of a test.
func table(t *testing.T, e ...engine.VideoEncoder) {
	before := encoders
	encoders = append(e, before...)
	t.Cleanup(func() { encoders = before })
}

// An encoder of another maker is chosen, gets converted frames, and its stream gets skip frames and the colors; this
// needs no library.
func TestAnotherMakersEncoder(t *testing.T) {
	const w, h, frames = 64, 48, 90
	before := encoders
	encoders = []engine.VideoEncoder{pcm(0)}
	t.Cleanup(func() { encoders = before })
	c := VideoConfig{Width: w, Height: h, FrameRate: 30, Preset: media.Balanced}
	name, err := Choose(t.Context(), c)
	require.NoError(t, err)
	require.Equal(t, "pcm", name)
	c.Encoder = name
	var got collector
	v := open(t, c, &got)
	colors := [][3]byte{{255, 255, 255}, {0, 0, 255}, {200, 60, 20}}
	for i := range frames {
		at := time.Duration(i) * time.Second / 30
		if i%30 == 0 {
			require.NoError(t, v.Encode(testFrame(w, h, colors[i/30]), at))
		} else {
			require.NoError(t, v.Repeat(at, false))
		}
		require.Eventually(t, func() bool { return v.Pending() == 0 }, time.Minute, time.Millisecond)
		if i == 75 {
			v.RequestKeyframe()
		}
	}
	require.NoError(t, v.SetBitrate(777))
	require.Equal(t, 777, v.Info().BitrateKbps)
	engine := v.encoder.(*pcmVideo)
	require.Equal(t, 777, engine.kbps)
	require.Equal(t, 1, engine.made, "one surface is enough")
	require.Len(t, engine.keys, 3*(1+refine)+2+1+refine-refine/2, "two were refined late; the rest are skip frames")
	var stream []byte
	for i, p := range waitFor(t, &got, frames) {
		require.Equal(t, time.Duration(i)*time.Second/30, p.PTS)
		stream = append(stream, p.Data...)
	}
	require.True(t, got.all()[76].Key)
	require.False(t, got.all()[70].Key)
	rgb := toRGB(t, stream)
	require.Len(t, rgb, frames*w*h*3)
	for i := range frames {
		for k := range 3 {
			require.InDelta(t, colors[i/30][2-k], rgb[(i*w*h+w*h/2)*3+k], 2, "frame %d", i)
		}
	}
	for _, n := range got.all()[0].NALs {
		if media.NALType(n) == media.NALSPS {
			same := h264.Signaller{Matrix: 6}
			nals := [][]byte{bytes.Clone(n)}
			same.All(nals)
			require.Equal(t, n, nals[0], "it says its colors already")
		}
	}
}

// An encoder that fails while it runs says so at the next frame, and the choice falls on the next one.
func TestAnEncoderThatFailsWhileRunning(t *testing.T) {
	known := softwareEncoders(t)
	table(t, pcm(60))
	c := VideoConfig{Width: 320, Height: 176, FrameRate: 30, Preset: media.Balanced}
	name, err := Choose(t.Context(), c)
	require.NoError(t, err)
	require.Equal(t, "pcm", name, "it lives through its trial")
	c.Encoder = name
	var got collector
	v := open(t, c, &got)
	var failure error
	require.Eventually(t, func() bool {
		failure = v.Encode(testFrame(320, 176, [3]byte{1, 2, 3}), time.Duration(len(got.all()))*time.Second/30)
		return failure != nil
	}, 30*time.Second, time.Millisecond)
	require.ErrorIs(t, failure, errBroken)
	require.ErrorContains(t, failure, "pcm stopped")
	require.Len(t, got.all(), 60, "what was encoded before is kept")
	c.Encoder = ""
	next, err := Choose(t.Context(), c, name)
	require.NoError(t, err)
	require.Contains(t, known, next)
}

// The table has hardware first, whoever makes it, and each maker's encoders in the maker's order.
func TestHardwareComesFirst(t *testing.T) {
	e := func(name string, software bool) engine.VideoEncoder {
		return engine.VideoEncoder{Name: name, Software: software}
	}
	var names string
	for _, e := range inOrder(
		[]engine.VideoEncoder{e("a", false), e("b", false), e("c", true), e("d", true)},
		[]engine.VideoEncoder{e("e", false), e("f", true)},
	) {
		names += e.Name
	}
	require.Equal(t, "abecdf", names)
}

// Where nothing is installed the message says what to install, each thing once.
func TestNothingIsInstalled(t *testing.T) {
	before := encoders
	t.Cleanup(func() { encoders = before })
	encoders = nil
	for _, err := range []error{engine.ErrNotInstalled, errBroken, errBroken, errors.New("install another")} {
		encoders = append(encoders, engine.VideoEncoder{Name: "one", Installed: func() error { return err }})
	}
	_, err := Choose(t.Context(), VideoConfig{Width: 333, Height: 100, FrameRate: 30, Preset: media.Balanced})
	require.ErrorIs(t, err, ErrNoEncoder)
	require.ErrorContains(t, err, "(install another; or it is broken)")
}
