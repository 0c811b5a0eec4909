package gstenc

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sync/atomic"
	"time"

	"github.com/hindsight-app/hindsight/capture/encode/engine"
	"github.com/hindsight-app/hindsight/capture/gst"
	"github.com/hindsight-app/hindsight/capture/media"
)

// Video lists the H.264 encoders of GStreamer in the order of trial, whether this machine has them or not.
func Video() []engine.VideoEncoder {
	var all []engine.VideoEncoder
	for _, e := range elements {
		all = append(all, e.encoder())
	}
	return all
}

func (e element) encoder() engine.VideoEncoder {
	return engine.VideoEncoder{
		Name: e.name, Format: e.format, Software: e.install != "", CanInsertSkips: e.canInsertSkips,
		Installed: installed(e.name, e.install),
		Open: func(c engine.VideoStream, out engine.VideoOutput) (engine.Video, error) {
			v, err := e.open(c, out)
			if err != nil {
				return nil, err
			}
			return v, nil
		},
	}
}

// video is a running H.264 encoder.
type video struct {
	*coder
	kind     element
	config   engine.VideoStream
	output   engine.VideoOutput
	encoder  *gst.Element
	surfaces []*surface
	inside   atomic.Int64
	given    chan struct{} // holds a token when frames went in since it was last taken
}

func (e element) open(c engine.VideoStream, out engine.VideoOutput) (*video, error) {
	p, err := e.parse(c)
	if err != nil {
		return nil, err
	}
	v := &video{kind: e, config: c, output: out, given: make(chan struct{}, 1)}
	if v.encoder, err = p.Element("encoder"); err != nil {
		_ = p.Close()
		return nil, err
	}
	if v.coder, err = start(p); err != nil {
		return nil, err
	}
	v.run(v.pull)
	return v, nil
}

// signal is how GStreamer names a stream's colors: range:matrix:transfer:primaries (gst-plugins-base,
// gst/video/video-color.c), which encoders write into the VUI (ITU-T H.264, annex E). sRGB has the primaries of BT.709;
// its transfer is called BT.709's, as everybody does.
var signal = map[int]string{1: "2:3:5:1", 6: "2:4:5:1"}

// unknown finds the property that GStreamer's parser does not know.
var unknown = regexp.MustCompile(`no property "([^"]+)"`)

// parse makes the pipeline. A property that this version of the encoder does not have is left out: what matters of them
// is seen in the trial.
func (e element) parse(c engine.VideoStream) (*gst.Pipeline, error) {
	format := "I420"
	if e.format == engine.NV12 {
		format = "NV12"
	}
	before := fmt.Sprintf("appsrc name=in format=time is-live=true max-bytes=0 caps=\"video/x-raw,format=%s,width=%d,"+
		"height=%d,framerate=%d/1,colorimetry=%s,interlace-mode=progressive,pixel-aspect-ratio=1/1\" ! ",
		format, c.Width, c.Height, c.FrameRate, signal[c.Matrix])
	const form = "video/x-h264,stream-format=byte-stream,alignment=au"
	after := " ! h264parse config-interval=-1 ! " + form + " ! appsink name=out sync=false"
	if e.nativeAnnexB {
		after = " ! " + form + " ! appsink name=out sync=false"
	}
	var without []string
	for {
		p, err := gst.Parse(before + e.launch(c, without) + after)
		if err == nil {
			return p, nil
		}
		m := unknown.FindStringSubmatch(err.Error())
		if m == nil || slices.Contains(without, m[1]) {
			return nil, err
		}
		without = append(without, m[1])
	}
}

// surface is a buffer that is never pushed itself: what is pushed are others that share its memory.
type surface struct{ *gst.Buffer }

func (s *surface) Write(f func([]byte) error) error { return s.Fill(f) }

func (v *video) Surface() (engine.Surface, error) {
	b, err := gst.Allocate(v.config.SurfaceSize)
	if err != nil {
		return nil, err
	}
	s := &surface{b}
	v.surfaces = append(v.surfaces, s)
	return s, nil
}

var errForeign = errors.New("the surface belongs to another encoder")

func (v *video) Push(s engine.Surface, pts time.Duration, key bool) error {
	own, ok := s.(*surface)
	if !ok {
		return errForeign
	}
	if key {
		_ = v.in.ForceKeyUnit()
	}
	v.inside.Add(1)
	err := v.in.Push(own.Again(), pts, time.Second/time.Duration(v.config.FrameRate))
	media.Poke(v.given)
	return err
}

func (v *video) SetBitrate(kbps int) error {
	if v.kind.bits {
		kbps *= 1000
	}
	return v.encoder.Set(v.kind.limit(v.config), fmt.Sprint(kbps))
}

// errAllOut says that no frame is inside the encoder.
var errAllOut = errors.New("the encoder is empty")

// pull hands finished frames on until the encoder is closed or fails. It looks for them only while there are some.
func (v *video) pull(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-v.given:
		}
		if err := v.pipeline.Each(ctx, v.out, every, v.deliver); err != nil && err != errAllOut {
			v.output.Failed(err)
			return
		}
	}
}

func (v *video) deliver(s *gst.Sample) error {
	defer s.Release()
	b, err := s.Bytes()
	if err != nil {
		return err
	}
	v.output.Unit(b, s.PTS())
	if v.inside.Add(-1) == 0 {
		return errAllOut
	}
	return nil
}

func (v *video) Close() error {
	v.close()
	for _, s := range v.surfaces {
		s.Release()
	}
	v.surfaces = nil
	return nil
}
