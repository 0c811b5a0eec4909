package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"time"

	"github.com/hindsight-app/hindsight/capture/gst"
	"github.com/hindsight-app/hindsight/capture/media"
)

// displayName is the form of an X display (X(7), DISPLAY NAMES).
var displayName = regexp.MustCompile(`^[\w./-]*:\d+(\.\d+)?$`)

// film captures the whole X screen with ximagesrc, whose PTS is the moment of the capture on the system clock.
func film(ctx context.Context, c Screen, up func(string)) error {
	display := c.Display
	if display == "" {
		display = os.Getenv("DISPLAY")
	}
	if display == "" {
		return errors.New("there is no X display to film; log in to a graphical session, or set DISPLAY")
	}
	if !displayName.MatchString(display) {
		return fmt.Errorf("%q is no X display; it looks like :0 or :1.0", display)
	}
	// The display stands in the description: ximagesrc opens one as soon as it is linked, before a property set later.
	p, err := gst.Parse(fmt.Sprintf("ximagesrc display-name=\"%s\" use-damage=false show-pointer=%t ! video/x-raw,framerate=%d/1 ! appsink name=out sync=false max-buffers=2 drop=true",
		display, !c.HideCursor, c.FrameRate))
	if err != nil {
		return err
	}
	defer p.Close()
	out, err := p.Element("out")
	if err != nil {
		return err
	}
	if err := p.Play(5 * time.Second); err != nil {
		return fmt.Errorf("the X display %s cannot be filmed: %w", display, err)
	}
	return p.Each(ctx, out, 4*time.Millisecond, func(s *gst.Sample) error { return deliverFrame(s, c, display, up) })
}

var (
	widthOf  = regexp.MustCompile(`width=\(int\)(\d+)`)
	heightOf = regexp.MustCompile(`height=\(int\)(\d+)`)
	formatOf = regexp.MustCompile(`format=\(string\)(\w+)`)
)

func deliverFrame(s *gst.Sample, c Screen, display string, up func(string)) error {
	b, err := s.Bytes()
	if err != nil {
		s.Release()
		return err
	}
	caps := s.Caps()
	width, height := number(widthOf, caps), number(heightOf, caps)
	format := formatOf.FindStringSubmatch(caps)
	if width < 2 || height < 2 || len(b) < width*height*4 || format == nil || (format[1] != "BGRx" && format[1] != "BGRA") {
		s.Release()
		return fmt.Errorf("the display %s delivers pictures of a form that is not supported (%s); use 24-bit colour", display, caps)
	}
	up(display)
	c.Frame(media.Frame{PTS: s.PTS(), Width: width, Height: height, Stride: len(b) / height, Data: b, Release: s.Release})
	return nil
}

func number(r *regexp.Regexp, s string) int {
	m := r.FindStringSubmatch(s)
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1])
	return n
}
