package encode

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hindsight-app/hindsight/capture/gst"
	"github.com/hindsight-app/hindsight/capture/media"
)

// trialFrames is how many pictures a trial encodes.
const trialFrames = 8

// trialTime bounds one trial.
const trialTime = 4 * time.Second

// Choose answers the first encoder that passes a trial with this configuration: the configured one if it is set, else
// the catalogue from hardware to software, leaving out those named in skip. The error names what each one said.
func Choose(ctx context.Context, c VideoConfig, skip ...string) (string, error) {
	if err := gst.Init(); err != nil {
		return "", err
	}
	if c.Encoder != "" {
		if _, err := find(c.Encoder); err != nil {
			return "", err
		}
		if err := Try(ctx, c); err != nil {
			return "", fmt.Errorf("%w: %s: %w", ErrNoEncoder, c.Encoder, err)
		}
		return c.Encoder, nil
	}
	var said []string
next:
	for _, e := range encoders {
		for _, s := range skip {
			if s == e.name {
				said = append(said, e.name+": stopped before")
				continue next
			}
		}
		if !gst.HasElement(e.name) {
			continue
		}
		c.Encoder = e.name
		err := Try(ctx, c)
		if err == nil {
			return e.name, nil
		}
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		said = append(said, e.name+": "+err.Error())
	}
	if len(said) == 0 {
		said = []string{"none is installed; install gstreamer1.0-plugins-ugly (x264enc) or gstreamer1.0-plugins-bad (openh264enc)"}
	}
	return "", fmt.Errorf("%w (%s)", ErrNoEncoder, strings.Join(said, "; "))
}

// Try encodes a few pictures and looks at what comes out: it must begin with an IDR that carries its parameter sets.
func Try(ctx context.Context, c VideoConfig) error {
	packets := make(chan *media.Packet, 2*trialFrames)
	v, err := OpenVideo(c, func(p *media.Packet) {
		select {
		case packets <- p:
		default:
		}
	})
	if err != nil {
		return err
	}
	defer v.Close()
	f := media.Frame{Width: c.Width, Height: c.Height, Stride: c.Width * 4, Data: make([]byte, c.Width*c.Height*4)}
	for i := range trialFrames {
		for j := 0; j < len(f.Data); j += 97 {
			f.Data[j] = byte(i*31 + j)
		}
		if err := v.Encode(f, time.Duration(i)*time.Second/time.Duration(c.FrameRate)); err != nil {
			return err
		}
	}
	limit := time.NewTimer(trialTime)
	defer limit.Stop()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case p := <-packets:
			return check(p)
		case <-look.C:
			if err := v.err(); err != nil {
				return err
			}
		case <-limit.C:
			return fmt.Errorf("no picture came out within %v", trialTime)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// check looks at the first packet of a stream.
func check(p *media.Packet) error {
	have := map[int]bool{}
	for _, n := range p.NALs {
		have[media.NALType(n)] = true
	}
	if !have[media.NALIDR] || !have[media.NALSPS] || !have[media.NALPPS] {
		return fmt.Errorf("its first picture is no IDR with parameter sets")
	}
	return nil
}
