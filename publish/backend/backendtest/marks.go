package backendtest

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Marks are the moments of the loop's marks in a file, counted from its start.
type Marks struct{ Flashes, Clicks []time.Duration }

var (
	ptsTime = regexp.MustCompile(`pts_time:([0-9.]+)`)
	average = regexp.MustCompile(`YAVG=([0-9.]+)`)
)

// FindMarks decodes a file and looks for the beginnings of flashes and clicks.
func FindMarks(ctx context.Context, file string) (Marks, error) {
	var m Marks
	// In a time base of one frame, ffmpeg's own choice, frames in step to the millisecond can fall on one tick.
	out, err := command(ctx, "ffmpeg", "-v", "error", "-nostdin", "-i", file, "-an", "-vf",
		"crop=iw/4-20:ih/4-20:10:10,signalstats,metadata=print:key=lavfi.signalstats.YAVG:file=-", "-fps_mode", "passthrough",
		"-enc_time_base", "-1", "-f", "null", "-")
	if err != nil {
		return m, err
	}
	times, levels := ptsTime.FindAllSubmatch(out, -1), average.FindAllSubmatch(out, -1)
	lit := true // a flash that is cut off at the start is none
	for i := range min(len(times), len(levels)) {
		at, err1 := strconv.ParseFloat(string(times[i][1]), 64)
		level, err2 := strconv.ParseFloat(string(levels[i][1]), 64)
		if err1 != nil || err2 != nil {
			return m, fmt.Errorf("ffmpeg printed %q and %q", times[i][0], levels[i][0])
		}
		if level > 150 && !lit {
			m.Flashes = append(m.Flashes, time.Duration(at*float64(time.Second)))
		}
		lit = level > 150
	}
	pcm, err := command(ctx, "ffmpeg", "-v", "error", "-nostdin", "-i", file, "-vn", "-af",
		"aresample=async=1:first_pts=0", "-ac", "1", "-ar", "48000", "-f", "f32le", "-")
	if err != nil {
		return m, err
	}
	quietUntil := 4800 // samples; a click that is cut off at the start is none
	for i := 0; i+4 <= len(pcm); i += 4 {
		v := math.Float32frombits(binary.LittleEndian.Uint32(pcm[i:]))
		if n := i / 4; math.Abs(float64(v)) > 0.25 {
			if n > quietUntil {
				m.Clicks = append(m.Clicks, time.Duration(n)*time.Second/48000)
			}
			quietUntil = n + 24000
		}
	}
	return m, nil
}

// Offset pairs each click with the flash next to it and returns the mean of click minus flash, and the number of pairs.
func (m Marks) Offset() (mean time.Duration, pairs int) {
	var sum time.Duration
	for _, c := range m.Clicks {
		for _, f := range m.Flashes {
			if d := c - f; d.Abs() < MarkEvery/4 {
				sum += d
				pairs++
			}
		}
	}
	if pairs == 0 {
		return 0, 0
	}
	return sum / time.Duration(pairs), pairs
}

// Stream is what ffprobe says about one stream.
type Stream struct {
	Codec  string `json:"codec_name"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
}

// Probe returns the streams of a file and its length.
func Probe(ctx context.Context, file string) ([]Stream, time.Duration, error) {
	out, err := command(ctx, "ffprobe", "-v", "error", "-of", "json", "-show_entries",
		"format=duration:stream=codec_name,width,height", file)
	if err != nil {
		return nil, 0, err
	}
	var v struct {
		Streams []Stream
		Format  struct{ Duration string }
	}
	if err := json.Unmarshal(out, &v); err != nil {
		return nil, 0, err
	}
	seconds, err := strconv.ParseFloat(v.Format.Duration, 64)
	return v.Streams, time.Duration(seconds * float64(time.Second)), err
}

// FrameSizes are the widths and heights of a file's frames.
func FrameSizes(ctx context.Context, file string) (map[[2]int]bool, error) {
	out, err := command(ctx, "ffprobe", "-v", "error", "-of", "json", "-select_streams", "v:0", "-show_entries",
		"frame=width,height", file)
	if err != nil {
		return nil, err
	}
	var v struct{ Frames []struct{ Width, Height int } }
	sizes := map[[2]int]bool{}
	err = json.Unmarshal(out, &v)
	for _, f := range v.Frames {
		sizes[[2]int{f.Width, f.Height}] = true
	}
	return sizes, err
}

// FrameRate is how many frames a second a file's video stream holds on average.
func FrameRate(ctx context.Context, file string) (float64, error) {
	out, err := command(ctx, "ffprobe", "-v", "error", "-of", "json", "-select_streams", "v:0", "-show_entries",
		"stream=avg_frame_rate", file)
	if err != nil {
		return 0, err
	}
	var v struct {
		Streams []struct {
			Rate string `json:"avg_frame_rate"`
		}
	}
	if err := json.Unmarshal(out, &v); err != nil || len(v.Streams) == 0 {
		return 0, fmt.Errorf("%s has no video stream (%v)", file, err)
	}
	frames, seconds, _ := strings.Cut(v.Streams[0].Rate, "/")
	n, err1 := strconv.ParseFloat(frames, 64)
	d, err2 := strconv.ParseFloat(seconds, 64)
	return n / d, errors.Join(err1, err2)
}

// command runs a tool; anything it complains about is an error.
func command(ctx context.Context, name string, args ...string) ([]byte, error) {
	var out, complaint bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s failed (make setup installs it): %w: %s", name, err, bytes.TrimSpace(complaint.Bytes()))
	}
	if complaint.Len() > 0 {
		return nil, fmt.Errorf("%s complains: %s", name, bytes.TrimSpace(complaint.Bytes()))
	}
	return out.Bytes(), nil
}

// LongestStep is the longest time between two frames, or packets of sound, of a file's stream "v:0" or "a:0".
func LongestStep(ctx context.Context, file, stream string) (time.Duration, error) {
	out, err := command(ctx, "ffprobe", "-v", "error", "-of", "csv=p=0", "-select_streams", stream, "-show_entries",
		"packet=pts_time", file)
	if err != nil {
		return 0, err
	}
	longest, last := 0.0, math.NaN()
	for _, line := range strings.Fields(string(out)) {
		at, err := strconv.ParseFloat(strings.TrimRight(line, ","), 64)
		if err != nil {
			return 0, fmt.Errorf("ffprobe printed %q", line)
		}
		if !math.IsNaN(last) {
			longest = max(longest, at-last)
		}
		last = at
	}
	return time.Duration(longest * float64(time.Second)), nil
}
