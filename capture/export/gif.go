package export

import (
	"bufio"
	"context"
	"errors"
	"image"
	"image/color"
	"image/gif"
	"math"
	"os"
	"slices"
	"time"
)

// mostGIF bounds the memory that a GIF's frames take, in pixels.
const mostGIF = 300 << 20

// gif makes an animated GIF: one palette for all frames, of which each has only what differs from the one before.
func (j *job) gif(ctx context.Context) error {
	s := long(imagePoint(j.info), gifSide)
	rate := 0.0
	if j.video.rate > gifRate*1.05 {
		rate = gifRate
	}
	var colors histogram
	j.progress.part(0.4)
	err := j.video.frames(ctx, s, "RGBA", rate, j.progress.at, func(f frame) error { colors.add(f.data); return nil })
	if err != nil {
		return err
	}
	palette := colors.palette(255)
	clear := uint8(len(palette))
	find := newNearest(palette)
	palette = append(slices.Clone(palette), color.RGBA{})
	out := gif.GIF{Config: image.Config{ColorModel: palette, Width: s.width, Height: s.height}}
	var begins []time.Duration
	before, now := []uint8(nil), make([]uint8, s.width*s.height)
	pixels := 0
	j.progress.part(0.5)
	err = j.video.frames(ctx, s, "RGBA", rate, j.progress.at, func(f frame) error {
		if len(f.data) < len(now)*4 {
			return errors.New("the clip's frames have another size than it says")
		}
		for i := range now {
			x, y := i%s.width, i/s.width
			now[i] = find.index(dithered(f.data[4*i], x, y), dithered(f.data[4*i+1], x, y), dithered(f.data[4*i+2], x, y))
		}
		part := differing(before, now, s.width, s.height)
		if part.Empty() {
			return nil // the frame before stays longer
		}
		if pixels += part.Dx() * part.Dy(); pixels > mostGIF {
			return inputError("the clip is too long for a GIF; choose a part of it")
		}
		img := image.NewPaletted(part, palette)
		for y := part.Min.Y; y < part.Max.Y; y++ {
			for x := part.Min.X; x < part.Max.X; x++ {
				i := y*s.width + x
				c := now[i]
				if before != nil && before[i] == c {
					c = clear
				}
				img.SetColorIndex(x, y, c)
			}
		}
		out.Image, out.Disposal = append(out.Image, img), append(out.Disposal, gif.DisposalNone)
		begins = append(begins, f.at)
		before = append(before[:0], now...)
		return nil
	})
	if err != nil {
		return err
	}
	out.Delay = delays(begins, j.video.length())
	j.progress.part(0.1)
	j.describe("", s, len(out.Image))
	return writeFile(j.made(), func(f *os.File) error {
		w := bufio.NewWriterSize(f, 256<<10)
		if err := gif.EncodeAll(w, &out); err != nil {
			return err
		}
		return w.Flush()
	})
}

// delays are how long frames that begin at these moments stay, in hundredths of a second, so that all together take the
// length.
func delays(begins []time.Duration, length time.Duration) []int {
	out := make([]int, len(begins))
	at := func(d time.Duration) int { return int(math.Round(d.Seconds() * 100)) }
	for i := range begins {
		begin, end := begins[i], length
		if i == 0 {
			begin = 0
		}
		if i+1 < len(begins) {
			end = begins[i+1]
		}
		out[i] = max(at(end)-at(begin), 2) // viewers take less for a mistake
	}
	return out
}

// differing is the part of a frame that is not as the one before; all of it where there is none before.
func differing[T comparable](before, now []T, width, height int) image.Rectangle {
	if before == nil {
		return image.Rect(0, 0, width, height)
	}
	var part image.Rectangle
	for y := range height {
		a, b := before[y*width:(y+1)*width], now[y*width:(y+1)*width]
		if slices.Equal(a, b) {
			continue
		}
		first, last := 0, width-1
		for a[first] == b[first] {
			first++
		}
		for a[last] == b[last] {
			last--
		}
		part = part.Union(image.Rect(first, y, last+1, y+1))
	}
	return part
}
