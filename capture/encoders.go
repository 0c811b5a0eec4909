package capture

import (
	"context"
	"errors"

	"github.com/hindsight-app/hindsight/capture/encode"
)

// FrameRates are the frame rates in frames a second that VideoConfig.FrameRate may be.
var FrameRates = []int{30, 60, 90, 120, 144, 165, 240}

// EncoderTrial is what a trial of an encoder found.
type EncoderTrial struct {
	// Name is the GStreamer element's, Width, Height (pixels) and FrameRate (frames a second) what it was tried with.
	Name                     string
	Width, Height, FrameRate int
	// Holds is how many frames a second it encodes at most, Cores how much of a processor's core it takes at FrameRate.
	Holds, Cores float64
	// Missing says that it is not installed, Error why it does not work.
	Missing bool
	Error   string
}

// EncoderNames lists the encoders that VideoConfig.Encoder may name, in the order in which they are tried.
func EncoderNames() []string { return encode.Names() }

// TryEncoders measures every encoder with frames of this size, one after the other, and reports each. It takes up to
// some seconds for each that is installed, and much of the machine. The error is only that of the context.
func TryEncoders(ctx context.Context, c VideoConfig, width, height int, report func(EncoderTrial)) error {
	for _, name := range encode.Names() {
		t := EncoderTrial{Name: name, Width: width, Height: height, FrameRate: c.FrameRate}
		m, err := encode.Measure(ctx, encode.VideoConfig{
			Width: width, Height: height, FrameRate: c.FrameRate, BitrateKbps: c.BitrateKbps,
			ConstantQuality: c.ConstantQuality, Preset: c.Preset, Encoder: name,
		})
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, encode.ErrMissing):
			t.Missing = true
		case err != nil:
			t.Error = err.Error()
		}
		t.Holds, t.Cores = m.Rate, m.Cores
		report(t)
	}
	return nil
}

// ReplayNeed is what a replay buffer takes.
type ReplayNeed struct {
	// BytesPerSecond is the stream's, video and sound, Memory what the whole buffer takes, Disk its copy for crash
	// recovery, in bytes.
	BytesPerSecond, Memory, Disk int64
}

// opusKbps and aacKbps are the bitrates of shared sound and of sound in clips, in kb/s.
const opusKbps, aacKbps = 128, 192

// kbps is the most in kb/s that the encoder is asked for with frames of this size in pixels.
func (v VideoConfig) kbps(width, height int) int {
	return encode.VideoConfig{Width: width, Height: height, FrameRate: v.FrameRate, BitrateKbps: v.BitrateKbps,
		ConstantQuality: v.ConstantQuality}.Kbps()
}

// EstimateReplay says what the replay buffer of a configuration takes for frames of this size in pixels, when it is
// full and the content moves.
func EstimateReplay(c Config, width, height int) ReplayNeed {
	kbps := c.Video.kbps(width, height)
	if c.Desktop.Enabled || c.Mic.Enabled {
		kbps += opusKbps + aacKbps
		if c.SeparateSound {
			kbps += 2 * aacKbps
		}
	}
	need := ReplayNeed{BytesPerSecond: int64(kbps) * 1000 / 8}
	need.Memory = int64(float64(need.BytesPerSecond) * c.Replay.Seconds())
	if c.JournalFolder != "" {
		need.Disk = need.Memory
	}
	return need
}
