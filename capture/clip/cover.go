package clip

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"time"

	"github.com/hindsight-app/hindsight/capture/gst"
	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/capture/mp4"
)

const (
	// coverWidth is in pixels, sharp in lists of files.
	coverWidth = 480
	// coverTime bounds the drawing of a cover.
	coverTime = 5 * time.Second
)

// cover draws the IDR frame nearest to the middle of the window, as a JPEG; nil when that is not possible. One IDR is
// one frame to decode, wherever in the clip it is.
func cover(ctx context.Context, r Request) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, coverTime)
	defer cancel()
	middle := (r.Start + r.End) / 2
	var best *media.Packet
	for _, p := range r.Video {
		if p.Key && (best == nil || (p.PTS-middle).Abs() < (best.PTS-middle).Abs()) {
			best = p
		}
	}
	if best == nil {
		return nil, errors.New("there is no complete frame")
	}
	img, err := Decode(ctx, []*media.Packet{best}, coverWidth)
	if err != nil {
		return nil, err
	}
	return encodeCover(img)
}

// encodeCover makes a JPEG image that fits into a clip's space for a cover.
func encodeCover(img image.Image) ([]byte, error) {
	for _, quality := range []int{85, 60, 30} {
		var b bytes.Buffer
		if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: quality}); err != nil {
			return nil, err
		}
		if b.Len() <= mp4.CoverSpace {
			return b.Bytes(), nil
		}
	}
	return nil, errors.New("the cover image does not become small enough")
}

// Decode decodes frames, the first of which is an IDR, and returns the last one, scaled to a width in pixels (0: as
// it is).
func Decode(ctx context.Context, video []*media.Packet, width int) (image.Image, error) {
	size := ""
	if width > 0 {
		size = fmt.Sprintf(",width=%d,pixel-aspect-ratio=1/1", width&^1)
	}
	p, err := gst.Parse("appsrc name=in format=time max-bytes=0 " +
		"caps=\"video/x-h264,stream-format=byte-stream,alignment=au\" ! h264parse ! " +
		"avdec_h264 max-threads=1 ! videoconvert ! videoscale ! video/x-raw,format=RGBA" + size +
		" ! appsink name=out sync=false")
	if err != nil {
		return nil, err
	}
	defer p.Close()
	in, err := p.Element("in")
	if err != nil {
		return nil, err
	}
	out, err := p.Element("out")
	if err != nil {
		return nil, err
	}
	if err := p.Play(0); err != nil {
		return nil, err
	}
	for _, v := range video {
		b, err := gst.NewBuffer(v.Data)
		if err != nil {
			return nil, err
		}
		if err := in.Push(b, v.PTS, v.Duration); err != nil {
			return nil, err
		}
	}
	in.EndStream()
	return lastFrame(ctx, p, out)
}

func lastFrame(ctx context.Context, p *gst.Pipeline, out *gst.Element) (img image.Image, err error) {
	for ctx.Err() == nil {
		s, err := out.Pull(50*time.Millisecond, 2*time.Millisecond)
		switch {
		case err == nil:
			if img, err = toImage(s); err != nil {
				return nil, err
			}
		case errors.Is(err, gst.ErrEnded) && img != nil:
			return img, nil
		case !errors.Is(err, gst.ErrTimeout):
			return nil, fmt.Errorf("no frame can be decoded: %w", p.Cause(err))
		default:
			if cause := p.Cause(nil); cause != nil {
				return nil, fmt.Errorf("no frame can be decoded: %w", cause)
			}
		}
	}
	return nil, ctx.Err()
}
