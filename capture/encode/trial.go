package encode

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hindsight-app/hindsight/capture/media"
)

const (
	// trialFrames is how many frames a trial encodes, trialRun how many in a row count for the speed: the quickest
	// run does, so that a machine busy with something else for a moment makes no encoder slow.
	trialFrames, trialRun = 24, 12
	// trialAhead is how many frames are inside the encoder at once.
	trialAhead = 4
	// trialTime bounds one trial.
	trialTime = 4 * time.Second
)

// chosen remembers the choice: the same configuration gets the same encoder.
var chosen = struct {
	sync.Mutex
	name map[VideoConfig]string
}{name: map[VideoConfig]string{}}

// Forget makes Choose try again where it had chosen this encoder: it has failed.
func Forget(name string) {
	chosen.Lock()
	defer chosen.Unlock()
	for c, n := range chosen.name {
		if n == name {
			delete(chosen.name, c)
		}
	}
}

// Choose returns the first encoder that passes a trial with this configuration: the configured one if it is set, else
// the table from hardware to software, leaving out those named in skip. Hardware that does not hold the frame rate
// is taken only where nothing else works. Software is not measured: on a machine that is busy just now, when an app
// begins with the session for instance, a measurement would prove nothing and take seconds. The error names each one's
// failure.
func Choose(ctx context.Context, c VideoConfig, skip ...string) (string, error) {
	question := c
	question.BitrateKbps = 0
	chosen.Lock()
	name, known := chosen.name[question]
	chosen.Unlock()
	if known && !slices.Contains(skip, name) {
		return name, nil
	}
	name, err := choose(ctx, c, skip)
	if err != nil {
		return "", err
	}
	chosen.Lock()
	chosen.name[question] = name
	chosen.Unlock()
	return name, nil
}

func choose(ctx context.Context, c VideoConfig, skip []string) (string, error) {
	if c.Encoder != "" {
		if _, err := find(c.Encoder); err != nil {
			return "", err
		}
		if _, err := try(ctx, c); err != nil {
			return "", fmt.Errorf("%w: %s: %w", ErrNoEncoder, c.Encoder, err)
		}
		return c.Encoder, nil
	}
	var said, missing []string
	best, quickest := "", time.Duration(0)
	for _, e := range encoders {
		if slices.Contains(skip, e.Name) {
			said = append(said, e.Name+": stopped before")
			continue
		}
		if err := e.Installed(); err != nil {
			missing = append(missing, err.Error())
			continue
		}
		c.Encoder = e.Name
		took, err := try(ctx, c)
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		if err != nil {
			said = append(said, e.Name+": "+err.Error())
			continue
		}
		if e.Software || took <= time.Second/time.Duration(c.FrameRate) {
			return e.Name, nil
		}
		if best == "" || took < quickest {
			best, quickest = e.Name, took
		}
	}
	if best != "" {
		return best, nil
	}
	if len(said) == 0 {
		said = []string{alternatives(missing)}
	}
	return "", fmt.Errorf("%w (%s)", ErrNoEncoder, strings.Join(said, "; "))
}

// try encodes a few moving frames and looks at what comes out: it must begin with an IDR that carries its parameter
// sets. It returns how long a frame took; for software it looks at the first frame only, and returns 0.
func try(ctx context.Context, c VideoConfig) (time.Duration, error) {
	frames := trialFrames
	if e, err := find(c.Encoder); err == nil && e.Software {
		frames = 1
	}
	var out []time.Time
	n, err := encodeMoving(ctx, c, frames, trialTime, func(n int, p *media.Packet) error {
		out = append(out, time.Now())
		if n == 1 {
			return check(p)
		}
		return nil
	})
	switch {
	case err != nil:
		return 0, err
	case n == 0:
		return 0, fmt.Errorf("no frame came out within %v", trialTime)
	case n < frames:
		return trialTime / time.Duration(n), nil
	}
	return perFrame(out), nil
}

// perFrame is the mean time between frames in the quickest run.
func perFrame(out []time.Time) time.Duration {
	best := time.Duration(0)
	for i := trialRun; i < len(out); i++ {
		if d := out[i].Sub(out[i-trialRun]) / trialRun; best == 0 || d < best {
			best = d
		}
	}
	return best
}

// strip is a frame of coloured blocks with some noise, higher than the screen, past which it moves.
type strip struct {
	width, height int
	data          []byte
}

// stripStep is by how many rows it moves.
const stripStep = 4

func newStrip(width, height int) strip {
	s := strip{width, height, make([]byte, width*(height+stripStep*trialFrames)*4)}
	for y := range len(s.data) / (width * 4) {
		row := s.data[y*width*4 : (y+1)*width*4]
		for x := 0; x < len(row); x++ {
			blocks := uint32(x/64*2654435761) ^ uint32(y/16*40503)
			row[x] = byte(blocks>>(8*uint(x%3))) + byte((x*y*7)>>4&7)
		}
	}
	return s
}

func (s strip) frame(n int) media.Frame {
	return media.Frame{Width: s.width, Height: s.height, Stride: s.width * 4,
		Data: s.data[n*stripStep*s.width*4:][:s.width*s.height*4]}
}

// check looks at the first packet of a stream.
func check(p *media.Packet) error {
	have := map[int]bool{}
	for _, n := range p.NALs {
		have[media.NALType(n)] = true
	}
	if !have[media.NALIDR] || !have[media.NALSPS] || !have[media.NALPPS] {
		return errors.New("its first frame is not an IDR frame with parameter sets")
	}
	return nil
}
