package encode

import (
	"image"

	"github.com/hindsight-app/hindsight/capture/encode/engine"
	"github.com/hindsight-app/hindsight/capture/encode/yuv"
	"github.com/hindsight-app/hindsight/capture/media"
)

// frames are the surfaces of one encoder and what they show. They are used again and again: the encoder seldom has more
// than one, and what has not changed stays as it is. They belong to the goroutine of Encode and Repeat.
type frames struct {
	convert *yuv.Converter
	more    func() (engine.Surface, error)
	all     []*surface
	last    *surface // the one that was encoded last
	repeats int      // since it was new
	refined bool     // late, for once
}

// surface is one of an engine's.
type surface struct {
	engine.Surface
	serial uint64 // of the frame that it shows; 0: unknown
}

func newFrames(c VideoConfig, format engine.Format) frames {
	width, height := c.size()
	return frames{convert: yuv.New(image.Pt(c.Width, c.Height), image.Pt(width, height), format)}
}

// show puts a frame into a surface that the encoder has let go of, if possible the last one.
func (f *frames) show(frame media.Frame) (*surface, error) {
	s, err := f.free()
	if err != nil {
		return nil, err
	}
	held := s.serial
	s.serial = 0
	if err := s.Write(func(dst []byte) error { return f.convert.Convert(frame, held, dst) }); err != nil {
		return nil, err
	}
	if f.convert.Fits(frame.Width, frame.Height) {
		s.serial = frame.Serial
	}
	f.last, f.repeats, f.refined = s, 0, false
	return s, nil
}

func (f *frames) free() (*surface, error) {
	if f.last != nil && f.last.Free() {
		return f.last, nil
	}
	for _, s := range f.all {
		if s.Free() {
			return s, nil
		}
	}
	memory, err := f.more()
	if err != nil {
		return nil, err
	}
	s := &surface{Surface: memory}
	f.all = append(f.all, s)
	return s, nil
}
