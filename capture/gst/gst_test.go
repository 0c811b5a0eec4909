package gst_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/clock"
	"github.com/hindsight-app/hindsight/capture/gst"
)

func TestPullsSamplesOnTheSystemClock(t *testing.T) {
	p, err := gst.Parse("audiotestsrc is-live=true ! audio/x-raw,format=F32LE,rate=48000,channels=2 ! appsink name=out " +
		"sync=false")
	require.NoError(t, err)
	defer p.Close()
	out, err := p.Element("out")
	require.NoError(t, err)
	before := clock.Now()
	require.NoError(t, p.Play(time.Second))
	s, err := out.Pull(5*time.Second, time.Millisecond)
	require.NoError(t, err)
	defer s.Release()
	b, err := s.Bytes()
	require.NoError(t, err)
	require.NotEmpty(t, b)
	require.GreaterOrEqual(t, s.PTS(), before-time.Second)
	require.LessOrEqual(t, s.PTS(), clock.Now()+time.Second)
	require.Contains(t, s.Caps(), "audio/x-raw")
}

func TestPushesThroughAnEncoderAndForcesAnIDR(t *testing.T) {
	const w, h = 64, 64
	p, err := gst.Parse("appsrc name=in format=time is-live=true " +
		"caps=video/x-raw,format=I420,width=64,height=64,framerate=30/1" +
		" ! x264enc tune=zerolatency key-int-max=1000 ! video/x-h264,stream-format=byte-stream,alignment=au ! appsink " +
		"name=out sync=false")
	require.NoError(t, err)
	defer p.Close()
	in, err := p.Element("in")
	require.NoError(t, err)
	out, err := p.Element("out")
	require.NoError(t, err)
	b, err := gst.Allocate(w * h * 3 / 2)
	require.NoError(t, err)
	defer b.Release()
	require.NoError(t, p.Play(0))
	keys := map[int]bool{}
	for i := range 20 {
		if i == 10 {
			require.NoError(t, in.ForceKeyUnit())
		}
		require.Eventually(t, b.Free, 5*time.Second, time.Millisecond, "the encoder still has the frame before")
		require.NoError(t, b.Fill(func(d []byte) error {
			for j := range d {
				d[j] = byte(i * 5)
			}
			return nil
		}))
		again := b.Again()
		require.False(t, b.Free())
		require.NoError(t, in.Push(again, time.Duration(i)*time.Second/30, time.Second/30))
		s, err := out.Pull(5*time.Second, time.Millisecond)
		require.NoError(t, err)
		data, err := s.Bytes()
		require.NoError(t, err)
		keys[i] = bytes.Contains(data, []byte{0, 0, 1, 0x65}) // an IDR slice (ITU-T H.264, 7.3.1)
		require.Equal(t, time.Duration(i)*time.Second/30, s.PTS())
		s.Release()
	}
	require.True(t, keys[0])
	require.True(t, keys[10], "the frame after the request is an IDR")
	require.False(t, keys[9])
	require.False(t, keys[11])
}

func TestErrorsAreMessages(t *testing.T) {
	_, err := gst.Parse("nosuchelement ! fakesink")
	require.ErrorContains(t, err, "element \"nosuchelement\" is missing")
	p, err := gst.Parse("filesrc location=/does/not/exist ! fakesink")
	require.NoError(t, err)
	require.ErrorContains(t, p.Play(time.Second), "/does/not/exist")
	require.NoError(t, p.Close())
	require.NoError(t, p.Close())
}

func TestEndAndTimeout(t *testing.T) {
	p, err := gst.Parse("audiotestsrc num-buffers=1 ! appsink name=out sync=false")
	require.NoError(t, err)
	defer p.Close()
	out, err := p.Element("out")
	require.NoError(t, err)
	_, err = out.Pull(time.Millisecond, time.Millisecond)
	require.Error(t, err)
	require.NoError(t, p.Play(time.Second))
	s, err := out.Pull(5*time.Second, time.Millisecond)
	require.NoError(t, err)
	s.Release()
	_, err = out.Pull(5*time.Second, time.Millisecond)
	require.True(t, errors.Is(err, gst.ErrEnded))
}

func TestProperties(t *testing.T) {
	p, err := gst.Parse("audiotestsrc name=src ! appsink name=out sync=false")
	require.NoError(t, err)
	defer p.Close()
	e, err := p.Element("src")
	require.NoError(t, err)
	require.NoError(t, e.Set("num-buffers", "3"))
	require.Error(t, e.Set("nosuchproperty", "1"))
	_, err = p.Element("nobody")
	require.Error(t, err)
	require.True(t, gst.HasElement("appsink"))
	require.False(t, gst.HasElement("nosuchelement"))
	out, err := p.Element("out")
	require.NoError(t, err)
	require.NoError(t, p.Play(time.Second))
	n := 0
	err = p.Each(context.Background(), out, time.Millisecond, func(s *gst.Sample) error {
		n++
		s.Release()
		return nil
	})
	require.ErrorIs(t, err, gst.ErrEnded)
	require.Equal(t, 3, n, "as many as the property says")
}

func TestEachEndsWithItsContextAndItsCaller(t *testing.T) {
	p, err := gst.Parse("audiotestsrc is-live=true ! appsink name=out sync=false")
	require.NoError(t, err)
	defer p.Close()
	out, err := p.Element("out")
	require.NoError(t, err)
	require.NoError(t, p.Play(time.Second))
	enough := errors.New("enough")
	ctx, cancel := context.WithCancel(context.Background())
	require.ErrorIs(t, p.Each(ctx, out, time.Millisecond, func(s *gst.Sample) error { s.Release(); return enough }),
		enough)
	require.NoError(t, p.Each(ctx, out, time.Millisecond, func(s *gst.Sample) error { s.Release(); cancel(); return nil }))
}
