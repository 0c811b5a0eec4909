package stack

import (
	"context"
	"errors"
	"time"

	"github.com/hindsight-app/hindsight/capture/clock"
)

// The test pattern. Flash and click happen at the same moments, which are not multiples of any frame time, so that the
// grain of the capture averages out.
const (
	// EventPeriod is the time between two flashes.
	EventPeriod = 1013700 * time.Microsecond
	// flashLength and clickLength are how long each event lasts.
	flashLength = 120 * time.Millisecond
	clickLength = 10 * time.Millisecond
	// DesktopHz and MicHz are the steady tones of the desktop's sound and the microphone, ClickHz the click's, in Hz.
	DesktopHz, MicHz, ClickHz = 440.0, 880.0, 5000.0
	// ToneLevel is the amplitude of each tone (-20 dB of full scale), ClickLevel the click's.
	ToneLevel, ClickLevel = 0.1, 0.5
)

// PatternOptions says where the pattern is shown and played.
type PatternOptions struct {
	// Display and PulseServer are the X display and the sound server; empty leaves that part out.
	Display, PulseServer string
	// DesktopSink and MicSink are the outputs that get the two tones; MicSink may be empty.
	DesktopSink, MicSink string
	// FrameRate of the moving content in frames a second; 0 is 30.
	FrameRate int
}

// Pattern is a moving test pattern with sound: flashes and clicks at the same moments, and a steady tone for each
// source of sound.
//
// Method: the X server draws each flash when CLOCK_MONOTONIC reaches the event; the request is followed by a round
// trip, so it is on the screen within a millisecond or two. The click is put into the very sample that PulseAudio says
// will be played at that moment. (GStreamer's pulsesink is no instrument for this: slaved to another clock it lets
// sound wander by up to its drift tolerance of 40 ms.) TestPatternIsInStep measures what is left, some milliseconds,
// against screen and monitor.
type Pattern struct {
	cancel context.CancelFunc
	done   []chan error
	stops  []func()
}

// StartPattern starts to draw and play, until Close.
func StartPattern(ctx context.Context, o PatternOptions) (*Pattern, error) {
	if o.FrameRate == 0 {
		o.FrameRate = 30
	}
	run, cancel := context.WithCancel(context.Background())
	p := &Pattern{cancel: cancel}
	if o.Display != "" {
		c, err := newCanvas(o.Display)
		if err != nil {
			cancel()
			return nil, err
		}
		p.stops = append(p.stops, c.close)
		p.spawn(func() error { return c.animate(run, o.FrameRate) })
	}
	for sink, hz := range map[string]float64{o.DesktopSink: DesktopHz, o.MicSink: MicHz} {
		if sink == "" || o.PulseServer == "" {
			continue
		}
		t, err := newTone(o.PulseServer, sink, hz, sink == o.DesktopSink)
		if err != nil {
			p.Close()
			return nil, err
		}
		p.stops = append(p.stops, t.close)
		p.spawn(func() error { return t.play(run) })
	}
	return p, ctx.Err()
}

func (p *Pattern) spawn(f func() error) {
	done := make(chan error, 1)
	p.done = append(p.done, done)
	go func() { done <- f() }()
}

// Close ends the pattern. It returns what went wrong while it ran.
func (p *Pattern) Close() error {
	p.cancel()
	var all error
	for _, d := range p.done {
		if err := <-d; err != nil && !errors.Is(err, context.Canceled) {
			all = errors.Join(all, err)
		}
	}
	for _, f := range p.stops {
		f()
	}
	p.done, p.stops = nil, nil
	return all
}

// monotonic is the clock of what is captured.
func monotonic() time.Duration { return clock.Now() }

// eventAfter is the first event at or after t.
func eventAfter(t time.Duration) time.Duration {
	return (t + EventPeriod - 1) / EventPeriod * EventPeriod
}

// sleepUntil waits until CLOCK_MONOTONIC reaches t.
func sleepUntil(ctx context.Context, t time.Duration) error {
	timer := time.NewTimer(max(t-monotonic(), 0))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
