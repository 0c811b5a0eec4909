package clip

import (
	"context"
	"errors"
	"fmt"
	"image"
	"regexp"
	"strconv"
	"time"

	"github.com/hindsight-app/hindsight/capture/gst"
)

// thumbnailTime bounds the decoding of one frame.
const thumbnailTime = 5 * time.Second

// Thumbnail decodes the first frame of a clip, scaled to the given width in pixels.
func Thumbnail(ctx context.Context, path string, width int) (image.Image, error) {
	p, err := gst.Parse("filesrc name=file ! qtdemux ! h264parse ! avdec_h264 ! videoconvert ! videoscale ! " +
		fmt.Sprintf("video/x-raw,format=RGBA,width=%d,pixel-aspect-ratio=1/1 ! appsink name=out sync=false max-buffers=1",
			width&^1))
	if err != nil {
		return nil, err
	}
	defer p.Close()
	file, err := p.Element("file")
	if err != nil {
		return nil, err
	}
	out, err := p.Element("out")
	if err != nil {
		return nil, err
	}
	if err := file.Set("location", path); err != nil {
		return nil, err
	}
	if err := p.Play(0); err != nil {
		return nil, fmt.Errorf("the clip %s cannot be read: %w", path, err)
	}
	for end := time.Now().Add(thumbnailTime); ctx.Err() == nil; {
		s, err := out.Pull(50*time.Millisecond, 2*time.Millisecond)
		if err == nil {
			return toImage(s)
		}
		if cause := p.Cause(nil); cause != nil && !errors.Is(err, gst.ErrTimeout) {
			return nil, fmt.Errorf("the clip %s has no frame to show: %w", path, cause)
		} else if cause != nil {
			return nil, fmt.Errorf("the clip %s cannot be read: %w", path, cause)
		}
		if time.Now().After(end) {
			return nil, fmt.Errorf("the clip %s has no frame to show", path)
		}
	}
	return nil, ctx.Err()
}

var sizeOf = regexp.MustCompile(`(width|height)=\(int\)(\d+)`)

func toImage(s *gst.Sample) (image.Image, error) {
	defer s.Release()
	return copyImage(s)
}

// copyImage is toImage for a sample that is still needed.
func copyImage(s *gst.Sample) (image.Image, error) {
	b, err := s.Bytes()
	if err != nil {
		return nil, err
	}
	size := map[string]int{}
	for _, m := range sizeOf.FindAllStringSubmatch(s.Caps(), -1) {
		size[m[1]], _ = strconv.Atoi(m[2])
	}
	w, h := size["width"], size["height"]
	if w*h == 0 || len(b) < w*h*4 {
		return nil, errors.New("the clip's frames have no size")
	}
	return &image.RGBA{Pix: append([]byte(nil), b[:w*h*4]...), Stride: w * 4, Rect: image.Rect(0, 0, w, h)}, nil
}
