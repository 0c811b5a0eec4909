package encode

import (
	"context"
	"errors"
	"fmt"
	"time"

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
		return Measured{}, fmt.Errorf("%w: %w", ErrMissing, err)
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

	packets := make(chan struct{}, measureFrames)
	v, err := OpenVideo(c, func(*media.Packet) {
		select {
		case packets <- struct{}{}:
		default:
		}
	})
	if err != nil {
		return Measured{}, err
	}
	defer v.Close()
	limit := time.NewTimer(measureTime)
	defer limit.Stop()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	strip := newStrip(c.Width, c.Height)
	out := 0
	for pushed := 0; out < measureFrames; {
		for ; pushed < measureFrames && pushed < out+trialAhead; pushed++ {
			at := time.Duration(pushed) * time.Second / time.Duration(c.FrameRate)
			if err := v.Encode(strip.frame(pushed%trialFrames), at); err != nil {
				return Measured{}, err
			}
		}
		select {
		case <-packets:
			if out++; out == measureSkip {
				before, began = cpuTime(), time.Now()
			}
			continue
		case <-look.C:
			if err := v.out.err(); err != nil {
				return Measured{}, err
			}
			continue
		case <-ctx.Done():
			return Measured{}, ctx.Err()
		case <-limit.C:
		}
		break
	}
	frames := float64(out - measureSkip)
	if frames < 1 {
		return Measured{}, fmt.Errorf("it encoded %d frames in %v", out, measureTime)
	}
	took := time.Since(began)
	m := Measured{Rate: frames / took.Seconds()}
	if used := float64(cpuTime()-before) - rest*float64(took); used > 0 {
		m.Cores = used / float64(time.Second) / frames * float64(c.FrameRate)
	}
	return m, nil
}

// ErrMissing means that an encoder is not installed.
var ErrMissing = errors.New("not installed")
