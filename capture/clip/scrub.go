package clip

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/image/draw"

	"github.com/hindsight-app/hindsight/capture/gst"
	"github.com/hindsight-app/hindsight/capture/mp4"
)

// mostPixels bounds the images that are decoded: 8K.
const mostPixels = 7680 * 4320

// Cover returns what stands for a clip in a list, scaled to a width in pixels: the image that it has for that, its
// first frame where there is none, and a screenshot itself.
func Cover(ctx context.Context, path string, width int) (image.Image, error) {
	if IsImage(filepath.Base(path)) {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		return scaled(b, width)
	}
	if b, err := mp4.Cover(path); err == nil && len(b) > 0 {
		if img, err := scaled(b, width); err == nil {
			return img, nil
		}
	}
	return Thumbnail(ctx, path, width)
}

// scaled decodes an image and makes it smaller where it is wider.
func scaled(b []byte, width int) (image.Image, error) {
	c, _, err := image.DecodeConfig(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	if c.Width <= 0 || c.Height <= 0 || c.Width > mostPixels/c.Height {
		return nil, fmt.Errorf("an image of %d x %d is too large", c.Width, c.Height)
	}
	img, _, err := image.Decode(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	width = min(width, c.Width)
	out := image.NewRGBA(image.Rect(0, 0, width, max(1, width*c.Height/c.Width)))
	draw.ApproxBiLinear.Scale(out, out.Rect, img, img.Bounds(), draw.Src, nil)
	return out, nil
}

// Keyframes decodes at most n frames of a clip, spread over its playing time, scaled to a width in pixels. Only
// keyframes are read and decoded, whatever the clip's length.
func Keyframes(ctx context.Context, path string, n, width int) ([]image.Image, error) {
	source, err := mp4.OpenEnded(path)
	if err != nil {
		return nil, err
	}
	defer source.Close()
	frames, err := source.Keyframes(n)
	if err != nil {
		return nil, err
	}
	d, err := gst.OpenStage("video/x-h264,stream-format=byte-stream,alignment=au", "h264parse ! "+
		"avdec_h264 max-threads=1 ! videoconvert ! videoscale ! video/x-raw,format=RGBA,pixel-aspect-ratio=1/1,width="+
		strconv.Itoa(width&^1))
	if err != nil {
		return nil, err
	}
	defer d.Close()
	var out []image.Image
	keep := func(s *gst.Sample) error {
		img, err := copyImage(s)
		if err == nil {
			out = append(out, img)
		}
		return err
	}
	for _, f := range frames {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := d.Push(f.Data, max(f.PTS, 0), f.Duration); err != nil {
			return nil, err
		}
		if err := d.Ready(keep); err != nil {
			return nil, err
		}
	}
	if err := d.Drain(ctx, keep); err != nil {
		return nil, err
	}
	return out, nil
}
