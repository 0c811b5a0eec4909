package stack

import (
	"context"
	"fmt"
	"time"
	"unsafe"

	"github.com/hindsight-app/hindsight/capture/gst"
)

// tone plays one stream of the pattern on one sink.
type tone struct {
	hz       float64
	clicks   bool
	pipeline *gst.Pipeline
	in       *gst.Element
}

const (
	toneBlock = 960 // sample frames at 48 kHz, 20 ms
	// toneLead is how far ahead blocks are handed over.
	toneLead = 200 * time.Millisecond
)

func newTone(server, sink string, hz float64, clicks bool) (*tone, error) {
	p, err := gst.Parse("appsrc name=in format=time is-live=false max-bytes=0 caps=audio/x-raw,format=F32LE,rate=48000,channels=2,layout=interleaved" +
		" ! pulsesink name=sink sync=true provide-clock=false slave-method=skew buffer-time=60000 latency-time=10000 client-name=pattern")
	if err != nil {
		return nil, err
	}
	out, err := p.Element("sink")
	if err != nil {
		_ = p.Close()
		return nil, err
	}
	in, err := p.Element("in")
	if err != nil {
		_ = p.Close()
		return nil, err
	}
	for name, value := range map[string]string{"server": server, "device": sink} {
		if err := out.Set(name, value); err != nil {
			_ = p.Close()
			return nil, err
		}
	}
	if err := p.Play(0); err != nil {
		_ = p.Close()
		return nil, fmt.Errorf("the pattern cannot be heard: %w", err)
	}
	return &tone{hz: hz, clicks: clicks, pipeline: p, in: in}, nil
}

func (t *tone) play(ctx context.Context) error {
	const length = toneBlock * time.Second / 48000
	block := make([]float32, toneBlock*2)
	for at := (monotonic() + toneLead).Truncate(length); ; at += length {
		if err := sleepUntil(ctx, at-toneLead); err != nil {
			return err
		}
		for i := range toneBlock {
			v := wave(at+time.Duration(i)*time.Second/48000, t.hz, t.clicks)
			block[2*i], block[2*i+1] = v, v
		}
		b, err := gst.NewBuffer(unsafe.Slice((*byte)(unsafe.Pointer(&block[0])), len(block)*4))
		if err != nil {
			return err
		}
		if err := t.in.Push(b, at, length); err != nil {
			if cause := t.pipeline.Err(0); cause != nil {
				return fmt.Errorf("the pattern's sound stopped: %w", cause)
			}
			return err
		}
	}
}

func (t *tone) close() { _ = t.pipeline.Close() }
