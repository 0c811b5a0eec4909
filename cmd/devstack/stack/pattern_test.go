//go:build unix

package stack_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"
	"unsafe"

	"github.com/ebitengine/purego"
	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/clock"
	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
)

const measured = 12 // events

// TestPatternIsInStep measures the measuring instrument, without the code it is made of: a loop reads one pixel of the
// screen, and PulseAudio's own client library records the monitor and says how old what it hands over is. A monitor
// runs ahead of the output by up to 10 ms, which that library gives as an age of 0, so clicks look early by a part
// of that. A busy machine delays single events, so the medians are held to the limits.
func TestPatternIsInStep(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	d, err := stack.StartDesktop(ctx, t.TempDir(), stack.DesktopOptions{Width: 1280, Height: 720})
	require.NoError(t, err)
	defer d.Close()
	s, err := stack.StartSound(ctx, t.TempDir())
	require.NoError(t, err)
	defer s.Close()
	p, err := stack.StartPattern(ctx, stack.PatternOptions{Display: d.Display, PulseServer: s.Server,
		DesktopSink: s.DesktopSink, MicSink: s.MicSink})
	require.NoError(t, err)
	defer p.Close()

	type result struct {
		late []float64
		err  error
	}
	clicks := make(chan result, 1)
	go func() {
		late, err := hearClicks(ctx, s.Server, s.DesktopMonitor)
		clicks <- result{late, err}
	}()
	flashes, err := seeFlashes(ctx, d.Display)
	require.NoError(t, err)
	heard := <-clicks
	require.NoError(t, heard.err)

	seen, sound := median(flashes), median(heard.late)
	t.Logf("flashes late by %.1f ms (%.1f to %.1f), clicks by %.1f ms (%.1f to %.1f)", seen, slices.Min(flashes),
		slices.Max(flashes),
		sound, slices.Min(heard.late), slices.Max(heard.late))
	require.InDelta(t, 0, seen, 5, "flashes, ms: %v", flashes)
	require.InDelta(t, -2, sound, 8, "clicks, ms: %v", heard.late)
	require.NoError(t, p.Close())
	require.NoError(t, p.Close())
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

func now() time.Duration { return clock.Now() }

// lateness is how far t is from the nearest event in ms: positive is late.
func lateness(t time.Duration) float64 {
	off := t % stack.EventPeriod
	if off > stack.EventPeriod/2 {
		off -= stack.EventPeriod
	}
	return float64(off) / float64(time.Millisecond)
}

// seeFlashes reads a pixel again and again and notes when it turns white.
func seeFlashes(ctx context.Context, display string) ([]float64, error) {
	x, err := xgb.NewConnDisplay(display)
	if err != nil {
		return nil, err
	}
	defer x.Close()
	root := xproto.Drawable(xproto.Setup(x).DefaultScreen(x).Root)
	var late []float64
	white := true // the first one seen may be half over
	for len(late) < measured {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("%d flashes seen: %w", len(late), err)
		}
		image, err := xproto.GetImage(x, xproto.ImageFormatZPixmap, root, 5, 5, 1, 1, math.MaxUint32).Reply()
		if err != nil {
			return nil, err
		}
		bright := image.Data[0] == 0xff && image.Data[1] == 0xff && image.Data[2] == 0xff
		if bright && !white {
			late = append(late, lateness(now()))
		}
		white = bright
		pause := time.NewTimer(500 * time.Microsecond) // the sampling period, far below what is measured
		<-pause.C
	}
	return late, nil
}

// recorder is libpulse's simple interface (pulse/simple.h).
type recorder struct {
	handle  uintptr
	read    func(s uintptr, data unsafe.Pointer, bytes uintptr, err *int32) int32
	latency func(s uintptr, err *int32) uint64
	free    func(s uintptr)
}

func openRecorder(server, device string) (*recorder, error) {
	lib, err := purego.Dlopen("libpulse-simple.so.0", purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		return nil, fmt.Errorf("libpulse-simple.so.0 is missing; make setup installs it with pulseaudio: %w", err)
	}
	var open func(server, name string, dir int32, device, stream string, spec, channels, attr unsafe.Pointer,
		err *int32) uintptr
	r := &recorder{}
	purego.RegisterLibFunc(&open, lib, "pa_simple_new")
	purego.RegisterLibFunc(&r.read, lib, "pa_simple_read")
	purego.RegisterLibFunc(&r.latency, lib, "pa_simple_get_latency")
	purego.RegisterLibFunc(&r.free, lib, "pa_simple_free")
	const recordStream, float32LE, unset = 2, 5, math.MaxUint32 // pulse/def.h, pulse/sample.h
	spec := struct {
		format   int32
		rate     uint32
		channels uint8
	}{float32LE, 48000, 1}
	// 10 ms
	attr := struct{ maxLength, targetLength, preBuffer, minRequest, fragment uint32 }{unset, unset, unset, unset, 480 * 4}
	var code int32
	r.handle = open(server, "pattern test", recordStream, device, "monitor", unsafe.Pointer(&spec), nil,
		unsafe.Pointer(&attr), &code)
	if r.handle == 0 {
		return nil, fmt.Errorf("the monitor cannot be recorded: PulseAudio's error %d", code)
	}
	return r, nil
}

// hearClicks records the monitor and notes when each click began.
func hearClicks(ctx context.Context, server, device string) ([]float64, error) {
	r, err := openRecorder(server, device)
	if err != nil {
		return nil, err
	}
	defer r.free(r.handle)
	const (
		block     = 240 // samples, 5 ms
		threshold = 0.1 + 0.05
	)
	buffer := make([]float32, block)
	var late []float64
	quiet := 0
	for len(late) < measured {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("%d clicks heard: %w", len(late), err)
		}
		var code int32
		// The age of the next sample to be read, which the library works out from the server's timing.
		age := time.Duration(r.latency(r.handle, &code)) * time.Microsecond
		begin := now() - age
		if code != 0 || r.read(r.handle, unsafe.Pointer(&buffer[0]), block*4, &code) < 0 {
			return nil, errors.New("the recording of the monitor broke off")
		}
		for i, v := range buffer {
			if math.Abs(float64(v)) < threshold {
				quiet++
				continue
			}
			if quiet > 48000*8/10 {
				late = append(late, lateness(begin+time.Duration(i)*time.Second/48000))
			}
			quiet = 0
		}
	}
	return late, nil
}
