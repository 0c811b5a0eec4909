// Package framecode writes the number of a frame into the frame, as a strip of black and white blocks, so that whoever
// receives it knows which one it is, however badly it was encoded. It holds no state and has no goroutines.
package framecode

import "image"

const (
	// Block is the size of a block in pixels.
	Block = 24
	// Width and Height are those of the strip in pixels. It lies in the upper left corner.
	Width, Height = columns * Block, rows * Block

	columns, rows = 16, 2
	numberBits    = 24
	// Numbers is how many there are.
	Numbers = 1 << numberBits
	// leastContrast is how far apart black and white are in a readable strip, in steps of luma.
	leastContrast = 60
)

// White returns the white blocks of a number, 0 to Numbers-1. All others are black.
func White(n int) []image.Rectangle {
	var out []image.Rectangle
	bits := withSum(uint32(n))
	for i := range columns * rows {
		if bits>>(columns*rows-1-i)&1 == 1 {
			at := image.Pt(i%columns*Block, i/columns*Block)
			out = append(out, image.Rectangle{Min: at, Max: at.Add(image.Pt(Block, Block))})
		}
	}
	return out
}

// Read returns the number in a frame whose luma begins with its upper left corner and has stride bytes a row; ok is
// false where there is none, or a damaged one.
func Read(luma []byte, stride int) (n int, ok bool) {
	if stride < Width || len(luma) < (Height-1)*stride+Width {
		return 0, false
	}
	var mean [columns * rows]int
	low, high := 255, 0
	for i := range mean {
		mean[i] = middle(luma, stride, i%columns*Block, i/columns*Block)
		low, high = min(low, mean[i]), max(high, mean[i])
	}
	if high-low < leastContrast {
		return 0, false
	}
	var bits uint32
	for _, m := range mean {
		bits <<= 1
		if m > (low+high)/2 {
			bits |= 1
		}
	}
	number := bits >> (columns*rows - numberBits)
	return int(number), withSum(number) == bits
}

// middle is the mean of the inner part of a block: its edges are blurred by encoders.
func middle(luma []byte, stride, x, y int) int {
	const edge = Block / 4
	sum := 0
	for row := y + edge; row < y+Block-edge; row++ {
		for _, v := range luma[row*stride+x+edge : row*stride+x+Block-edge] {
			sum += int(v)
		}
	}
	return sum / ((Block - 2*edge) * (Block - 2*edge))
}

// withSum is a number and its checksum: CRC-8 with the polynomial x^8+x^2+x+1, begun so that neither all black nor all
// white is a number.
func withSum(n uint32) uint32 {
	crc := byte(0xa5)
	for shift := numberBits - 8; shift >= 0; shift -= 8 {
		crc ^= byte(n >> shift)
		for range 8 {
			if crc&0x80 != 0 {
				crc = crc<<1 ^ 0x07
			} else {
				crc <<= 1
			}
		}
	}
	return n<<8 | uint32(crc)
}
