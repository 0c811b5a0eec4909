// Package playtest holds the tests of package play that need a sound server or a browser, apart from those of play
// itself, which need none. The movie and what reads it are for both.
package playtest

import (
	"bytes"
	"image"
	"math"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Width and Height are those of a Movie.
const Width, Height = 320, 180

func run(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	c := exec.CommandContext(t.Context(), name, args...)
	var wrong bytes.Buffer
	c.Stderr = &wrong
	out, err := c.Output()
	require.NoError(t, err, "%s", wrong.String())
	return out
}

// Movie makes a clip with a mix and the two sources of it: 4 s of moving noise at 30 FPS with a keyframe each second;
// the desktop is a tone of 440 Hz, the microphone one of 880 Hz.
func Movie(t *testing.T, seconds, bframes string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "movie.mp4")
	run(t, "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=30:d="+seconds+",noise=alls=20:allf=t",
		"-f", "lavfi", "-i", "aevalsrc='sin(2*PI*440*t)/8|sin(2*PI*440*t)/8':s=48000:d="+seconds,
		"-f", "lavfi", "-i", "aevalsrc='sin(2*PI*880*t)/8|sin(2*PI*880*t)/8':s=48000:d="+seconds,
		"-filter_complex", "[1:a]asplit[d1][d2];[2:a]asplit[m1][m2];[d1][m1]amix=normalize=0[mix]",
		"-map", "0:v", "-map", "[mix]", "-map", "[d2]", "-map", "[m2]", "-c:v", "libx264", "-preset", "ultrafast",
		"-bf", bframes, "-pix_fmt", "yuv420p", "-x264-params", "keyint=30:min-keyint=30:scenecut=0", "-c:a", "aac",
		"-metadata:s:a:0", "handler_name=Mix", "-metadata:s:a:1", "handler_name=Desktop",
		"-metadata:s:a:2", "handler_name=Microphone", path)
	return path
}

// Nearest is the frame of a file that an image looks like most, as ffmpeg decodes it.
func Nearest(frames [][]byte, img image.Image) (best int) {
	least := math.Inf(1)
	pix := img.(*image.RGBA).Pix
	for n, f := range frames {
		sum := 0.0
		for i := 0; i < len(pix); i += 53 {
			d := float64(pix[i]) - float64(f[i])
			sum += d * d
		}
		if sum < least {
			best, least = n, sum
		}
	}
	return best
}

// Decoded are the frames of a file, as ffmpeg decodes them.
func Decoded(t *testing.T, path string) (frames [][]byte) {
	t.Helper()
	b := run(t, "ffmpeg", "-v", "error", "-i", path, "-map", "0:V", "-fps_mode", "passthrough", "-f", "rawvideo",
		"-pix_fmt", "rgba", "-")
	for size := Width * Height * 4; len(b) >= size; b = b[size:] {
		frames = append(frames, b[:size])
	}
	return frames
}

// At is the begin of a frame.
func At(frame int) time.Duration { return time.Duration(frame) * time.Second / 30 }
