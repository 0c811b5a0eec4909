package yuv

import "golang.org/x/sys/cpu"

// hasKernels says whether this processor runs the functions below, which are AVX2 (yuv_amd64.s). They take a multiple
// of 32 pixels; src holds BGRx, stride is the distance to the second of two rows.
var hasKernels = cpu.X86.HasAVX2

//go:noescape
func lumaRow(dst, src *byte, pixels int, m *matrix)

//go:noescape
func chromaRows(u, v, src *byte, stride, pixels int, m *matrix)

//go:noescape
func chromaPairs(uv, src *byte, stride, pixels int, m *matrix)
