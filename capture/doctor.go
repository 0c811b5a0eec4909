package capture

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/hindsight-app/hindsight/capture/encode"
	"github.com/hindsight-app/hindsight/capture/gst"
	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/capture/source"
)

// Check is one thing that capture needs.
type Check struct {
	// Name is short, for example "encoder".
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	// Detail is a sentence: what was found, or what is wrong and what to do.
	Detail string `json:"detail"`
}

// Doctor looks at everything that capture needs, by using it.
func Doctor(ctx context.Context) []Check {
	if err := gst.Init(); err != nil {
		return []Check{{"gstreamer", false, err.Error()}}
	}
	checks := []Check{{"gstreamer", true, gst.Version() + " is loaded."}}
	add := func(name, found string, err error) {
		c := Check{name, err == nil, found}
		if err != nil {
			c.Detail = err.Error()
		}
		checks = append(checks, c)
	}
	name, err := checkEncoder(ctx, Defaults().Video)
	add("encoder", fmt.Sprintf("%s passed its trial.", name), err)
	for _, t := range []media.Track{media.Opus, media.AAC} {
		s, err := encode.OpenSound(t, func(*media.Packet) {})
		found := ""
		if err == nil {
			found = s.Name() + " works."
			err = s.Close()
		}
		add(t.String(), found, err)
	}
	if encode.HasScaler() {
		add("libyuv", "libyuv scales pictures.", nil)
	} else {
		checks = append(checks, Check{"libyuv", false, "libyuv is not installed, so scaling pictures takes several times as long; install libyuv0"})
	}
	checks = append(checks, checkScreen(ctx), checkSound(ctx))
	return checks
}

// checkScreen films until the first picture.
func checkScreen(ctx context.Context) Check {
	got := make(chan string, 1)
	s := source.OpenScreen(source.Screen{FrameRate: 30, Frame: func(f media.Frame) {
		select {
		case got <- fmt.Sprintf("The X display %s is filmed at %dx%d.", os.Getenv("DISPLAY"), f.Width, f.Height):
		default:
		}
		f.Release()
	}}, quiet())
	defer s.Close()
	if err := until(ctx, s, got); err != nil {
		return Check{"screen", false, err.Error()}
	}
	return Check{"screen", true, <-got}
}

func checkSound(ctx context.Context) Check {
	list, err := Devices(ctx)
	if err != nil {
		return Check{"sound server", false, err.Error()}
	}
	var names []string
	for _, d := range append(list.Desktop, list.Microphones...) {
		if d.Default {
			names = append(names, d.Name)
		}
	}
	return Check{"sound server", true, fmt.Sprintf("It has %d outputs and %d inputs; the defaults are %s.",
		len(list.Desktop), len(list.Microphones), strings.Join(names, " and "))}
}

// until waits for a first picture, a failure or the end of the context.
func until(ctx context.Context, s *source.Supervisor, got chan string) error {
	t := time.NewTicker(20 * time.Millisecond)
	defer t.Stop()
	for {
		if len(got) > 0 {
			return nil
		}
		if st := s.Status(); st.State == source.Failed {
			return st.Err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.C:
		}
	}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }
