package play

import (
	"context"
	"errors"
	"fmt"
	"image"
	"time"

	"github.com/hindsight-app/hindsight/capture/gst"
	"github.com/hindsight-app/hindsight/capture/mp4"
)

const (
	// ahead is how many frames are inside the decoder at most: it needs up to 16 to put them in order (ITU-T H.264,
	// A.3.1: MaxDpbFrames), and one more for each of its threads.
	ahead = 24
	// threads of the decoder: what is shown is at hand sooner with two, and each holds a frame back.
	threads = 2
	// patience is how long a decoder may give nothing.
	patience = 20 * time.Second
	// hunger is after how long without anything it gets more, for it may have lost some of what it has.
	hunger = time.Second
	// look is how often it is looked at.
	look = 2 * time.Millisecond
)

// reader decodes frames in the order in which they are shown, scaled to a size. It belongs to one goroutine.
type reader struct {
	clip          *Clip
	width, height int

	pipeline *gst.Pipeline
	in, out  *gst.Element
	zero     time.Duration // is added to PTS, for GStreamer's are not negative
	next     int           // what is to be pushed, in decoding order
	inside   int
	last     time.Duration // PTS of the frame that came last
	some     bool          // one has come
	ended    bool
}

// seek begins anew with the keyframe at or before a PTS.
func (r *reader) seek(pts time.Duration) error {
	r.close()
	p, err := gst.Parse("appsrc name=in format=time max-bytes=0 " +
		"caps=video/x-h264,stream-format=byte-stream,alignment=au ! h264parse ! " +
		fmt.Sprintf("avdec_h264 max-threads=%d ! videoscale ! video/x-raw,width=%d,height=%d,pixel-aspect-ratio=1/1 ! "+
			"videoconvert ! video/x-raw,format=RGBA ! appsink name=out sync=false max-buffers=4", threads, r.width, r.height))
	if err != nil {
		return err
	}
	r.pipeline = p
	if r.in, err = p.Element("in"); err == nil {
		r.out, err = p.Element("out")
	}
	if err == nil {
		err = p.Play(0)
	}
	if err != nil {
		r.close()
		return err
	}
	r.next = r.clip.keyBefore(pts)
	r.zero, r.inside, r.some, r.ended = 0, 0, false, false
	for _, x := range r.clip.frames {
		r.zero = max(r.zero, -x.PTS)
	}
	return nil
}

func (r *reader) close() {
	if r.pipeline != nil {
		_ = r.pipeline.Close()
		r.pipeline = nil
	}
}

// errEnd says that there are no more frames.
var errEnd = errors.New("there are no more frames")

// read returns the next frame.
func (r *reader) read(ctx context.Context) (*image.RGBA, time.Duration, error) {
	more := time.Now().Add(hunger)
	for end := time.Now().Add(patience); ; {
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		if err := r.feed(); err != nil {
			return nil, 0, err
		}
		s, err := r.out.Pull(50*time.Millisecond, look)
		switch {
		case err == nil:
			r.inside--
			img, pts, err := r.image(s)
			r.last, r.some = pts, true
			return img, pts, err
		case errors.Is(err, gst.ErrEnded) && r.ended:
			if cause := r.pipeline.Cause(gst.ErrEnded); !errors.Is(cause, gst.ErrEnded) {
				return nil, 0, cause
			}
			return nil, 0, errEnd
		case !errors.Is(err, gst.ErrTimeout):
			return nil, 0, r.pipeline.Cause(err)
		}
		if cause := r.pipeline.Cause(nil); cause != nil && !errors.Is(cause, gst.ErrEnded) {
			return nil, 0, cause
		}
		now := time.Now()
		if now.After(end) {
			return nil, 0, errors.New("its video cannot be decoded")
		}
		if now.After(more) {
			r.inside, more = 0, now.Add(hunger)
		}
	}
}

// feed fills the decoder.
func (r *reader) feed() error {
	frames := r.clip.frames
	for ; r.inside < ahead && r.next < len(frames); r.next++ {
		x := frames[r.next]
		data, err := r.clip.source.Frame(x)
		if err != nil {
			return err
		}
		b, err := gst.NewBuffer(data)
		if err != nil {
			return err
		}
		if err := r.in.Push(b, x.PTS+r.zero, x.Duration); err != nil {
			return r.pipeline.Cause(err)
		}
		r.inside++
	}
	if r.next == len(frames) && !r.ended {
		r.in.EndStream()
		r.ended = true
	}
	return nil
}

func (r *reader) image(s *gst.Sample) (*image.RGBA, time.Duration, error) {
	defer s.Release()
	b, err := s.Bytes()
	if err != nil {
		return nil, 0, err
	}
	size := r.width * r.height * 4
	if len(b) < size {
		return nil, 0, errors.New("its frames are of another size than its header says")
	}
	return &image.RGBA{Pix: append([]byte(nil), b[:size]...), Stride: r.width * 4,
		Rect: image.Rect(0, 0, r.width, r.height)}, s.PTS() - r.zero, nil
}

// near is how exact time stamps are after a decoder.
const near = 100 * time.Microsecond

// at decodes the frame of a PTS, going on from where the reader is if that is shorter. passed gets those on the way.
func (r *reader) at(ctx context.Context, pts time.Duration, passed func(*image.RGBA, time.Duration)) (*image.RGBA,
	error) {
	key := r.clip.keyBefore(pts)
	if r.pipeline == nil || !r.some || r.last >= pts-near || r.clip.frames[key].PTS > r.last {
		if err := r.seek(pts); err != nil {
			return nil, err
		}
	}
	for {
		img, got, err := r.read(ctx)
		if err != nil {
			return nil, err
		}
		if got >= pts-near { // the frame itself, or the next one where it cannot be decoded
			return img, nil
		}
		if passed != nil {
			passed(img, got)
		}
	}
}

// samplesFrom is the index of the first sample that is needed to hear a track from a moment on.
func samplesFrom(samples []mp4.Sample, at time.Duration) int {
	for i, x := range samples {
		if x.PTS+x.Duration > at-soundLead {
			return i
		}
	}
	return len(samples)
}
