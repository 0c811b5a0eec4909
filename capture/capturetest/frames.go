package capturetest

import (
	"bufio"
	"bytes"
	"context"
	"strings"
)

// Frame is the brightness of one frame as presented.
type Frame struct {
	// At is the frame's presentation time in s, Luma its mean luma, 0 to 255.
	At, Luma float64
}

// Frames decodes every frame. An undecodable file is an error.
func Frames(ctx context.Context, path string) ([]Frame, error) {
	out, err := run(ctx, "ffmpeg", "-hide_banner", "-v", "error", "-nostdin", "-i", path, "-an", "-fps_mode",
		"passthrough", "-enc_time_base", "-1",
		"-vf", "scale=64:36:flags=area,signalstats,metadata=print:key=lavfi.signalstats.YAVG:file=-", "-f", "null", "-")
	if err != nil {
		return nil, err
	}
	var all []Frame
	at := 0.0
	for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
		line := s.Text()
		if _, t, ok := strings.Cut(line, "pts_time:"); ok {
			at = number(t)
		} else if _, v, ok := strings.Cut(line, "YAVG="); ok {
			all = append(all, Frame{At: at, Luma: number(v)})
		}
	}
	return all, nil
}

// LastFrame decodes the file's last frame into packed RGB, with the colours that the stream says.
func LastFrame(ctx context.Context, path string) ([]byte, error) {
	return run(ctx, "ffmpeg", "-hide_banner", "-v", "error", "-nostdin", "-sseof", "-0.1", "-i", path, "-an", "-frames:v",
		"1",
		"-vf", "scale=flags=accurate_rnd+full_chroma_int+full_chroma_inp", "-pix_fmt", "rgb24", "-f", "rawvideo", "-")
}

// Flashes finds when the video turns bright, in s. A flash began somewhere between the last dark frame and the first
// bright one, so the middle is taken: off by up to half a frame for one flash, and by nothing in the mean over flashes
// that are not in step with the frames. (The first bright frame alone is late by half a frame in the mean, 16.7 ms at
// 30/s.)
func Flashes(ctx context.Context, path string) ([]float64, error) {
	frames, err := Frames(ctx, path)
	if err != nil {
		return nil, err
	}
	low, high := 255.0, 0.0
	for _, p := range frames {
		low, high = min(low, p.Luma), max(high, p.Luma)
	}
	if high-low < 40 {
		return nil, nil // nothing flashes
	}
	threshold := (low + high) / 2
	var onsets []float64
	bright := len(frames) > 0 && frames[0].Luma > threshold
	for i, p := range frames {
		now := p.Luma > threshold
		if now && !bright {
			onsets = append(onsets, (frames[i-1].At+p.At)/2)
		}
		bright = now
	}
	return onsets, nil
}
