package source

import (
	"context"
	"errors"
	"time"

	"github.com/hindsight-app/hindsight/capture/gst"
	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/capture/source/x11"
)

// captureScreen opens the screen with the backend that fits the session.
func captureScreen(ctx context.Context, c Screen, r report) error {
	if err := gst.Init(); err != nil { // its clock stamps everything
		return err
	}
	if way, _ := Backend(c.Backend, c.Display); way == Portal {
		return capturePortal(ctx, c, r)
	}
	return captureX11(ctx, c, r)
}

// captureX11 captures an X display.
func captureX11(ctx context.Context, c Screen, r report) error {
	d, err := x11.Open(c.Display)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Capture(ctx, x11.Config{
		Target: c.Target, Held: c.Held, Stay: c.Stay, HidePointer: c.HideCursor, FrameRate: c.FrameRate, Now: gst.Now,
		Frame: func(p x11.Frame, at time.Duration) {
			c.Frame(media.Frame{
				PTS: at, Width: p.Width, Height: p.Height, Stride: p.Width * 4, Data: p.Data, Serial: p.Serial, Bands: p.Bands,
				Release: p.Release,
			})
		},
		Same: func(width, height int, at time.Duration) bool {
			return c.Same != nil && c.Same(media.Frame{PTS: at, Width: width, Height: height, Same: true, Release: func() {}})
		},
		Up: func() { r.up(d.Name) }, Down: func(err error) {
			var a x11.AwayError
			if errors.As(err, &a) && a.Reason != "" {
				r.away(a.Reason, err)
				return
			}
			r.down(err)
		},
	})
}
