package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
	"unsafe"

	"github.com/hindsight-app/hindsight/capture/gst"
	"github.com/hindsight-app/hindsight/capture/media"
)

// defaultMonitor is the sound server's own name for the monitor of the default output (PulseAudio, pa_namereg_get). It is
// good for questions only: PipeWire 0.3 records the default microphone under it.
const defaultMonitor = "@DEFAULT_MONITOR@"

// hear records one source of the sound server with pulsesrc; the server converts to our format. PipeWire answers the
// same protocol.
//
// slave-method=re-timestamp stamps each block with the clock as it arrives. The default, skew, counts samples from the
// moment the stream is asked for and stays wrong by however long the server took to begin: 129 ms in a measurement
// against a pipe source that was fed by the clock, where re-timestamp is off by 1 to 6 ms. The jitter of the stamps is the
// mixer's to smooth.
func hear(ctx context.Context, c Sound, r report) error {
	between, late := "", time.Duration(0)
	if c.Suppress {
		between, late = suppressed, suppressDelay
	}
	p, err := gst.Parse("pulsesrc name=src client-name=Hindsight provide-clock=false slave-method=re-timestamp buffer-time=1000000 latency-time=10000 ! " +
		between + "audio/x-raw,format=F32LE,rate=48000,channels=2,layout=interleaved ! appsink name=out sync=false max-buffers=200 drop=true")
	if err != nil {
		return unsuppressed(c, err)
	}
	defer p.Close()
	src, err := p.Element("src")
	if err != nil {
		return err
	}
	device := c.Device
	if device == "" && c.Monitor {
		device = defaultMonitor
	}
	for name, value := range map[string]string{"device": device, "server": os.Getenv("PULSE_SERVER")} {
		if value == "" {
			continue
		}
		if err := src.Set(name, value); err != nil {
			return err
		}
	}
	out, err := p.Element("out")
	if err != nil {
		return err
	}
	if err := p.Play(5 * time.Second); err != nil {
		return unheard(c, err)
	}
	defer c.PCM(media.PCM{})
	ahead := func() time.Duration { return 0 }
	if c.Monitor {
		l := watchLag(c.Device)
		defer l.close()
		ahead = l.value
	}
	err = p.Each(ctx, out, 8*time.Millisecond, func(s *gst.Sample) error {
		defer s.Release()
		b, err := s.Bytes()
		if err != nil || len(b) < 8 {
			return err
		}
		r.up(label(c))
		c.PCM(media.PCM{PTS: s.PTS() + ahead() - late, Discont: s.Discont(), Samples: unsafe.Slice((*float32)(unsafe.Pointer(&b[0])), len(b)/4)})
		return nil
	})
	if err != nil {
		return unheard(c, err)
	}
	return nil
}

// unsuppressed says that the sound is not lost for good where only the suppression of noise cannot be had.
func unsuppressed(c Sound, err error) error {
	if c.Suppress && !gst.HasElement("webrtcdsp") {
		return fmt.Errorf("noise cannot be suppressed: %w; or turn that off in the settings", err)
	}
	return err
}

func label(c Sound) string {
	if c.Device != "" {
		return c.Device
	}
	return "default"
}

// unheard makes a sentence of a failure.
func unheard(c Sound, err error) error {
	what := "the default microphone"
	switch {
	case c.Device != "":
		what = "the sound device " + c.Device
	case c.Monitor:
		what = "the desktop's sound"
	}
	if errors.Is(err, gst.ErrEnded) {
		return fmt.Errorf("%s went away", what)
	}
	return fmt.Errorf("%s cannot be heard: %w", what, err)
}
