package yuv

import "github.com/hindsight-app/hindsight/capture/media"

// convertSlowly is convert in plain Go, to the bit, for any even width.
func (m *matrix) convertSlowly(src []byte, stride int, g geometry, rows media.Rows, dst []byte) {
	for y := rows.From; y < rows.To; y += 2 {
		top := src[y*stride:][:g.width*4]
		bottom := src[(y+1)*stride:][:g.width*4]
		m.lumaSlowly(dst[y*g.strideY:], top)
		m.lumaSlowly(dst[(y+1)*g.strideY:], bottom)
		c := y / 2 * g.strideC
		step, u, v := 1, dst[g.offsetU+c:], dst[g.offsetV+c:]
		if g.nv12 {
			step, v = 2, u[1:]
		}
		for x := 0; x < g.width; x += 2 {
			var p [3]int32 // means as the kernels take them: first over rows, then over columns
			for k := range p {
				left := (int32(top[x*4+k]) + int32(bottom[x*4+k]) + 1) / 2
				right := (int32(top[x*4+4+k]) + int32(bottom[x*4+4+k]) + 1) / 2
				p[k] = (left + right + 1) / 2
			}
			u[x/2*step] = m.u.of(p[0], p[1], p[2], m.biasChroma)
			v[x/2*step] = m.v.of(p[0], p[1], p[2], m.biasChroma)
		}
	}
}

func (m *matrix) lumaSlowly(dst, row []byte) {
	for x := 0; x < len(row); x += 4 {
		dst[x/4] = m.y.of(int32(row[x]), int32(row[x+1]), int32(row[x+2]), m.biasY)
	}
}

func (p *plane) of(b, g, r, bias int32) byte {
	v := (int32(p.parts[0])*b+int32(p.parts[1])*g)*int32(p.weights[0]) + int32(p.parts[2])*r*int32(p.weights[1]) + bias
	return byte(min(max(v>>22, 0), 255))
}

// scaleSlowly writes a BGRx frame into dst in another size: each pixel is the mean of the pixels that it covers.
func scaleSlowly(src []byte, stride, width, height int, dst []byte, dstStride, dstWidth, dstHeight int) {
	sums := make([]uint32, width*3)
	for y := range dstHeight {
		top := y * height / dstHeight
		bottom := max((y+1)*height/dstHeight, top+1)
		clear(sums)
		for at := top; at < bottom; at++ {
			row := src[at*stride:][:width*4]
			for x := range width {
				sums[x*3] += uint32(row[x*4])
				sums[x*3+1] += uint32(row[x*4+1])
				sums[x*3+2] += uint32(row[x*4+2])
			}
		}
		row := dst[y*dstStride:][:dstWidth*4]
		for x := range dstWidth {
			left := x * width / dstWidth
			right := max((x+1)*width/dstWidth, left+1)
			n := uint32((right - left) * (bottom - top))
			var p [3]uint32
			for at := left; at < right; at++ {
				for k := range p {
					p[k] += sums[at*3+k]
				}
			}
			for k := range p {
				row[x*4+k] = byte((p[k] + n/2) / n)
			}
		}
	}
}
