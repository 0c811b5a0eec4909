package encode

import (
	"context"
	"fmt"
	"time"

	"github.com/hindsight-app/hindsight/capture/encode/engine"
	"github.com/hindsight-app/hindsight/capture/media"
)

const (
	// measureFrames are encoded to measure an encoder; the first ones, while it starts, do not count.
	measureFrames, measureSkip = 72, 12
	measureTime                = 6 * time.Second
	// idleTime is for how long this process is watched without the encoder, to know what else it does.
	idleTime = 250 * time.Millisecond
)

// Measured is what an encoder does with moving content on this machine.
type Measured struct {
	// Rate is how many frames a second it holds at most.
	Rate float64
	// Cores is how much of a processor's core it takes at the configured frame rate; 0 where that is not known.
	Cores float64
}

// Measure encodes moving frames as fast as the encoder takes them. c.Encoder names it. ErrMissing is that it is not
// installed. What else this process does in the meantime is subtracted as it was just before.
func Measure(ctx context.Context, c VideoConfig) (Measured, error) {
	e, err := find(c.Encoder)
	if err != nil {
		return Measured{}, err
	}
	if err := e.Installed(); err != nil {
		return Measured{}, err
	}
	before, began := cpuTime(), time.Now()
	idle := time.NewTimer(idleTime)
	defer idle.Stop()
	select {
	case <-idle.C:
	case <-ctx.Done():
		return Measured{}, ctx.Err()
	}
	rest := float64(cpuTime()-before) / float64(time.Since(began))

	var used, took time.Duration // of the frames that count
	out, err := encodeMoving(ctx, c, measureFrames, measureTime, func(n int, _ *media.Packet) error {
		if n == measureSkip {
			before, began = cpuTime(), time.Now()
		}
		used, took = cpuTime()-before, time.Since(began)
		return nil
	})
	if err != nil {
		return Measured{}, err
	}
	frames := float64(out - measureSkip)
	if frames < 1 {
		return Measured{}, fmt.Errorf("it encoded %d frames in %v", out, measureTime)
	}
	m := Measured{Rate: frames / took.Seconds()}
	if own := float64(used) - rest*float64(took); own > 0 {
		m.Cores = own / float64(time.Second) / frames * float64(c.FrameRate)
	}
	return m, nil
}

// encodeMoving gives the encoder that c names moving frames as fast as it takes them, and hands on every packet with
// its number, from 1, until so many frames have come out or the time is over. It returns how many have.
func encodeMoving(ctx context.Context, c VideoConfig, frames int, limit time.Duration,
	each func(n int, p *media.Packet) error) (out int, err error) {
	packets := make(chan *media.Packet, frames)
	v, err := OpenVideo(c, func(p *media.Packet) {
		select {
		case packets <- p:
		default:
		}
	})
	if err != nil {
		return 0, err
	}
	defer v.Close()
	end := time.NewTimer(limit)
	defer end.Stop()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	strip := newStrip(c.Width, c.Height)
	for pushed := 0; out < frames; {
		for ; pushed < frames && pushed < out+trialAhead; pushed++ {
			at := time.Duration(pushed) * time.Second / time.Duration(c.FrameRate)
			if err := v.Encode(strip.frame(pushed%trialFrames), at); err != nil {
				return out, err
			}
		}
		select {
		case p := <-packets:
			out++
			if err := each(out, p); err != nil {
				return out, err
			}
		case <-look.C:
			if err := v.out.err(); err != nil {
				return out, err
			}
		case <-end.C:
			return out, nil
		case <-ctx.Done():
			return out, ctx.Err()
		}
	}
	return out, nil
}

// ErrMissing means that an encoder is not installed.
var ErrMissing = engine.ErrNotInstalled
