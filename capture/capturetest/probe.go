// Package capturetest looks at recorded files as a player shows them: lengths, streams, flashes, clicks, tones. It runs
// ffprobe and ffmpeg, holds no state and has no goroutines.
package capturetest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// Stream is one stream of a file.
type Stream struct {
	// Type is "video" or "audio", Codec ffmpeg's name of the codec.
	Type, Codec string
	// Width and Height are in pixels, FPS in frames a second: the average.
	Width, Height int
	FPS           float64
	// Range and Space are how the colors of a frame are to be read: "tv", and the name of the matrix.
	Range, Space string
	// Start and Seconds are when the stream begins and how long it is as presented, in s.
	Start, Seconds float64
	// Channels and SampleRate (Hz) are set for sound.
	Channels, SampleRate int
}

// Info is what a file holds, but for its cover and its list of chapters.
type Info struct {
	// Seconds is the playing time, Bytes the size.
	Seconds float64
	Bytes   int64
	Streams []Stream
}

// Only returns the stream of the type; ok is false unless there is exactly one.
func (i Info) Only(kind string) (s Stream, ok bool) {
	n := 0
	for _, x := range i.Streams {
		if x.Type == kind {
			s = x
			n++
		}
	}
	return s, n == 1
}

// Probe reads a file's headers.
func Probe(ctx context.Context, path string) (Info, error) {
	out, err := run(ctx, "ffprobe", "-v", "error", "-show_format", "-show_streams", "-of", "json", path)
	if err != nil {
		return Info{}, err
	}
	var j struct {
		Format  struct{ Duration, Size string }
		Streams []struct {
			CodecType  string `json:"codec_type"`
			CodecName  string `json:"codec_name"`
			Width      int
			Height     int
			Rate       string `json:"avg_frame_rate"`
			Start      string `json:"start_time"`
			Duration   string
			Channels   int
			Range      string `json:"color_range"`
			Space      string `json:"color_space"`
			SampleRate string `json:"sample_rate"`
			Is         struct {
				Cover int `json:"attached_pic"`
			} `json:"disposition"`
		}
	}
	if err := json.Unmarshal(out, &j); err != nil {
		return Info{}, fmt.Errorf("ffprobe on %s: %w", path, err)
	}
	info := Info{Seconds: number(j.Format.Duration), Bytes: int64(number(j.Format.Size))}
	for _, s := range j.Streams {
		if s.Is.Cover == 1 || s.CodecType == "data" {
			continue // not part of the video: the cover, the chapter titles
		}
		info.Streams = append(info.Streams, Stream{
			Type: s.CodecType, Codec: s.CodecName, Width: s.Width, Height: s.Height, FPS: ratio(s.Rate),
			Range: s.Range, Space: s.Space, Start: number(s.Start), Seconds: number(s.Duration), Channels: s.Channels,
			SampleRate: int(number(s.SampleRate)),
		})
	}
	return info, nil
}

func number(s string) float64 {
	v, _ := strconv.ParseFloat(strings.TrimSpace(s), 64)
	return v
}

func ratio(s string) float64 {
	a, b, ok := strings.Cut(s, "/")
	if !ok || number(b) == 0 {
		return number(s)
	}
	return number(a) / number(b)
}

func run(ctx context.Context, name string, args ...string) ([]byte, error) {
	var out, msg bytes.Buffer
	c := exec.CommandContext(ctx, name, args...)
	c.Stdout, c.Stderr = &out, &msg
	if err := c.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w: %s (make setup installs it)", name, err, strings.TrimSpace(msg.String()))
	}
	return out.Bytes(), nil
}
