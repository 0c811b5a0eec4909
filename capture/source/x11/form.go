package x11

import (
	"fmt"
	"math/bits"

	"github.com/jezek/xgb/xproto"

	"github.com/hindsight-app/hindsight/capture/media"
)

// form is how the server lays out the pixels of a visual (X Window System Protocol, chapter 8, Connection Setup).
type form struct {
	depth            byte
	bits, pad        int  // of a pixel, and what rows are padded to
	bigEndian        bool // byte order of a pixel
	red, green, blue uint32
}

// plain says whether it is BGRx already.
func (f form) plain() bool {
	return f.bits == 32 && !f.bigEndian && f.red == 0xff0000 && f.green == 0xff00 && f.blue == 0xff
}

// stride is the length of a row in bytes.
func (f form) stride(width int) int { return (width*f.bits + f.pad - 1) / f.pad * f.pad / 8 }

// formOf finds out how pixels of a visual are laid out. Visuals with a palette are not supported.
func (d *Display) formOf(visual xproto.Visualid) (form, error) {
	setup := xproto.Setup(d.conn)
	for _, depth := range d.screen.AllowedDepths {
		for _, v := range depth.Visuals {
			if v.VisualId != visual {
				continue
			}
			f := form{
				depth: depth.Depth, bigEndian: setup.ImageByteOrder == xproto.ImageOrderMSBFirst,
				red: v.RedMask, green: v.GreenMask, blue: v.BlueMask,
			}
			for _, p := range setup.PixmapFormats {
				if p.Depth == depth.Depth {
					f.bits, f.pad = int(p.BitsPerPixel), int(p.ScanlinePad)
				}
			}
			direct := v.Class == xproto.VisualClassTrueColor || v.Class == xproto.VisualClassDirectColor
			if direct && (f.bits == 16 || f.bits == 24 || f.bits == 32) && f.pad >= 8 {
				return f, nil
			}
			return form{}, AwayError{"", fmt.Sprintf(
				"the display %s has a palette or another layout of colors that cannot be captured (depth %d, %d bits a pixel); "+
					"set it to 16-bit color or more", d.Name, f.depth, f.bits)}
		}
	}
	return form{}, AwayError{"", fmt.Sprintf("the display %s does not say how its colors are laid out", d.Name)}
}

// converter turns rows of another form into BGRx.
type converter struct {
	form
	whole            []uint32 // BGRx of each pixel of 16 bits
	reds, greens     []uint32 // BGRx of each value of a channel
	blues            []uint32
	redAt, greenAt   int // where the channel's bits begin
	blueAt, perPixel int
}

// newConverter returns nil for BGRx.
func newConverter(f form) *converter {
	if f.plain() {
		return nil
	}
	c := &converter{form: f, perPixel: f.bits / 8}
	c.reds, c.redAt = channel(f.red, 16)
	c.greens, c.greenAt = channel(f.green, 8)
	c.blues, c.blueAt = channel(f.blue, 0)
	if f.bits == 16 {
		c.whole = make([]uint32, 1<<16)
		for i := range c.whole {
			c.whole[i] = c.pixel(uint32(i))
		}
	}
	return c
}

// mostBits is how many bits of a channel count; those below do not show in 8.
const mostBits = 12

// channel is what each value of the bits in the mask adds to a BGRx pixel, rounded to 8 bits, and where the bits begin.
func channel(mask uint32, shift int) (values []uint32, at int) {
	at, n := bits.TrailingZeros32(mask), bits.OnesCount32(mask)
	if n == 0 {
		return []uint32{0}, 0
	}
	if n > mostBits {
		at, n = at+n-mostBits, mostBits
	}
	most := uint32(1)<<n - 1
	values = make([]uint32, most+1)
	for v := range values {
		values[v] = (uint32(v)*255 + most/2) / most << shift
	}
	return values, at
}

func (c *converter) pixel(p uint32) uint32 {
	return c.reds[int(p>>c.redAt)&(len(c.reds)-1)] | c.greens[int(p>>c.greenAt)&(len(c.greens)-1)] |
		c.blues[int(p>>c.blueAt)&(len(c.blues)-1)]
}

// convert writes rows of a frame into dst, which is packed.
func (c *converter) convert(src []byte, width int, rows media.Rows, dst []byte) {
	stride := c.stride(width)
	for y := rows.From; y < rows.To; y++ {
		from, to := src[y*stride:][:width*c.perPixel], dst[y*width*4:][:width*4]
		for ; len(to) >= 4; from, to = from[c.perPixel:], to[4:] {
			var p uint32
			switch {
			case c.perPixel == 2 && c.bigEndian:
				p = c.whole[uint32(from[0])<<8|uint32(from[1])]
			case c.perPixel == 2:
				p = c.whole[uint32(from[1])<<8|uint32(from[0])]
			case c.perPixel == 3 && c.bigEndian:
				p = c.pixel(uint32(from[0])<<16 | uint32(from[1])<<8 | uint32(from[2]))
			case c.perPixel == 3:
				p = c.pixel(uint32(from[2])<<16 | uint32(from[1])<<8 | uint32(from[0]))
			case c.bigEndian:
				p = c.pixel(uint32(from[0])<<24 | uint32(from[1])<<16 | uint32(from[2])<<8 | uint32(from[3]))
			default:
				p = c.pixel(uint32(from[3])<<24 | uint32(from[2])<<16 | uint32(from[1])<<8 | uint32(from[0]))
			}
			to[0], to[1], to[2], to[3] = byte(p), byte(p>>8), byte(p>>16), 0
		}
	}
}
