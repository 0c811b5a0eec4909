package publishtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pion/webrtc/v4/pkg/media/oggreader"

	"github.com/hindsight-app/hindsight/capture/media"
)

// The two tones of the generated sound, in Hz: what stands for the desktop and what stands for the microphone.
const (
	DesktopTone    = 440.0
	MicrophoneTone = 1320.0
)

// ffmpeg runs the program and returns what it wrote to its standard output.
func ffmpeg(ctx context.Context, args ...string) ([]byte, error) {
	path, err := exec.LookPath("ffmpeg")
	if err != nil {
		return nil, errors.New("ffmpeg is missing; run: make setup")
	}
	cmd := exec.CommandContext(ctx, path, append([]string{"-hide_banner", "-nostdin", "-loglevel", "error"}, args...)...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("ffmpeg %s: %w: %s", strings.Join(args, " "), err, said.String())
	}
	return out.Bytes(), nil
}

// accessUnit is one frame of the loop.
type accessUnit struct {
	data []byte
	nals [][]byte // within data
	key  bool
}

// encodeVideo makes moving video: H.264 high profile, no B-frames, an IDR frame with SPS and PPS every 2 s.
func encodeVideo(ctx context.Context, dir string, o SourceOptions) ([]accessUnit, error) {
	path := filepath.Join(dir, "loop.h264")
	_, err := ffmpeg(ctx, "-f", "lavfi", "-i",
		fmt.Sprintf("testsrc2=size=%dx%d:rate=%d:duration=%d", o.Width, o.Height, o.FrameRate, o.Seconds),
		"-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-profile:v", "high", "-pix_fmt", "yuv420p",
		"-bf", "0", "-g", fmt.Sprint(2*o.FrameRate), "-keyint_min", fmt.Sprint(2*o.FrameRate), "-sc_threshold", "0",
		"-b:v", fmt.Sprintf("%dk", o.BitrateKbps), "-maxrate", fmt.Sprintf("%dk", o.BitrateKbps),
		"-bufsize", fmt.Sprintf("%dk", o.BitrateKbps), "-x264-params", "slices=1:sliced-threads=0:repeat-headers=1",
		"-bsf:v", "h264_metadata=aud=insert", "-f", "h264", "-y", path)
	if err != nil {
		return nil, err
	}
	stream, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	units := splitAccessUnits(stream)
	if want := o.FrameRate * o.Seconds; len(units) != want {
		return nil, fmt.Errorf("ffmpeg wrote %d frames where %d were asked for", len(units), want)
	}
	return units, nil
}

// splitAccessUnits cuts an Annex B stream at its access unit delimiters (ITU-T H.264, 7.4.1.2.3).
func splitAccessUnits(stream []byte) []accessUnit {
	var units []accessUnit
	nals := media.SplitAnnexB(stream)
	for len(nals) > 0 {
		end := 1
		for end < len(nals) && media.NALType(nals[end]) != media.NALAUD {
			end++
		}
		unit := accessUnit{key: slices.ContainsFunc(nals[:end], isIDR)}
		unit.data, unit.nals = media.JoinAnnexB(nals[:end])
		units, nals = append(units, unit), nals[end:]
	}
	return units
}

func isIDR(nal []byte) bool { return media.NALType(nal) == media.NALIDR }

// soundPacket is the length of one Opus packet.
const soundPacket = 20 * time.Millisecond

// encodeSound makes two tones over faint noise, which makes every packet unlike all others: Opus, stereo, 20 ms.
func encodeSound(ctx context.Context, dir string, seconds int) ([][]byte, error) {
	path := filepath.Join(dir, "loop.ogg")
	tone := func(hz float64) string { return fmt.Sprintf("0.2*sin(2*PI*%g*t)", hz) }
	mix := tone(DesktopTone) + "+" + tone(MicrophoneTone) + "+0.002*(random(0)-0.5)"
	_, err := ffmpeg(ctx, "-f", "lavfi", "-i", fmt.Sprintf("aevalsrc='%s|%s':s=48000:d=%d", mix, mix, seconds),
		"-c:a", "libopus", "-b:a", "128k", "-application", "audio", "-frame_duration", "20", "-page_duration", "20000",
		"-f", "ogg", "-y", path)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	reader, _, err := oggreader.NewWith(f)
	if err != nil {
		return nil, err
	}
	var packets [][]byte
	for {
		page, _, err := reader.ParseNextPage()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if !bytes.HasPrefix(page, []byte("OpusTags")) {
			packets = append(packets, page)
		}
	}
	if want := seconds * 50; len(packets) < want || len(packets) > want+2 {
		return nil, fmt.Errorf("ffmpeg wrote %d sound packets where about %d were asked for", len(packets), want)
	}
	// The last page may hold the padding of the end.
	return packets[:seconds*50], nil
}

// contentKey identifies an encoded frame or Opus packet by its bytes. Of an Annex B access unit only the last NAL
// unit counts, the slice: delimiters and start codes do not survive RTP.
func contentKey(track media.Track, data []byte) string {
	if track == media.Video {
		if nals := media.SplitAnnexB(data); len(nals) > 0 {
			data = nals[len(nals)-1]
		}
	}
	sum := sha256.Sum256(data)
	return string(sum[:])
}

// CountFrames decodes an H.264 file, returns the number of frames and fails at the first error in the stream.
func CountFrames(ctx context.Context, path string) (int, error) {
	out, err := ffmpeg(ctx, "-xerror", "-err_detect", "explode", "-f", "h264", "-i", path, "-f", "framecrc", "-")
	if err != nil {
		return 0, err
	}
	n := 0
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, "#") {
			n++
		}
	}
	return n, nil
}

// ToneLevels decodes the sound of a file and returns the level of each tone in dB of full scale, for the left and the
// right channel, over the whole length but the first and last 100 ms. A full-scale sine is 0 dB.
func ToneLevels(ctx context.Context, path string, hz ...float64) (left, right []float64, err error) {
	raw, err := ffmpeg(ctx, "-i", path, "-map", "0:a:0", "-ac", "2", "-ar", "48000", "-f", "f32le", "-")
	if err != nil {
		return nil, nil, err
	}
	const edge = 4800
	frames := len(raw) / 8
	if frames < 4*edge {
		return nil, nil, fmt.Errorf("%s holds only %d sample frames of sound", path, frames)
	}
	for _, f := range hz {
		left = append(left, goertzel(raw, 0, edge, frames-edge, f))
		right = append(right, goertzel(raw, 1, edge, frames-edge, f))
	}
	return left, right, nil
}

// goertzel measures one frequency in interleaved stereo float32, by blocks of 0.1 s so that small jumps between the
// loop's ends do not cancel it.
func goertzel(raw []byte, channel, from, to int, hz float64) float64 {
	const block = 4800
	var power float64
	blocks := 0
	for at := from; at+block <= to; at += block {
		var re, im float64
		for i := range block {
			bits := binary.LittleEndian.Uint32(raw[8*(at+i)+4*channel:])
			v := float64(math.Float32frombits(bits))
			phase := 2 * math.Pi * hz * float64(i) / 48000
			re += v * math.Cos(phase)
			im += v * math.Sin(phase)
		}
		power += 4 * (re*re + im*im) / (block * block)
		blocks++
	}
	return 10 * math.Log10(power/float64(blocks)+1e-12)
}
