package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/hindsight-app/hindsight/capture/clock"
	"github.com/hindsight-app/hindsight/capture/gst"
	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/capture/source/portal"
)

const (
	// keepAlive is how often pipewiresrc repeats its last frame: a desktop sends none while nothing changes.
	keepAlive = time.Second
	// repeatsAlone is after how long with nothing but repeats the portal is asked whether it lives, for a still screen
	// and a hung portal look the same; hungAgain is how often one that hung is asked.
	repeatsAlone, hungAgain = 4 * time.Second, time.Second
	// silent is how long no frame, not even a repeated one, may come.
	silent = 10 * keepAlive
	// reconnects is how often the stream is opened again within one session before the session is given up.
	reconnects = 3
	// latest and earliest bound what is believed of a frame's time stamp, relative to now.
	latest, earliest = 5 * time.Millisecond, -time.Second
)

// errResized says that the stream changed its size without saying so, as PipeWire's element does before 1.0.
var errResized = errors.New("the video changed its size")

// CheckPortal says whether the frames that the desktop's portal hands out can be read. The error is a message.
func CheckPortal() error {
	if !gst.HasElement("pipewiresrc") {
		return errors.New("GStreamer cannot read PipeWire's frames; install gstreamer1.0-pipewire")
	}
	return nil
}

// capturePortal captures what the user chooses in the desktop's dialog. One session lives through interruptions of its
// stream.
func capturePortal(ctx context.Context, c Screen, r report) error {
	if err := CheckPortal(); err != nil {
		return err
	}
	s, err := portal.Open(ctx, portal.Request{HideCursor: c.HideCursor, Token: readToken(c.TokenFile)})
	if err != nil {
		return err
	}
	defer s.Close()
	unkept := writeToken(c.TokenFile, s.Token)
	for tries := 0; ; {
		r.note(unkept)
		came, err := show(ctx, c, s, tries%2 == 1, r)
		if ctx.Err() != nil {
			return nil
		}
		if gone := s.Err(); gone != nil {
			return gone
		}
		if errors.Is(err, errResized) {
			continue
		}
		r.down(err)
		if came {
			tries = 0
		} else if tries++; tries > reconnects {
			return err
		}
	}
}

// show opens the session's stream and hands its frames on until the stream, the session or ctx ends. It returns whether
// any came. Convert takes frames of any form: the converter hides a change of their size, so they are taken as they are
// first.
func show(ctx context.Context, c Screen, s *portal.Session, convert bool, r report) (came bool, err error) {
	remote, err := s.Remote(ctx)
	if err != nil {
		return false, err
	}
	defer remote.Close() // after the pipeline that uses it
	form := ",format={BGRx,BGRA}"
	if convert {
		form = " ! videoconvert ! video/x-raw,format=BGRx"
	}
	// A desktop that is asked for 30 frames a second at most gives fewer: it waits 33 ms and then for the screen's next
	// frame. Asked for half as many again it gives every second one of a screen at 60 Hz, and none is wasted.
	// path is the only property that takes the portal's number of the node; target-object wants another one.
	p, err := gst.Parse(fmt.Sprintf("pipewiresrc fd=%d path=%d client-name=Hindsight keepalive-time=%d"+
		" ! video/x-raw,max-framerate=[1/1,%d/1]%s ! appsink name=out sync=false max-buffers=2 drop=true",
		remote.Fd(), s.Node, keepAlive.Milliseconds(), c.FrameRate*3/2, form))
	if err != nil {
		return false, err
	}
	defer p.Close()
	out, err := p.Element("out")
	if err != nil {
		return false, err
	}
	if err := p.Play(5 * time.Second); err != nil {
		return false, fmt.Errorf("the desktop sends no frames: %w", err)
	}
	size, last := 0, clock.Now()
	live := liveness{ask: s.Alive, fresh: last}
	defer live.close()
	for ctx.Err() == nil && s.Err() == nil {
		sample, err := out.Pull(100*time.Millisecond, 4*time.Millisecond)
		switch {
		case err == nil:
			b, err := sample.Bytes()
			if err == nil && size != 0 && len(b) != size {
				err = errResized
			}
			if err != nil {
				sample.Release()
				return came, err
			}
			last, size = clock.Now(), len(b)
			f, err := rawFrame(sample, b, trusted(sample.PTS(), last))
			if err != nil {
				return came, err
			}
			came = true
			if live.frame(last); live.hung {
				f.Release()
				break
			}
			r.up("the desktop portal")
			c.Frame(upright(f, p.Tag("image-orientation")))
		case !errors.Is(err, gst.ErrTimeout):
			return came, stopped(p, err)
		case clock.Now()-last > silent && !live.hung:
			return came, stopped(p, errors.New("no frame arrived for some time; if this persists, log out and in again"))
		}
		if live.look(ctx, clock.Now()); live.hung {
			r.down(portal.ErrHung)
		}
	}
	return came, nil
}

var (
	widthOf  = regexp.MustCompile(`width=\(int\)(\d+)`)
	heightOf = regexp.MustCompile(`height=\(int\)(\d+)`)
)

// rawFrame makes a frame of a sample, which is released when that cannot be done.
func rawFrame(s *gst.Sample, b []byte, pts time.Duration) (media.Frame, error) {
	caps := s.Caps()
	width, height := number(widthOf, caps), number(heightOf, caps)
	if width < 2 || height < 2 || len(b) < width*height*4 {
		s.Release()
		return media.Frame{}, fmt.Errorf("the desktop's frames are of a form that is not supported (%s)", caps)
	}
	return media.Frame{PTS: pts, Width: width, Height: height, Stride: len(b) / height, Data: b, Release: s.Release}, nil
}

func number(r *regexp.Regexp, s string) int {
	m := r.FindStringSubmatch(s)
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

// stopped makes a message of the pipeline's own reason, or of what was seen of it.
func stopped(p *gst.Pipeline, seen error) error {
	return fmt.Errorf("the desktop's frames stopped: %w", p.Cause(seen))
}

// trusted is a frame's time: the desktop's own where that can be true. Some desktops stamp nothing, and PipeWire's
// element may add an offset of its own.
func trusted(pts, now time.Duration) time.Duration {
	if d := pts - now; d < earliest || d > latest {
		return now
	}
	return min(pts, now)
}

func readToken(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// writeToken keeps the token for the next time; each is good once, so an old one goes. The error is a message; capture
// goes on, for a dialog again and again would be no help.
func writeToken(path, token string) error {
	if path == "" {
		return nil
	}
	if token == "" {
		_ = os.Remove(path)
		return nil
	}
	folder := filepath.Dir(path)
	err := os.MkdirAll(folder, 0o700)
	if err == nil {
		err = os.WriteFile(path, []byte(token+"\n"), 0o600)
	}
	if err != nil {
		return fmt.Errorf("the desktop will ask again next time, for what you chose can't be kept; see that %s can be "+
			"written to: %w", folder, err)
	}
	return nil
}
