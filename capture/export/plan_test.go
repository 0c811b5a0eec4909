package export

import (
	"image"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParsePreset(t *testing.T) {
	for text, want := range map[string]struct {
		p     Preset
		limit int64
	}{
		"fits-10mb": {Fits, 10_000_000}, "fits-2.5MB": {Fits, 2_500_000}, "fits-500kb": {Fits, 500_000},
		"fits": {Fits, DefaultLimit}, "720p": {P720, 0}, "1080p": {P1080, 0}, "Vertical": {Vertical, 0}, "gif": {GIF, 0},
		"webp": {WebP, 0}, "audio": {Audio, 0},
	} {
		p, limit, err := ParsePreset(text)
		require.NoError(t, err, text)
		require.Equal(t, want.p, p)
		require.Equal(t, want.limit, limit)
	}
	for _, text := range []string{"", "4k", "fits-", "fits-mb", "fits-0mb", "fits--3mb", "fits-NaNmb", "fits-Infmb",
		"fits-10", "fits-1kb", "fits-1e30mb"} {
		_, _, err := ParsePreset(text)
		require.Error(t, err, text)
	}
}

func TestShapes(t *testing.T) {
	full := image.Pt(1920, 1080)
	s := shapeOf(full, rectangle(full), 720)
	require.Equal(t, image.Pt(1280, 720), image.Pt(s.width, s.height))
	s = shapeOf(image.Pt(1081, 1921), image.Rect(0, 0, 1081, 1921), 720)
	require.Equal(t, image.Pt(720, 1278), image.Pt(s.width, s.height),
		"an upright clip's rows are as wide as 720p is high")
	s = shapeOf(image.Pt(640, 360), image.Rect(0, 0, 640, 360), 720)
	require.Equal(t, image.Pt(640, 360), image.Pt(s.width, s.height))
	s = long(full, 480)
	require.Equal(t, image.Pt(480, 270), image.Pt(s.width, s.height))
	for _, c := range []struct {
		size image.Point
		at   Position
		want image.Rectangle
	}{
		{full, Left, image.Rect(0, 0, 608, 1080)}, {full, Center, image.Rect(656, 0, 1264, 1080)},
		{full, Right, image.Rect(1312, 0, 1920, 1080)}, {image.Pt(600, 1600), Left, image.Rect(0, 0, 600, 1066)},
		{image.Pt(600, 1600), "", image.Rect(0, 266, 600, 1332)},
	} {
		require.Equal(t, c.want, upright(c.size, c.at), "%v %s", c.size, c.at)
	}
}

// More bits never make a video coarser, and what needs little keeps its size.
func TestWhatABitrateCarries(t *testing.T) {
	full := image.Pt(1920, 1080)
	game := complexity{kbps: 900, pixels: 640 * 360, rate: 30}
	talk := complexity{kbps: 40, pixels: 640 * 360, rate: 30}
	for _, c := range []struct {
		c     complexity
		kbps  float64
		short int
		fps   float64
	}{
		{talk, 2000, 1080, 60}, {talk, 260, 1080, 30}, {game, 9000, 1080, 60}, {game, 1400, 360, 30}, {game, 5, 120, 10},
	} {
		short, fps := c.c.carry(c.kbps, full, 60)
		require.Equal(t, [2]float64{float64(c.short), c.fps}, [2]float64{float64(short), fps}, "%+v", c)
	}
	before := 0.0
	for kbps := 20.0; kbps < 20000; kbps *= 1.2 {
		short, fps := game.carry(kbps, full, 60)
		value := float64(short*short) * fps
		require.GreaterOrEqual(t, value, before*0.6, "%.0f kb/s", kbps)
		before = max(before, value)
	}
}

func TestDelaysAddUp(t *testing.T) {
	var begins []time.Duration
	for i := range 45 {
		begins = append(begins, time.Duration(i)*time.Second/15)
	}
	sum := 0
	for _, d := range delays(begins, 3*time.Second) {
		require.InDelta(t, 6.7, d, 0.8)
		sum += d
	}
	require.Equal(t, 300, sum)
}

func TestPalette(t *testing.T) {
	var h histogram
	h.add([]byte{255, 0, 0, 255, 0, 255, 0, 255, 0, 0, 255, 255, 0, 0, 255, 255})
	p := h.palette(255)
	require.Len(t, p, 3)
	find := newNearest(p)
	for _, c := range [][3]byte{{255, 0, 0}, {0, 255, 0}, {0, 0, 255}} {
		r, g, b, _ := p[find.index(c[0], c[1], c[2])].RGBA()
		require.Equal(t, c, [3]byte{byte(r >> 8), byte(g >> 8), byte(b >> 8)})
	}
	for i := range 1 << 15 {
		h.count[i]++
	}
	require.Len(t, h.palette(255), 255)
	var none histogram
	require.Len(t, none.palette(255), 1)
}

func TestFramesThatAreTaken(t *testing.T) {
	p, n := picked{rate: 30}, 0
	for i := range 120 {
		jitter := time.Duration(i%3-1) * time.Millisecond
		if p.take(max(time.Duration(i)*time.Second/60+jitter, 0)) {
			n++
		}
	}
	require.Equal(t, 60, n)
}

// Each choice reads what it writes.
func TestChoicesAreRead(t *testing.T) {
	for _, p := range Positions() {
		back, err := ParsePosition(p.String())
		require.NoError(t, err)
		require.Equal(t, p, back)
	}
	for _, c := range codecs {
		back, err := ParseCodec(c.String())
		require.NoError(t, err)
		require.Equal(t, c, back)
	}
	for _, f := range SoundFormats() {
		back, err := ParseSoundFormat(f.String())
		require.NoError(t, err)
		require.Equal(t, f, back)
	}
	_, err := ParseCodec("vp8")
	require.EqualError(t, err, `the codec is "vp8"; it must be h264, hevc or av1`)
}
