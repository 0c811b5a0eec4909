package export

import (
	"fmt"
	"image"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/hindsight-app/hindsight/capture/mp4"
)

// shape is how frames are cut out and scaled.
type shape struct {
	from          image.Point     // the size of the clip's frames
	crop          image.Rectangle // what is kept of a frame
	width, height int             // of the new frames, even
}

// shapeOf cuts and scales frames so that the shorter side has so many pixels at most; 0 keeps the size. It never makes
// them larger.
func shapeOf(from image.Point, crop image.Rectangle, short int) shape {
	w, h := crop.Dx(), crop.Dy()
	if side := min(w, h); short > 0 && short < side {
		w, h = scaled(w, short, side), scaled(h, short, side)
	}
	return shape{from, crop, even(w), even(h)}
}

// long is shapeOf for the longer side.
func long(from image.Point, side int) shape {
	short := 0
	if l := max(from.X, from.Y); l > side {
		short = max(scaled(min(from.X, from.Y), side, l), 2)
	}
	return shapeOf(from, image.Rectangle{Max: from}, short)
}

func scaled(v, to, of int) int { return int(math.Round(float64(v) * float64(to) / float64(of))) }

func even(v int) int { return max(v&^1, 2) }

// upright is the part of a frame that a video of 9 : 16 shows.
func upright(size image.Point, at Position) image.Rectangle {
	w, h := size.X, size.Y
	if w*16 > h*9 {
		w = 2 * scaled(h, 9, 32)
	} else {
		h = 2 * scaled(w, 16, 18)
	}
	w, h = min(w, size.X), min(h, size.Y)
	spare := image.Pt(size.X-w, size.Y-h)
	switch at {
	case Left:
		spare = image.Point{}
	case Right:
	default:
		spare = spare.Div(2)
	}
	spare = image.Pt(spare.X&^1, spare.Y&^1) // 4:2:0
	return image.Rectangle{Min: spare, Max: spare.Add(image.Pt(w, h))}
}

// The most pixels of an image's longer side, and frames a second.
const (
	gifSide, gifRate   = 480, 15
	webpSide, webpRate = 640, 20
)

// Info is what is known of a clip.
type Info struct {
	Seconds       float64
	Width, Height int
	// FrameRate is the mean in frames a second, Bytes the size of the file.
	FrameRate float64
	Bytes     int64
	// Sounds is the number of sound tracks.
	Sounds int
}

// Look reads the header of a clip. An InputError says why it is none.
func Look(path string) (Info, error) {
	s, err := mp4.OpenEnded(path)
	if err != nil {
		return Info{}, inputError("%s cannot be exported: %v", filepath.Base(path), err)
	}
	defer s.Close()
	return look(s, path)
}

func look(s *mp4.Source, path string) (Info, error) {
	head, err := mp4.Inspect(path)
	if err != nil {
		return Info{}, inputError("%s cannot be exported: %v", filepath.Base(path), err)
	}
	i := Info{Seconds: s.Length().Seconds(), Width: head.Width, Height: head.Height, Sounds: len(s.Sounds()),
		Bytes: size(path)}
	v, err := openVideo(s, 0, s.Length())
	if err != nil {
		return Info{}, inputError("%s cannot be exported: %v", filepath.Base(path), err)
	}
	i.FrameRate = v.rate
	if i.Width < 2 || i.Height < 2 {
		return Info{}, inputError("%s cannot be exported: its video has no size", filepath.Base(path))
	}
	return i, nil
}

// Plan is what an export is expected to be.
type Plan struct {
	Width, Height int
	FrameRate     float64
	Seconds       float64
	// Bytes is about the file's size, the limit at most where there is one.
	Bytes int64
}

// soundKbps is the bitrate of sound where the size does not matter.
const soundKbps = 192

