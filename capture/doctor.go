package capture

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/hindsight-app/hindsight/capture/encode"
	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/capture/source"
	"github.com/hindsight-app/hindsight/capture/source/portal"
	"github.com/hindsight-app/hindsight/capture/video"
)

// Check is one thing that capture needs.
type Check struct {
	// Name is short, for example "encoder".
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	// Detail is a message: what was found, or what is wrong and what to do.
	Detail string `json:"detail"`
}

// Doctor looks at everything that capture needs, by using it. backend says how the screen is captured, tokenFile where
// the desktop's permission is kept: see VideoConfig.
func Doctor(ctx context.Context, backend Method, tokenFile string) []Check {
	var checks []Check
	add := func(name, found string, err error) {
		c := Check{name, err == nil, found}
		if err != nil {
			c.Detail = err.Error()
		}
		checks = append(checks, c)
	}
	for _, m := range encode.Makers() {
		version, err := m.Version()
		add(m.Name, version+" is loaded.", err)
	}
	name, err := video.Check(ctx, Defaults().Video.FrameRate, Defaults().Video.Encoding)
	add("encoder", fmt.Sprintf("%s works.", name), err)
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
		add("libyuv", "libyuv scales video.", nil)
	} else {
		checks = append(checks, Check{"libyuv", false,
			"libyuv is not installed, which makes scaling video several times slower; install libyuv0."})
	}
	checks = append(checks, checkScreen(ctx, backend, tokenFile), checkSound(ctx))
	return checks
}

// checkScreen says how the screen is captured and why, and tries it.
func checkScreen(ctx context.Context, backend Method, tokenFile string) Check {
	method, why := source.Backend(backend, "")
	if method == source.Portal {
		return checkPortal(ctx, why, tokenFile)
	}
	return checkX(ctx, why)
}

// checkPortal asks the portal what it offers. It does not capture: that would show a dialog, or use up the permission.
func checkPortal(ctx context.Context, why, tokenFile string) Check {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	offer, err := portal.Ask(ctx)
	if err == nil {
		err = source.CheckPortal()
	}
	if err != nil {
		return Check{"screen", false, "The screen is captured through the desktop portal, because " + why + ", but " +
			err.Error() + "."}
	}
	said := fmt.Sprintf("The screen is captured through the desktop portal (version %d), because %s. ", offer.Version, why)
	if _, err := os.Stat(tokenFile); err == nil {
		return Check{"screen", true, said + "The desktop has allowed it."}
	}
	return Check{"screen", true, said +
		"The desktop asks which screen to capture when the replay buffer, a recording or sharing starts."}
}

// checkX captures until the first frame.
func checkX(ctx context.Context, why string) Check {
	got := make(chan string, 1)
	s := source.OpenScreen(source.Screen{Backend: source.X11, FrameRate: 30, Frame: func(f media.Frame) {
		select {
		case got <- fmt.Sprintf("The X display %s is captured at %dx%d, because %s.", os.Getenv("DISPLAY"), f.Width, f.Height,
			why):
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
	return Check{"sound server", true, fmt.Sprintf("%s and %s; the defaults are %s.",
		counted(len(list.Desktop), "output"), counted(len(list.Microphones), "input"), strings.Join(names, " and "))}
}

// counted is a number with its noun: "1 input", "2 inputs".
func counted(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// until waits for a first frame, a failure or the end of the context.
func until(ctx context.Context, s *source.Supervisor, got chan string) error {
	t := time.NewTicker(20 * time.Millisecond)
	defer t.Stop()
	for {
		if len(got) > 0 {
			return nil
		}
		if st := s.Status(); st.State == media.Failed {
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
