package export

import (
	"image/color"
	"slices"
)

// histogram counts colors of 5 bits a channel.
type histogram struct{ count [1 << 15]uint32 }

// add counts the pixels of an RGBA frame.
func (h *histogram) add(rgba []byte) {
	for i := 0; i+3 < len(rgba); i += 4 {
		h.count[cell(rgba[i], rgba[i+1], rgba[i+2])]++
	}
}

func cell(r, g, b byte) int { return int(r>>3)<<10 | int(g>>3)<<5 | int(b>>3) }

// shade is a color of the histogram.
type shade struct {
	c [3]int // 0 to 31
	n uint64
}

// group is a box of colors that become one.
type group struct {
	shades []shade
	axis   int
	value  float64 // of splitting it
}

func newGroup(shades []shade) group {
	g := group{shades: shades}
	n := 0.0
	var axes [3]struct{ sum, squares float64 }
	for _, s := range shades {
		w := float64(s.n)
		n += w
		for a, v := range s.c {
			x := float64(v)
			axes[a].sum += w * x
			axes[a].squares += w * x * x
		}
	}
	for a, of := range axes {
		if spread := of.squares - of.sum*of.sum/n; spread > g.value {
			g.axis, g.value = a, spread
		}
	}
	return g
}

// split cuts the box where its colors part best: at their mean.
func (g group) split() (group, group) {
	slices.SortFunc(g.shades, func(a, b shade) int { return a.c[g.axis] - b.c[g.axis] })
	var n, sum uint64
	for _, s := range g.shades {
		n += s.n
		sum += s.n * uint64(s.c[g.axis])
	}
	mean := int(sum / n)
	at := slices.IndexFunc(g.shades, func(s shade) bool { return s.c[g.axis] > mean })
	return newGroup(g.shades[:at]), newGroup(g.shades[at:])
}

// palette chooses so many colors at most for what was counted (P. Heckbert, "Color image quantization for frame buffer
// display", 1982, with boxes split at the mean of the axis along which they spread most).
func (h *histogram) palette(most int) color.Palette {
	var all []shade
	for i, n := range h.count {
		if n > 0 {
			all = append(all, shade{[3]int{i >> 10, i >> 5 & 31, i & 31}, uint64(n)})
		}
	}
	if len(all) == 0 {
		return color.Palette{color.RGBA{A: 255}}
	}
	groups := []group{newGroup(all)}
	for len(groups) < most {
		best := 0
		for i, g := range groups {
			if g.value > groups[best].value {
				best = i
			}
		}
		if groups[best].value == 0 {
			break
		}
		a, b := groups[best].split()
		groups[best] = a
		groups = append(groups, b)
	}
	out := make(color.Palette, len(groups))
	for i, g := range groups {
		var n uint64
		var sum [3]uint64
		for _, s := range g.shades {
			n += s.n
			for a, v := range s.c {
				sum[a] += s.n * uint64(v)
			}
		}
		wide := func(a int) uint8 { return uint8((sum[a]*255 + n*31/2) / (n * 31)) }
		out[i] = color.RGBA{wide(0), wide(1), wide(2), 255}
	}
	return out
}

// nearest finds colors of a palette quickly.
type nearest struct {
	palette color.Palette
	known   [1 << 15]int16 // -1 is not looked up yet
}

func newNearest(p color.Palette) *nearest {
	n := &nearest{palette: p}
	for i := range n.known {
		n.known[i] = -1
	}
	return n
}

func (n *nearest) index(r, g, b byte) uint8 {
	i := cell(r, g, b)
	if n.known[i] < 0 {
		n.known[i] = int16(n.palette.Index(color.RGBA{r&^7 | 4, g&^7 | 4, b&^7 | 4, 255}))
	}
	return uint8(n.known[i])
}

// bayer are the thresholds of ordered dithering, which stays where nothing moves, so that a frame differs from the one
// before only where the video does.
var bayer = [4][4]int{{0, 8, 2, 10}, {12, 4, 14, 6}, {3, 11, 1, 9}, {15, 7, 13, 5}}

// ditherRange is how far dithering changes a channel at most.
const ditherRange = 14

// dithered is a channel's value at a place of the frame.
func dithered(v byte, x, y int) byte {
	return byte(min(max(int(v)+(bayer[y&3][x&3]*2-15)*ditherRange/32, 0), 255))
}