// Plan is what comes of a request.
func (i Info) Plan(r Request) Plan {
	size := image.Pt(i.Width, i.Height)
	length := i.Seconds
	if r.To > 0 {
		length = min(length, r.To.Seconds())
	}
	length = max(length-r.From.Seconds(), 0)
	p := Plan{FrameRate: i.FrameRate, Seconds: length}
	part := float64(i.Bytes) * length / max(i.Seconds, 0.001)
	sound := length * soundKbps * 125
	video := func(s shape) {
		p.Width, p.Height = s.width, s.height
		share := float64(s.width*s.height) / float64(size.X*size.Y)
		p.Bytes = int64(min(part*math.Pow(share, 0.8), length*float64(mostKbps(s, i.FrameRate))*125) + sound)
	}
	switch r.Preset {
	case P720:
		video(shapeOf(size, image.Rectangle{Max: size}, 720))
	case P1080:
		video(shapeOf(size, image.Rectangle{Max: size}, 1080))
	case Vertical:
		video(shapeOf(size, upright(size, r.Crop), 1080))
	case Fits:
		video(shapeOf(size, image.Rectangle{Max: size}, 0))
		p.Bytes = min(p.Bytes, r.limit())
	case GIF:
		s := long(size, gifSide)
		p.Width, p.Height, p.FrameRate = s.width, s.height, min(p.FrameRate, gifRate)
		p.Bytes = int64(float64(s.width*s.height) * p.FrameRate * length * 0.25)
	case WebP:
		s := long(size, webpSide)
		p.Width, p.Height, p.FrameRate = s.width, s.height, min(p.FrameRate, webpRate)
		p.Bytes = int64(float64(s.width*s.height) * p.FrameRate * length * 0.06)
	case Audio:
		kbps := map[SoundFormat]float64{WAV: 1536, Opus: 128}[r.Sound]
		if kbps == 0 {
			kbps = soundKbps
		}
		p.FrameRate, p.Bytes = 0, int64(length*kbps*125)
	}
	return p
}

// mostKbps bounds the bitrate of video whose size does not matter: 0.2 bits a pixel at 30 frames a second.
func mostKbps(s shape, rate float64) int {
	return max(int(float64(s.width*s.height)*0.2*math.Sqrt(max(rate, 1)*30)/1000), 300)
}

// complexity is what the clip's frames need: the bitrate in kb/s at quantizer 30, with frames of so many pixels and so
// many of them a second.
type complexity struct{ kbps, pixels, rate float64 }

// good is the quantizer at which video looks good, fine the one at which it looks like the original.
const good, fine = 30, 17

// need is the bitrate in kb/s for a quantizer, by rules of thumb: 6 steps halve it, larger frames need less for each
// pixel, and more frames less for each.
func (c complexity) need(quantizer, pixels, rate float64) float64 {
	return c.kbps * math.Pow(pixels/c.pixels, 0.8) * math.Pow(rate/c.rate, 0.7) * math.Pow(2, (30-quantizer)/6)
}

// sides are the shorter sides that a video may be scaled to, rates the frame rates.
var (
	sides = []int{2160, 1440, 1080, 900, 720, 540, 480, 360, 270, 180, 120}
	rates = []float64{60, 30, 20, 15, 10}
)

// carry is what a bitrate in kb/s carries of frames of a size and a rate: the sharpest and smoothest video that still
// looks good, else the least there is. Below 30 frames a second smoothness counts more than sharpness.
func (c complexity) carry(kbps float64, size image.Point, rate float64) (short int, fps float64) {
	native := min(size.X, size.Y)
	shorts, speeds := []int{native}, []float64{rate}
	for _, s := range sides {
		if s < native {
			shorts = append(shorts, s)
		}
	}
	for _, r := range rates {
		if r < rate*0.9 {
			speeds = append(speeds, r)
		}
	}
	best := math.Inf(-1)
	short, fps = shorts[len(shorts)-1], speeds[len(speeds)-1]
	for _, s := range shorts {
		pixels := float64(size.X) * float64(size.Y) * math.Pow(float64(s)/float64(native), 2)
		for _, r := range speeds {
			if c.need(good, pixels, r) > kbps {
				continue
			}
			value := math.Log2(pixels) + 0.8*math.Log2(r)
			if r < 30 {
				value -= 1.6 * math.Log2(30/r)
			}
			if value > best {
				best, short, fps = value, s, r
			}
		}
	}
	return short, fps
}

