package clip

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/hindsight-app/hindsight/capture/gst"
	"github.com/hindsight-app/hindsight/capture/mp4"
)

// recodeQuantizer is the quantizer of frames that a smart cut encodes anew: so low that they look as before, which is
// measured in a test (45 dB PSNR).
const recodeQuantizer = 10

// errNoX264 says what a smart cut needs.
var errNoX264 = errors.New("this needs the encoder x264; install gstreamer1.0-plugins-ugly")

// recode is the mp4.Encode of a smart cut. Only one frame at a time is decoded and encoded, so that it costs little
// memory.
func recode(ctx context.Context, g mp4.GOP) (out []mp4.Sample, err error) {
	if !gst.HasElement("x264enc") {
		return nil, errNoX264
	}
	d, err := openStage("video/x-h264,stream-format=byte-stream,alignment=au", "h264parse ! avdec_h264 max-threads=1 ! "+
		"videoconvert ! video/x-raw,format=I420")
	if err != nil {
		return nil, err
	}
	defer d.close()
	var e *stage
	defer func() {
		if e != nil {
			e.close()
		}
	}()
	encoded := func(s *gst.Sample) error {
		b, err := s.Bytes()
		if err != nil {
			return err
		}
		out = append(out, mp4.Sample{PTS: s.PTS(), Sync: len(out) == 0, Data: append([]byte(nil), b...)})
		return nil
	}
	decoded := func(s *gst.Sample) error {
		if s.PTS() < g.From-time.Millisecond {
			return nil
		}
		if e == nil {
			// The caps have the size and the color of the source, which go into the new parameter sets.
			e, err = openStage(s.Caps(), fmt.Sprintf("x264enc pass=quant quantizer=%d speed-preset=veryfast "+
				"tune=zerolatency bframes=0 key-int-max=100000 threads=1 byte-stream=true option-string=\"sps-id=%d\" ! "+
				"video/x-h264,stream-format=byte-stream,alignment=au,profile=high", recodeQuantizer, g.ParameterSetID))
			if err != nil {
				return err
			}
		}
		b, err := s.Bytes()
		if err != nil {
			return err
		}
		if err := e.push(b, s.PTS(), 0); err != nil {
			return err
		}
		return e.pull(ctx, 1, encoded)
	}
	for _, f := range g.Frames {
		if err := d.push(f.Data, f.PTS, f.Duration); err != nil {
			return nil, err
		}
		if err := d.ready(decoded); err != nil {
			return nil, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	if err := d.drain(ctx, decoded); err != nil {
		return nil, err
	}
	if e == nil {
		return nil, errors.New("no frame can be decoded there")
	}
	if err := e.drain(ctx, encoded); err != nil {
		return nil, err
	}
	return out, nil
}

// mostOut is how many buffers wait at the end of a stage before it stops working: decoded frames are large.
const mostOut = 4

// patience is how long a stage that is to give something may give nothing: damaged video can leave a decoder without.
const patience = 30 * time.Second

// stage is a pipeline that takes buffers and gives buffers. It belongs to one goroutine.
type stage struct {
	pipeline *gst.Pipeline
	in, out  *gst.Element
}

// openStage opens a pipeline of the elements between a source of these caps and a sink. Close it.
func openStage(caps, elements string) (*stage, error) {
	p, err := gst.Parse("appsrc name=in format=time max-bytes=0 ! " + elements + " ! appsink name=out sync=false " +
		"max-buffers=" + strconv.Itoa(mostOut))
	if err != nil {
		return nil, err
	}
	s := &stage{pipeline: p}
	if s.in, err = p.Element("in"); err == nil {
		s.out, err = p.Element("out")
	}
	if err == nil {
		err = s.in.Set("caps", caps)
	}
	if err == nil {
		err = p.Play(0)
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *stage) close() { _ = s.pipeline.Close() }

func (s *stage) push(data []byte, pts, duration time.Duration) error {
	b, err := gst.NewBuffer(data)
	if err != nil {
		return err
	}
	return s.in.Push(b, pts, duration)
}

// pull hands n buffers to f, or all that still come where the stream has ended.
func (s *stage) pull(ctx context.Context, n int, f func(*gst.Sample) error) error {
	for last := time.Now(); n > 0; {
		if err := ctx.Err(); err != nil {
			return err
		}
		if time.Since(last) > patience {
			return errors.New("its video cannot be decoded")
		}
		x, err := s.out.Pull(50*time.Millisecond, time.Millisecond)
		switch {
		case err == nil:
			err = f(x)
			x.Release()
			if err != nil {
				return err
			}
			n--
			last = time.Now()
		case errors.Is(err, gst.ErrTimeout):
			if cause := s.pipeline.Cause(nil); cause != nil && !errors.Is(cause, gst.ErrEnded) {
				return cause
			}
		default:
			if cause := s.pipeline.Cause(err); !errors.Is(cause, gst.ErrEnded) {
				return cause
			}
			return nil
		}
	}
	return nil
}

// ready hands what is there already to f.
func (s *stage) ready(f func(*gst.Sample) error) error {
	return s.pipeline.Ready(s.out, func(x *gst.Sample) error {
		defer x.Release()
		return f(x)
	})
}

// drain ends the stream and hands all that is left to f.
func (s *stage) drain(ctx context.Context, f func(*gst.Sample) error) error {
	s.in.EndStream()
	const all = 1 << 30
	return s.pull(ctx, all, f)
}
