package clip

import (
	"context"
	"errors"
	"fmt"
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
	d, err := gst.OpenStage("video/x-h264,stream-format=byte-stream,alignment=au", "h264parse ! "+
		"avdec_h264 max-threads=1 ! videoconvert ! video/x-raw,format=I420")
	if err != nil {
		return nil, err
	}
	defer d.Close()
	var e *gst.Stage
	defer func() {
		if e != nil {
			e.Close()
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
			e, err = gst.OpenStage(s.Caps(), fmt.Sprintf("x264enc pass=quant quantizer=%d speed-preset=veryfast "+
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
		if err := e.Push(b, s.PTS(), 0); err != nil {
			return err
		}
		return e.Pull(ctx, 1, encoded)
	}
	for _, f := range g.Frames {
		if err := d.Push(f.Data, f.PTS, f.Duration); err != nil {
			return nil, err
		}
		if err := d.Ready(decoded); err != nil {
			return nil, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	if err := d.Drain(ctx, decoded); err != nil {
		return nil, err
	}
	if e == nil {
		return nil, errors.New("no frame can be decoded there")
	}
	if err := e.Drain(ctx, encoded); err != nil {
		return nil, err
	}
	return out, nil
}
