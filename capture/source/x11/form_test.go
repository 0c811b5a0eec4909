package x11

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/media"
)

// Every layout becomes BGRx: 5, 6, 8 and 10 bits a channel, either order of channels and of bytes, rows with padding.
func TestPixelsOfAllFormsBecomeBGRx(t *testing.T) {
	for name, c := range map[string]struct {
		form     form
		src      []byte
		bgr, row []byte // of the second pixel; row is the length that is expected
	}{
		"depth 15": {form{15, 16, 32, false, 0x7c00, 0x3e0, 0x1f}, []byte{0, 0, 0xe0, 0x7f}, []byte{0, 255, 255},
			make([]byte, 4)},
		"depth 16": {form{16, 16, 32, false, 0xf800, 0x7e0, 0x1f}, []byte{0, 0, 0x10, 0x84}, []byte{132, 130, 132},
			make([]byte, 4)},
		"depth 16, others": {form{16, 16, 32, true, 0xf800, 0x7e0, 0x1f}, []byte{0, 0, 0x84, 0x10}, []byte{132, 130, 132},
			make([]byte, 4)},
		"24 bits packed": {form{24, 24, 32, false, 0xff0000, 0xff00, 0xff}, []byte{0, 0, 0, 1, 2, 3, 0, 0}, []byte{1, 2, 3},
			make([]byte, 8)},
		"BGR order": {form{24, 32, 32, false, 0xff, 0xff00, 0xff0000}, []byte{0, 0, 0, 0, 1, 2, 3, 0}, []byte{3, 2, 1},
			make([]byte, 8)},
		"big-endian": {form{24, 32, 32, true, 0xff0000, 0xff00, 0xff}, []byte{0, 0, 0, 0, 0, 1, 2, 3}, []byte{3, 2, 1},
			make([]byte, 8)},
		"depth 30": {form{30, 32, 32, false, 0x3ff00000, 0xffc00, 0x3ff}, // 1023, 512, 1
			[]byte{0, 0, 0, 0, 0x01, 0x00, 0xf8, 0x3f}, []byte{0, 128, 255}, make([]byte, 8)},
	} {
		require.False(t, c.form.plain(), name)
		require.Equal(t, len(c.row), c.form.stride(2), name)
		src := append(make([]byte, len(c.src)), c.src...) // the first row is left out
		dst := make([]byte, 16)
		newConverter(c.form).convert(src, 2, media.Rows{From: 1, To: 2}, dst)
		require.Equal(t, append(make([]byte, 12), append(c.bgr, 0)...), dst, name)
	}
	require.Nil(t, newConverter(form{24, 32, 32, false, 0xff0000, 0xff00, 0xff}), "BGRx is taken as it is")
}
