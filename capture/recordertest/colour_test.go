package recordertest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture"
	"github.com/hindsight-app/hindsight/capture/capturetest"
	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
)

// chart is primaries, greys, and the patches of a ColorChecker in sRGB (C. S. McCamy and others, 1976).
var chart = []uint32{
	0xffffff, 0x000000, 0xff0000, 0x00ff00, 0x0000ff, 0x00ffff, 0xff00ff, 0xffff00, 0x808080, 0x404040, 0xc0c0c0, 0x010203,
	0x735244, 0xc29682, 0x627a9d, 0x576c43, 0x8580b1, 0x67bdaa, 0xd67e2c, 0x505ba6, 0xc15a63, 0x5e3c6c, 0x9dbc40, 0xe0a32e,
	0x383d96, 0x469449, 0xaf363c, 0xe7c71f, 0xbb5695, 0x0885a1, 0xf3f3f2, 0xc8c8c8, 0xa0a0a0, 0x7a7a79, 0x555555, 0x343434,
}

const chartColumns = 6

// patch is where a colour of the chart lies on a screen.
func patch(i, width, height int) (x, y, w, h int) {
	w, h = width/chartColumns, height/(len(chart)/chartColumns)
	return i % chartColumns * w, i / chartColumns * h, w, h
}

// drawChart covers a screen with the chart.
func drawChart(t *testing.T, display string, width, height int) {
	t.Helper()
	x, err := xgb.NewConnDisplay(display)
	require.NoError(t, err)
	t.Cleanup(x.Close)
	screen := xproto.Setup(x).DefaultScreen(x)
	window, err := xproto.NewWindowId(x)
	require.NoError(t, err)
	gc, err := xproto.NewGcontextId(x)
	require.NoError(t, err)
	require.NoError(t, xproto.CreateWindowChecked(x, screen.RootDepth, window, screen.Root, 0, 0, uint16(width),
		uint16(height), 0,
		xproto.WindowClassInputOutput, screen.RootVisual, xproto.CwOverrideRedirect, []uint32{1}).Check())
	require.NoError(t, xproto.MapWindowChecked(x, window).Check())
	require.NoError(t, xproto.CreateGCChecked(x, gc, xproto.Drawable(window), 0, nil).Check())
	for i, rgb := range chart {
		px, py, pw, ph := patch(i, width, height)
		require.NoError(t, xproto.ChangeGCChecked(x, gc, xproto.GcForeground, []uint32{rgb}).Check())
		require.NoError(t, xproto.PolyFillRectangleChecked(x, xproto.Drawable(window), gc,
			[]xproto.Rectangle{{X: int16(px), Y: int16(py), Width: uint16(pw), Height: uint16(ph)}}).Check())
	}
}

// The whole way from the screen to a player: each patch comes back, and the stream says how to read it,
// in every shape and at both rates.
func TestColourChartComesBack(t *testing.T) {
	for _, c := range []struct {
		width, height, fps, out int
		encoder, space          string
		wantW, wantH            int
		within                  float64 // openh264enc's quantiser adds a level of its own
	}{
		{1280, 720, 30, 0, "x264enc", "bt709", 1280, 720, 2},
		{720, 1280, 60, 0, "x264enc", "bt709", 720, 1280, 2}, // portrait
		{1367, 769, 30, 0, "x264enc", "bt709", 1366, 768, 2}, // odd
		{641, 481, 30, 0, "x264enc", "smpte170m", 640, 480, 2},
		{1280, 960, 30, 480, "x264enc", "smpte170m", 640, 480, 2},
		{1280, 720, 30, 0, "openh264enc", "bt709", 1280, 720, 3},
	} {
		t.Run(fmt.Sprintf("%dx%d at %d to %d, %s", c.width, c.height, c.fps, c.wantH, c.encoder), func(t *testing.T) {
			d, err := stack.StartDesktop(t.Context(), t.TempDir(), stack.DesktopOptions{Width: c.width, Height: c.height})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, d.Close()) })
			t.Setenv("DISPLAY", d.Display)
			drawChart(t, d.Display, c.width, c.height)
			conf := config(t)
			conf.Video.FrameRate, conf.Video.Height, conf.Video.HideCursor, conf.Video.Encoder = c.fps, c.out, true, c.encoder
			conf.Desktop.Enabled, conf.Mic.Enabled = false, false
			r := openRecorder(t, conf)
			waitBuffered(t, r, 3*time.Second)
			clip, err := r.Save(context.Background(), capture.SaveRequest{Length: time.Second})
			require.NoError(t, err)
			info, err := capturetest.Probe(t.Context(), clip.Path)
			require.NoError(t, err)
			v, _ := info.Only("video")
			require.Equal(t, []int{c.wantW, c.wantH}, []int{v.Width, v.Height})
			require.InDelta(t, c.fps, v.FPS, 0.5)
			require.Equal(t, "tv "+c.space, v.Range+" "+v.Space)
			rgb, err := capturetest.LastFrame(t.Context(), clip.Path)
			require.NoError(t, err)
			require.Len(t, rgb, c.wantW*c.wantH*3)
			for i, want := range chart {
				x, y, w, h := patch(i, c.wantW, c.wantH)
				at := ((y+h/2)*c.wantW + x + w/2) * 3
				for k := range 3 {
					require.InDelta(t, byte(want>>(16-8*k)), rgb[at+k], c.within, "%06x came back as %x", want, rgb[at:at+3])
				}
			}
		})
	}
}
