// Package backendtest publishes a real H.264 and Opus loop to a LiveKit room, for tests of what records it, and finds
// the marks of that loop in recordings.
//
// A Publisher has one goroutine, which paces both tracks; Close ends it, leaves the room and waits.
package backendtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/pion/webrtc/v4/pkg/media/oggreader"
)

// MarkEvery is the time between two marks: a white flash of two frames and a click that begin at the same moment. The
// first is at the start of the loop.
const MarkEvery = 2 * time.Second

// loopLength is a multiple of MarkEvery.
const loopLength = 10 * time.Second

const (
	// opusPacket is the length of one Opus packet.
	opusPacket = 20 * time.Millisecond
	// opusLookahead is by how much libopus delays sound in its audio mode (OPUS_GET_LOOKAHEAD): the app's PTS say when
	// sound is heard, so the loop's clicks are made that much earlier.
	opusLookahead = 312 * time.Second / 48000
)

// Loop is encoded sound and video that can be played round and round.
type Loop struct {
	Width, Height, FPS int
	video              [][]byte // access units, Annex B, each round begins with an IDR
	audio              [][]byte // Opus packets of 20 ms
}

// NewLoop encodes moving video with marks by ffmpeg, at a quarter of a bit a pixel and at most 3 Mb/s. fps must
// divide 1000 ms times 10 into whole frames.
func NewLoop(ctx context.Context, dir string, width, height, fps int) (*Loop, error) {
	return NewLoopAt(ctx, dir, width, height, fps, 3000)
}

// NewLoopAt does so at a bitrate in kb/s.
func NewLoopAt(ctx context.Context, dir string, width, height, fps, kbps int) (*Loop, error) {
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		return nil, errors.New("ffmpeg is not installed; run make setup")
	}
	h264, ogg := filepath.Join(dir, "loop.h264"), filepath.Join(dir, "loop.ogg")
	seconds := fmt.Sprint(loopLength.Seconds())
	flash := fmt.Sprintf("testsrc2=s=%dx%d:r=%d,drawbox=color=black:t=fill:w=iw/4:h=ih/4,"+
		"drawbox=color=white:t=fill:w=iw/4:h=ih/4:enable='lt(mod(n,%d),2)',format=yuv420p",
		width, height, fps, int(MarkEvery.Seconds())*fps)
	click := fmt.Sprintf("aevalsrc='if(lt(mod(t+%[1]g,%[2]g),0.04),0.8*sin(2*PI*1000*t),0.02*sin(2*PI*220*t))|"+
		"if(lt(mod(t+%[1]g,%[2]g),0.04),0.8*sin(2*PI*1000*t),0.02*sin(2*PI*330*t))':s=48000",
		opusLookahead.Seconds(), MarkEvery.Seconds())
	gop := fmt.Sprint(2 * fps)
	kbps = min(kbps, width*height*fps/4/1000) // small frames are light, for busy machines
	if err := ffmpeg(ctx, "-f", "lavfi", "-i", flash, "-t", seconds, "-c:v", "libx264", "-preset", "ultrafast",
		"-tune", "zerolatency", "-profile:v", "baseline", "-b:v", fmt.Sprintf("%dk", kbps), "-g", gop, "-bf", "0",
		"-x264-params",
		"aud=1:repeat-headers=1:scenecut=0:sliced-threads=0:slices=1", "-f", "h264", h264); err != nil {
		return nil, err
	}
	if err := ffmpeg(ctx, "-f", "lavfi", "-i", click, "-t", seconds, "-c:a", "libopus", "-application", "audio",
		"-b:a", "128k", "-frame_duration", "20", "-page_duration", "20000", "-f", "ogg", ogg); err != nil {
		return nil, err
	}
	l := &Loop{Width: width, Height: height, FPS: fps}
	stream, err := os.ReadFile(h264)
	if err != nil {
		return nil, err
	}
	l.video = splitAccessUnits(stream)
	if want := int(loopLength.Seconds()) * fps; len(l.video) != want {
		return nil, fmt.Errorf("ffmpeg made %d frames instead of %d", len(l.video), want)
	}
	l.audio, err = opusPackets(ogg)
	return l, err
}

func ffmpeg(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "ffmpeg", append([]string{"-v", "error", "-nostdin", "-y"}, args...)...)
	var out bytes.Buffer
	cmd.Stderr = &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("ffmpeg: %w: %s", err, bytes.TrimSpace(out.Bytes()))
	}
	return nil
}

// splitAccessUnits cuts an Annex B stream at its access unit delimiters (ITU-T H.264, 7.4.1.2.3).
func splitAccessUnits(stream []byte) [][]byte {
	delimiter := []byte{0, 0, 0, 1, 9}
	var out [][]byte
	for len(stream) > 0 {
		next := bytes.Index(stream[len(delimiter):], delimiter)
		if next < 0 {
			return append(out, stream)
		}
		out = append(out, stream[:next+len(delimiter)])
		stream = stream[next+len(delimiter):]
	}
	return out
}

func opusPackets(path string) ([][]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, _, err := oggreader.NewWith(f)
	if err != nil {
		return nil, err
	}
	var out [][]byte
	for {
		page, _, err := r.ParseNextPage()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if !bytes.HasPrefix(page, []byte("OpusTags")) {
			out = append(out, page)
		}
	}
	want := int(loopLength / opusPacket)
	if len(out) < want {
		return nil, fmt.Errorf("ffmpeg made %d Opus packets, %d are needed", len(out), want)
	}
	return out[:want], nil
}
