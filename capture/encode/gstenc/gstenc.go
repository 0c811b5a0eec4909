// Package gstenc makes encoders of GStreamer's elements. An encoder is a pipeline between an appsrc and an appsink.
// Each owns its pipeline and one goroutine that pulls what comes out; Close ends the pipeline and waits for that
// goroutine. A sound encoder whose packets are not live has no goroutine: its packets are collected with the next
// block.
package gstenc

import (
	"context"
	"fmt"
	"time"

	"github.com/hindsight-app/hindsight/capture/encode/engine"
	"github.com/hindsight-app/hindsight/capture/gst"
)

// every is how often a goroutine looks for what comes out.
const every = 8 * time.Millisecond

// coder is what encoders of video and sound have in common: a pipeline that runs, with its two ends.
type coder struct {
	pipeline *gst.Pipeline
	in, out  *gst.Element
	cancel   context.CancelFunc
	done     chan struct{}
}

// start makes a pipeline's ends known and lets it run. It owns the pipeline from then on, also when it fails.
func start(p *gst.Pipeline) (*coder, error) {
	c := &coder{pipeline: p, cancel: func() {}, done: make(chan struct{})}
	close(c.done)
	for name, e := range map[string]**gst.Element{"in": &c.in, "out": &c.out} {
		var err error
		if *e, err = p.Element(name); err != nil {
			_ = p.Close()
			return nil, err
		}
	}
	if err := p.Play(0); err != nil {
		_ = p.Close()
		return nil, fmt.Errorf("it does not start: %w", err)
	}
	return c, nil
}

// run has a goroutine do something until close.
func (c *coder) run(f func(context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel, c.done = cancel, make(chan struct{})
	go func() {
		defer close(c.done)
		f(ctx)
	}()
}

// close may be called twice.
func (c *coder) close() {
	c.cancel()
	<-c.done
	_ = c.pipeline.Close()
}

// Maker is GStreamer.
func Maker() engine.Maker {
	return engine.Maker{Name: "gstreamer", Version: func() (string, error) {
		if err := gst.Init(); err != nil {
			return "", err
		}
		return gst.Version(), nil
	}}
}

// installed says whether GStreamer has an element, and what to install where it has not.
func installed(element, debian string) func() error {
	return func() error {
		if err := gst.Init(); err != nil {
			return err
		}
		switch {
		case gst.HasElement(element):
			return nil
		case debian == "":
			return engine.ErrNotInstalled
		}
		return fmt.Errorf("%s is %w; install %s", element, engine.ErrNotInstalled, debian)
	}
}
