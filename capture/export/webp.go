package export

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"time"
	"unsafe"

	"github.com/hindsight-app/hindsight/capture/gst"
)

// webpQuality is that of the encoder, 0 to 100.
const webpQuality = 72

// webp makes an animated WebP image. GStreamer encodes single images only, of which each has what differs from the
// frame before; the animation around them is put together here.
func (j *job) webp(ctx context.Context) error {
	if !gst.HasElement("webpenc") {
		return errors.New("GStreamer's element webpenc is missing; install gstreamer1.0-plugins-bad")
	}
	s := long(imagePoint(j.info), webpSide)
	rate := 0.0
	if j.video.rate > webpRate*1.05 {
		rate = webpRate
	}
	frames := 0
	j.progress.part(1)
	err := writeFile(j.made(), func(f *os.File) error {
		w, err := newAnimation(f, s.width, s.height)
		if err != nil {
			return err
		}
		images := webpEncoder{}
		defer images.close()
		var before []uint32
		err = j.video.frames(ctx, s, "RGBA", rate, j.progress.at, func(f frame) error {
			if len(f.data) < s.width*s.height*4 {
				return errors.New("the clip's frames have another size than it says")
			}
			now := unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(f.data))), s.width*s.height)
			part := evened(differing(before, now, s.width, s.height), s.width, s.height)
			if part.Empty() {
				return nil // the frame before stays longer
			}
			img, err := images.encode(ctx, f.data, s.width, part)
			if err != nil {
				return err
			}
			before = append(before[:0], now...)
			frames++
			return w.add(img, part, f.at)
		})
		if err != nil {
			return err
		}
		return w.end(j.video.length())
	})
	j.describe("webpenc", s, frames)
	return err
}

// evened grows a part to places that an animation can name, which are even, and a little larger than the smallest.
func evened(r image.Rectangle, width, height int) image.Rectangle {
	if r.Empty() {
		return r
	}
	r.Min = image.Pt(r.Min.X&^1, r.Min.Y&^1)
	r.Max = image.Pt(min((r.Max.X+1)&^1, width), min((r.Max.Y+1)&^1, height))
	return r
}

// webpEncoder encodes images; the pipeline stays as long as their size does.
type webpEncoder struct {
	stage *gst.Stage
	size  image.Point
	data  []byte
}

func (e *webpEncoder) close() {
	if e.stage != nil {
		e.stage.Close()
		e.stage = nil
	}
}

// encode returns a part of an RGBA frame as the chunks of a WebP image.
func (e *webpEncoder) encode(ctx context.Context, rgba []byte, width int, part image.Rectangle) ([]byte, error) {
	if e.stage == nil || e.size != part.Size() {
		e.close()
		var err error
		e.size = part.Size()
		caps := fmt.Sprintf("video/x-raw,format=RGB,width=%d,height=%d,framerate=0/1", e.size.X, e.size.Y)
		e.stage, err = gst.OpenStage(caps, fmt.Sprintf("webpenc quality=%d speed=3 preset=drawing", webpQuality))
		if err != nil {
			return nil, err
		}
		e.stage.Patience = decoderPatience
	}
	// The encoder takes RGB, whose rows are as long as a multiple of 4 bytes, without an alpha channel, which would cost.
	stride := (e.size.X*3 + 3) &^ 3
	if need := stride * e.size.Y; cap(e.data) < need {
		e.data = make([]byte, need)
	}
	e.data = e.data[:stride*e.size.Y]
	for y := range e.size.Y {
		src := rgba[((part.Min.Y+y)*width+part.Min.X)*4:]
		dst := e.data[y*stride:]
		for x := range e.size.X {
			copy(dst[3*x:3*x+3], src[4*x:4*x+3])
		}
	}
	if err := e.stage.Push(e.data, 0, 0); err != nil {
		return nil, err
	}
	var out []byte
	err := e.stage.Pull(ctx, 1, func(x *gst.Sample) error {
		b, err := x.Bytes()
		out = append(out, b...)
		return err
	})
	if err == nil && out == nil {
		err = errors.New("the encoder webpenc gave no image")
	}
	if err != nil {
		return nil, err
	}
	return imageChunks(out)
}

// imageChunks are the chunks of a still WebP image that an animation holds (RFC 9649, 2.7.1.3): VP8, or VP8L.
func imageChunks(file []byte) ([]byte, error) {
	wrong := errors.New("the encoder webpenc gave no WebP image")
	if len(file) < 12 || string(file[:4]) != "RIFF" || string(file[8:12]) != "WEBP" {
		return nil, wrong
	}
	var out []byte
	for rest := file[12:]; len(rest) >= 8; {
		size := int(binary.LittleEndian.Uint32(rest[4:])) + 8
		size += size & 1
		if size > len(rest) {
			return nil, wrong
		}
		switch string(rest[:4]) {
		case "VP8 ", "VP8L", "ALPH":
			out = append(out, rest[:size]...)
		}
		rest = rest[size:]
	}
	if out == nil {
		return nil, wrong
	}
	return out, nil
}

// animation writes an animated WebP image (RFC 9649, 2.7): a frame when it is known how long it stays.
type animation struct {
	file  io.WriteSeeker
	size  int64 // behind the first 8 bytes
	frame []byte
	part  image.Rectangle
	at    time.Duration
}

func newAnimation(file io.WriteSeeker, width, height int) (*animation, error) {
	a := &animation{file: file}
	head := append([]byte("RIFF\x00\x00\x00\x00WEBPVP8X"), 10, 0, 0, 0)
	head = append(head, 1<<1, 0, 0, 0) // an animation, without alpha
	head = le24(le24(head, width-1), height-1)
	head = append(head, "ANIM"...)
	head = append(head, 6, 0, 0, 0, 0, 0, 0, 255, 0, 0) // black, without an end
	return a, a.write(head)
}

func le24(b []byte, v int) []byte { return append(b, byte(v), byte(v>>8), byte(v>>16)) }

func (a *animation) write(b []byte) error {
	n, err := a.file.Write(b)
	a.size += int64(n)
	return err
}

// add shows an image from a moment on.
func (a *animation) add(img []byte, part image.Rectangle, at time.Duration) error {
	if a.frame == nil {
		at = 0
	} else if err := a.put(at); err != nil {
		return err
	}
	a.frame, a.part, a.at = img, part, at
	return nil
}

// put writes the frame that stays until a moment.
func (a *animation) put(until time.Duration) error {
	ms := max(until.Round(time.Millisecond)-a.at.Round(time.Millisecond), time.Millisecond).Milliseconds()
	b := append([]byte("ANMF"), binary.LittleEndian.AppendUint32(nil, uint32(16+len(a.frame)))...)
	b = le24(le24(b, a.part.Min.X/2), a.part.Min.Y/2)
	b = le24(le24(b, a.part.Dx()-1), a.part.Dy()-1)
	b = le24(b, int(min(ms, 1<<24-1)))
	b = append(b, 1<<1) // without blending, and it stays
	return a.write(append(b, a.frame...))
}

// end writes the last frame and the file's size.
func (a *animation) end(length time.Duration) error {
	if a.frame == nil {
		return errors.New("the clip has no frame to show")
	}
	if err := a.put(length); err != nil {
		return err
	}
	if a.size > 1<<32-16 {
		return inputError("the image is too large; choose a shorter part of the clip")
	}
	if _, err := a.file.Seek(4, io.SeekStart); err != nil {
		return err
	}
	_, err := a.file.Write(le32(nil, uint32(a.size-8)))
	return err
}