const (
	// leastKbps is what video needs at least in kb/s.
	leastKbps = 40
	// aim is which part of the limit is aimed at; between least and the limit is right.
	aim, least = 0.987, 0.972
)

// soundFor is the bitrate of sound for all in kb/s.
func soundFor(total float64) int {
	for _, kbps := range []int{160, 128, 96, 64} {
		if total*0.12 >= float64(kbps) {
			return kbps
		}
	}
	return 48
}

// check says whether a request can be met, as far as a file's header shows.
func (r Request) check() error {
	file := filepath.Base(r.Path)
	s, err := mp4.OpenEnded(r.Path)
	if err != nil {
		return inputError("%s cannot be exported: %v", file, err)
	}
	defer s.Close()
	_, err = r.checked(s)
	return err
}

// checked is check for an open clip. It returns the request with everything filled in.
func (r Request) checked(s *mp4.Source) (Request, error) {
	file, length := filepath.Base(r.Path), s.Length()
	if r.To == 0 || r.To > length && r.To-length < time.Millisecond { // people type what they see, which is rounded
		r.To = length
	}
	r.Limit = r.limit()
	if err := r.checkCodec(); err != nil {
		return r, err
	}
	switch {
	case !r.Preset.video() && !slices.Contains([]Preset{GIF, WebP, Audio}, r.Preset):
		return r, inputError("there is no preset %q", r.Preset)
	case r.From < 0 || r.From >= length:
		return r, inputError("%s is %s long; it cannot be exported from %s", file, clock(length), clock(r.From))
	case r.To > length:
		return r, inputError("%s is %s long; it cannot be exported to %s", file, clock(length), clock(r.To))
	case r.From >= r.To:
		return r, inputError("there is nothing between %s and %s; give a begin that is before the end", clock(r.From),
			clock(r.To))
	case r.Limit < leastLimit || r.Limit > mostLimit:
		return r, inputError("a clip cannot be made to fit %d bytes; choose at least 50 KB", r.Limit)
	case r.Crop != "" && !slices.Contains(Positions(), r.Crop):
		return r, inputError("there is no position %q; use left, center or right", r.Crop)
	case r.Sound != "" && !slices.Contains(SoundFormats(), r.Sound):
		return r, inputError("there is no sound format %q; use m4a, wav or opus", r.Sound)
	case r.Preset == Audio && len(s.Sounds()) == 0:
		return r, inputError("%s has no sound", file)
	}
	part := (r.To - r.From).Seconds()
	if most := (float64(r.Limit)*8/1000 - 8) / (leastKbps + 50); r.Preset == Fits && part > most {
		return r, inputError("%s is too long for %s: only %s fit; choose a part of it, or allow a larger file", file,
			sizeText(r.Limit), clock(time.Duration(most)*time.Second))
	}
	if most := longest(r.Preset); most > 0 && r.To-r.From > most {
		return r, inputError("an animated image can be %s long at most; choose a part of the clip", clock(most))
	}
	return r, nil
}

// longest is how long an image may be; 0 is as long as one likes.
func longest(p Preset) time.Duration {
	switch p {
	case GIF:
		return time.Minute
	case WebP:
		return 2 * time.Minute
	}
	return 0
}

func sizeText(bytes int64) string {
	if bytes < MB {
		return fmt.Sprintf("%d KB", bytes/1000)
	}
	return fmt.Sprintf("%.4g MB", float64(bytes)/MB)
}

// clock writes a playing time as people read it: 1:02.25.
func clock(d time.Duration) string {
	d = d.Round(10 * time.Millisecond)
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	text := fmt.Sprintf("%s%d:%02d", sign, d/time.Minute, d%time.Minute/time.Second)
	if rest := d % time.Second; rest > 0 {
		text += fmt.Sprintf(".%02d", rest/(10*time.Millisecond))
	}
	return text
}

// size of a file in bytes; 0 where it cannot be known.
func size(path string) int64 {
	st, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return st.Size()
}
