//go:build !amd64

package yuv

// hasKernels: this processor has none yet; libyuv converts, or convertSlowly.
const hasKernels = false

func lumaRow(dst, src *byte, pixels int, m *matrix) {}

func chromaRows(u, v, src *byte, stride, pixels int, m *matrix) {}

func chromaPairs(uv, src *byte, stride, pixels int, m *matrix) {}
