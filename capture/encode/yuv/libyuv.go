package yuv

import (
	"errors"
	"sync"
	"unsafe"

	"github.com/ebitengine/purego"

	"github.com/hindsight-app/hindsight/capture/media"
)

// converter is libyuv, loaded at run time. libyuv's "ARGB" is BGRA in memory, which is what screens deliver.
type converter struct {
	argbToI420 func(src unsafe.Pointer, stride int32, y unsafe.Pointer, strideY int32, u unsafe.Pointer, strideU int32,
		v unsafe.Pointer, strideV int32, width, height int32) int32
	argbToNV12 func(src unsafe.Pointer, stride int32, y unsafe.Pointer, strideY int32, uv unsafe.Pointer, strideUV int32,
		width, height int32) int32
	argbScale func(src unsafe.Pointer, stride, width, height int32, dst unsafe.Pointer, dstStride, dstWidth,
		dstHeight int32,
		filter int32) int32
}

// filterBox averages all source pixels (libyuv/scale.h, FilterMode kFilterBox).
const filterBox = 3

// libyuv returns nil where the library is missing.
var libyuv = sync.OnceValue(func() *converter {
	for _, name := range yuvLibraries {
		handle, err := openLibrary(name)
		if err != nil {
			continue
		}
		c := &converter{}
		ok := true
		for symbol, target := range map[string]any{
			"ARGBToI420": &c.argbToI420, "ARGBToNV12": &c.argbToNV12, "ARGBScale": &c.argbScale,
		} {
			address, err := lookup(handle, symbol)
			if err != nil {
				ok = false
				break
			}
			purego.RegisterFunc(target, address)
		}
		if ok {
			return c
		}
	}
	return nil
})

// HasLibrary says whether libyuv is there.
func HasLibrary() bool { return libyuv() != nil }

// geometry is where the planes of a 4:2:0 frame lie in one block of memory; see engine.Format. It is also GStreamer's
// default layout (gst-plugins-base, gst/video/video-info.c).
type geometry struct {
	width, height          int
	strideY, strideC       int
	offsetU, offsetV, size int
	nv12                   bool
}

func layout(width, height int, nv12 bool) geometry {
	up := func(n, to int) int { return (n + to - 1) / to * to }
	g := geometry{width: width, height: height, nv12: nv12, strideY: up(width, 4)}
	rows, chroma := up(height, 2), up(height, 2)/2
	g.offsetU = g.strideY * rows
	if nv12 {
		g.strideC = g.strideY
		g.size = g.offsetU + g.strideC*chroma
		return g
	}
	g.strideC = up(up(width, 2)/2, 4)
	g.offsetV = g.offsetU + g.strideC*chroma
	g.size = g.offsetV + g.strideC*chroma
	return g
}

// convert writes rows of the BGRx frame, which come in pairs, into dst as 4:2:0 of BT.601, libyuv's only matrix in
// this direction.
func (c *converter) convert(src []byte, stride int, g geometry, rows media.Rows, dst []byte) error {
	s, height, chroma := unsafe.Pointer(&src[rows.From*stride]), int32(rows.To-rows.From), rows.From/2*g.strideC
	y, u := unsafe.Pointer(&dst[rows.From*g.strideY]), unsafe.Pointer(&dst[g.offsetU+chroma])
	var r int32
	if g.nv12 {
		r = c.argbToNV12(s, int32(stride), y, int32(g.strideY), u, int32(g.strideC), int32(g.width), height)
	} else {
		r = c.argbToI420(s, int32(stride), y, int32(g.strideY), u, int32(g.strideC),
			unsafe.Pointer(&dst[g.offsetV+chroma]), int32(g.strideC), int32(g.width), height)
	}
	if r != 0 {
		return errors.New("the frame cannot be converted")
	}
	return nil
}

// scale writes the BGRx frame into dst in another size.
func (c *converter) scale(src []byte, stride, width, height int, dst []byte, dstStride, dstWidth, dstHeight int) error {
	if len(src) < stride*(height-1)+width*4 || len(dst) < dstStride*(dstHeight-1)+dstWidth*4 {
		return errors.New("the frame's memory is smaller than its size says")
	}
	if c.argbScale(unsafe.Pointer(&src[0]), int32(stride), int32(width), int32(height), unsafe.Pointer(&dst[0]),
		int32(dstStride), int32(dstWidth), int32(dstHeight), filterBox) != 0 {
		return errors.New("the frame cannot be scaled")
	}
	return nil
}
