package main

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/publishtest"
)

func TestBrightnessIsAsVideoHasIt(t *testing.T) {
	pixels := []byte{0, 0, 0, 9, 255, 255, 255, 9, 0, 0, 255, 9, 255, 0, 0, 9}
	require.Equal(t, []byte{16, 235, 63, 32}, luma(pixels, true), "black, white, red, blue by BT.709")
	require.Equal(t, []byte{16, 235, 81, 41}, luma(pixels, false), "the same by BT.601")
}

func TestPSNR(t *testing.T) {
	a := bytes.Repeat([]byte{100}, 1000)
	require.EqualValues(t, bestPSNR, psnr(a, a))
	require.InDelta(t, 48.13, psnr(a, bytes.Repeat([]byte{101}, 1000)), 0.01, "one step everywhere")
	require.InDelta(t, 28.13, psnr(a, bytes.Repeat([]byte{90}, 1000)), 0.01, "ten steps everywhere")
	require.InDelta(t, 0, psnr(make([]byte, 10), bytes.Repeat([]byte{255}, 10)), 0.01)
}

// received is a stream of which a frame arrived every 100 ms.
func received(from time.Time, sizes ...int) (units []publishtest.Unit) {
	for i, size := range sizes {
		units = append(units, publishtest.Unit{Data: make([]byte, size), Key: i == 1,
			Whole: from.Add(time.Duration(i) * 100 * time.Millisecond)})
	}
	return units
}

func TestDelaysAreThoseOfFramesFirstShown(t *testing.T) {
	t0 := time.Now()
	all := received(t0, 1, 10, 20, 30, 40, 50, 60)
	units := fromKey(all)
	require.Len(t, units, 6)
	m := &shared{from: t0.Add(200 * time.Millisecond), to: t0.Add(600 * time.Millisecond)}
	require.Len(t, during(units, m), 4)
	require.InDelta(t, 8*(20+30+40+50)/1000.0/0.4, kbps(during(units, m), m), 1e-9)
	require.Equal(t, map[int]bool{1: true, 3: true}, samples(units, m, 2))
	require.Equal(t, 2, lastBefore(units, t0.Add(350*time.Millisecond)))

	drawn := []time.Time{t0, t0.Add(90 * time.Millisecond), t0.Add(170 * time.Millisecond), t0.Add(360 * time.Millisecond),
		t0.Add(480 * time.Millisecond)}
	// The first was shown before, one is shown twice, one cannot be read, and one comes after the end.
	m.delays(units, []int{0, 2, 2, -1, 3, 4}, drawn)
	require.InDelta(t, 2/0.4, m.FPS, 1e-9)
	require.InDelta(t, 140, m.DelayMS, 1e-9)
	missing, of := lost([]int{0, 2, 2, -1, 3, 4}, drawn, t0.Add(80*time.Millisecond),
		t0.Add(400*time.Millisecond+lastMoment))
	require.Equal(t, []int{1, 3}, []int{missing, of})
	missing, of = lost(nil, nil, t0, t0)
	require.Equal(t, []int{0, 0}, []int{missing, of})
}

func TestGoalsOfSharing(t *testing.T) {
	ours := &sharer{name: "Hindsight",
		moving: []shared{{Cores: 0.2, DelayMS: 30, PSNR: 50, FPS: 29}, {Cores: 0.1, DelayMS: 20, PSNR: 51, FPS: 29},
			{Cores: 0.3, DelayMS: 90, PSNR: 52, FPS: 29}},
		still: []shared{{Cores: 0.1, PSNR: 30}, {Cores: 0.04, PSNR: 40}, {Cores: 0.1, PSNR: 30}}}
	theirs := &sharer{name: "Chromium",
		moving: []shared{{Cores: 0.5, DelayMS: 40, PSNR: 45}, {Cores: 0.5, DelayMS: 40, PSNR: 45},
			{Cores: 0.5, DelayMS: 40, PSNR: 45}},
		still: []shared{{Cores: 0.5, PSNR: 45}, {Cores: 0.5, PSNR: 45}, {Cores: 0.5, PSNR: 45}}}
	var met []bool
	var medians []float64
	for _, g := range shareGoals(ours, theirs) {
		met, medians = append(met, g.Met), append(medians, g.Median)
	}
	require.Equal(t, []bool{true, false, true, true, false}, met)
	require.InDeltaSlice(t, []float64{0.4, 0.2, -10, 6, -15}, medians, 1e-9)

	var out bytes.Buffer
	require.NoError(t, printShared(&out, []pair{{ours, theirs}}))
	lines := bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n"))
	require.Contains(t, string(lines[1]), "Hindsight, moving")
	require.Contains(t, string(lines[1]), "0.200 (0.100 to 0.300)")
	require.Regexp(t, `CPU, still.* 0\.20 \(0\.08 to 0\.20\) +NOT MET`, out.String())
	require.Regexp(t, `CPU, moving.* 0\.40 \(0\.20 to 0\.60\) +met`, out.String())
	var report shareReport
	require.NoError(t, json.Unmarshal(lines[len(lines)-1], &report))
	require.Len(t, report.Programs, 2)
	require.Len(t, report.Goals, 5)
	require.Equal(t, "Hindsight", report.Goals[1].Program)
}

func TestTableOfGrowth(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, printGrown(&out, []growRow{{Setting: "2160p30", Kbps: 28000, Alone: 0.9, DrawnFPS: 29.5,
		Programs: []grown{{Program: "Hindsight", Cores: 1.2, Ratio: 1.3, Lost: 3, Drawn: 200},
			{Program: "ffmpeg", Cores: 1.8, Ratio: 2, Lost: 60, Drawn: 200}}}}))
	require.Regexp(t, `2160p30 +x264 alone +0\.900 +1\.00 +28000 kb/s`, out.String())
	require.Regexp(t, `Hindsight +1\.200 +1\.30 +3 of 200 +0\.0 *\n`, out.String())
	require.Regexp(t, `ffmpeg +1\.800 +2\.00 +60 of 200 +0\.0 +this machine does not hold it`, out.String())
}
