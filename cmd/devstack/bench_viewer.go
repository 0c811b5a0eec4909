package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/hindsight-app/hindsight/capture/capturetest"
	"github.com/hindsight-app/hindsight/cmd/devstack/framecode"
	"github.com/hindsight-app/hindsight/publish/publishtest"
)

// fromKey leaves out what comes before the first keyframe.
func fromKey(units []publishtest.Unit) []publishtest.Unit {
	i := slices.IndexFunc(units, func(u publishtest.Unit) bool { return u.Key })
	if i < 0 {
		return nil
	}
	return units[i:]
}

// during are the units that arrived while something was measured.
func during(units []publishtest.Unit, m *shared) (out []publishtest.Unit) {
	for _, u := range units {
		if !u.Whole.Before(m.from) && u.Whole.Before(m.to) {
			out = append(out, u)
		}
	}
	return out
}

// lastBefore is the index of the last unit that was there at a time, -1 where there was none.
func lastBefore(units []publishtest.Unit, t time.Time) int {
	last := -1
	for i, u := range units {
		if u.Whole.Before(t) {
			last = i
		}
	}
	return last
}

// samples are the indexes of some units, evenly spread over a measurement.
func samples(units []publishtest.Unit, m *shared, count int) map[int]bool {
	var in []int
	for i, u := range units {
		if !u.Whole.Before(m.from) && u.Whole.Before(m.to) {
			in = append(in, i)
		}
	}
	out := map[int]bool{}
	for k := range min(count, len(in)) {
		out[in[k*len(in)/count]] = true
	}
	return out
}

func kbps(units []publishtest.Unit, m *shared) float64 {
	n := 0
	for _, u := range units {
		n += len(u.Data)
	}
	return float64(n) * 8 / 1000 / m.to.Sub(m.from).Seconds()
}

// delays fills in how late each frame was that was first shown while the screen was measured. numbers are what the
// units show, -1 where that cannot be read; drawn is when each number was drawn.
func (m *shared) delays(units []publishtest.Unit, numbers []int, drawn []time.Time) {
	var late []float64
	shown := map[int]bool{}
	for i, n := range numbers {
		if n < 0 || n >= len(drawn) || shown[n] {
			continue
		}
		shown[n] = true
		if at := units[i].Whole; !at.Before(m.from) && at.Before(m.to) {
			late = append(late, at.Sub(drawn[n]).Seconds()*1000)
		}
	}
	m.FPS = float64(len(late)) / m.to.Sub(m.from).Seconds()
	if len(late) == 0 {
		return
	}
	slices.Sort(late)
	m.DelayMS, m.LateMS = late[len(late)/2], late[len(late)*95/100]
}

// video is what a viewer's decoder makes of a stream.
type video struct {
	// numbers are those in the frames, -1 where there is none.
	numbers []int
	// luma is the brightness of the frames that were wanted, a byte a pixel, as the stream has it; bt709 is whether it
	// was made by that matrix instead of BT.601's.
	luma  map[int][]byte
	bt709 bool
}

// decode decodes a stream that was received, in the size of the screen, as a viewer sees it who fills a screen of that
// size. units is how many frames it has to have, 0 if that does not matter.
func (s *stage) decode(ctx context.Context, stream *publishtest.Stream, units int, wanted map[int]bool) (*video,
	error) {
	path := filepath.Join(s.dir, "shared.h264")
	if stream.VP8() {
		path = filepath.Join(s.dir, "shared.ivf")
	}
	if err := stream.WriteFile(path); errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("%w: no keyframe arrived", errLost)
	} else if err != nil {
		return nil, fmt.Errorf("what arrived cannot be written: %w", err)
	}
	defer os.Remove(path)
	v, err := decodeFile(ctx, path, image.Pt(s.width, s.height), func(i int) bool { return wanted[i] })
	if err != nil {
		return nil, err
	}
	if units > 0 && len(v.numbers) != units {
		return nil, fmt.Errorf("%w: %d frames arrived, and ffmpeg decodes %d of them", errLost, units, len(v.numbers))
	}
	return v, nil
}

// errLost says that packets were lost on the way to the viewer, as on a machine that has too much to do.
var errLost = errors.New("frames cannot be decoded")

// decodeFile decodes all frames of a file in one size and reads their numbers. Of those that are wanted it keeps the
// brightness.
func decodeFile(ctx context.Context, path string, size image.Point, wanted func(i int) bool) (*video, error) {
	info, err := capturetest.Probe(ctx, path)
	if err != nil {
		return nil, err
	}
	v := &video{luma: map[int][]byte{}}
	if s, ok := info.Only("video"); ok {
		v.bt709 = s.Space == "bt709"
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "ffmpeg", "-v", "error", "-nostdin", "-i", path, "-an", "-fps_mode", "passthrough",
		"-vf", fmt.Sprintf("scale=%d:%d,format=yuv420p,extractplanes=y", size.X, size.Y), "-f", "rawvideo", "-")
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	frame := make([]byte, size.X*size.Y)
	for i := 0; ; i++ {
		if _, err = io.ReadFull(out, frame); err != nil {
			break
		}
		n, ok := framecode.Read(frame, size.X)
		if !ok {
			n = -1
		}
		v.numbers = append(v.numbers, n)
		if wanted(i) {
			v.luma[i] = slices.Clone(frame)
		}
	}
	if failed := cmd.Wait(); failed != nil {
		return nil, fmt.Errorf("ffmpeg cannot decode it: %w: %s", failed, bytes.TrimSpace(stderr.Bytes()))
	}
	if !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("ffmpeg's frames cannot be read: %w", err)
	}
	return v, nil
}

// luma is the brightness of pixels of 4 bytes, blue, green, red and one that says nothing, as video has it: 16 to 235,
// by the matrix of BT.709 or that of BT.601.
func luma(bgrx []byte, bt709 bool) []byte {
	kr, kb := 0.299, 0.114
	if bt709 {
		kr, kb = 0.2126, 0.0722
	}
	part := func(k float64) (t [256]float64) {
		for i := range t {
			t[i] = k * float64(i) * 219 / 255
		}
		return t
	}
	r, g, b := part(kr), part(1-kr-kb), part(kb)
	out := make([]byte, len(bgrx)/4)
	for i := range out {
		p := bgrx[4*i : 4*i+3]
		out[i] = byte(16.5 + r[p[2]] + g[p[1]] + b[p[0]])
	}
	return out
}

// bestPSNR is what two equal frames get, in dB: less than a hundredth of a step of difference has no meaning.
const bestPSNR = 99

// psnr is the peak signal-to-noise ratio of two frames of bytes, in dB.
func psnr(a, b []byte) float64 {
	if len(a) != len(b) || len(a) == 0 {
		return math.NaN()
	}
	sum := 0
	for i := range a {
		d := int(a[i]) - int(b[i])
		sum += d * d
	}
	if sum == 0 {
		return bestPSNR
	}
	return min(10*math.Log10(255*255*float64(len(a))/float64(sum)), bestPSNR)
}
