package play_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"image"
	"math"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/clip"
	"github.com/hindsight-app/hindsight/capture/play"
	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
)

const width, height = 320, 180

func run(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	c := exec.CommandContext(t.Context(), name, args...)
	var wrong bytes.Buffer
	c.Stderr = &wrong
	out, err := c.Output()
	require.NoError(t, err, "%s", wrong.String())
	return out
}

// movie makes a clip with a mix and the two sources of it: 4 s of moving noise at 30 FPS with a keyframe each second;
// the desktop is a tone of 440 Hz, the microphone one of 880 Hz.
func movie(t *testing.T, seconds, bframes string) string {
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

// nearest is the frame of a file that an image looks like most, as ffmpeg decodes it.
func nearest(frames [][]byte, img image.Image) (best int) {
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

func decoded(t *testing.T, path string) (frames [][]byte) {
	t.Helper()
	b := run(t, "ffmpeg", "-v", "error", "-i", path, "-map", "0:V", "-fps_mode", "passthrough", "-f", "rawvideo",
		"-pix_fmt", "rgba", "-")
	for size := width * height * 4; len(b) >= size; b = b[size:] {
		frames = append(frames, b[:size])
	}
	return frames
}

// player is one whose frames are kept.
type player struct {
	*play.Player
	clip *play.Clip
	mu   sync.Mutex
	seen []play.Frame
}

func open(t *testing.T, path string, o play.Options) *player {
	t.Helper()
	c, err := play.OpenClip(path)
	require.NoError(t, err)
	p := &player{clip: c}
	o.Width, o.Height = 1000, 1000
	o.Frame = func(f play.Frame) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.seen = append(p.seen, f)
	}
	p.Player = play.New(c, o)
	t.Cleanup(func() {
		p.Close()
		p.Close()
		require.NoError(t, c.Close())
	})
	return p
}

func (p *player) frames() []play.Frame {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]play.Frame(nil), p.seen...)
}

// waits until a frame is shown.
func (p *player) shows(t *testing.T, number int) play.Frame {
	t.Helper()
	var last play.Frame
	require.Eventually(t, func() bool {
		seen := p.frames()
		if len(seen) > 0 {
			last = seen[len(seen)-1]
		}
		return len(seen) > 0 && last.Number == number
	}, 30*time.Second, 5*time.Millisecond, "frame %d is not shown, but %d; %v", number, last.Number, p.Trouble())
	return last
}

// Each seek shows exactly that frame, forwards, backwards and to the ends, with frames that are decoded in another
// order than shown, and where an edit list hides the first ones.
func TestSeeksAreExactToTheFrame(t *testing.T) {
	path := movie(t, "4", "2")
	part, err := clip.Trim(t.Context(), clip.TrimRequest{Path: path, From: at(45), To: at(110)})
	require.NoError(t, err)
	for file, count := range map[string]int{path: 120, part.Path: 65} {
		want := decoded(t, file)
		require.Len(t, want, count)
		p := open(t, file, play.Options{Silent: true})
		require.Equal(t, count, p.clip.Frames())
		p.shows(t, 0)
		for _, n := range []int{0, 1, 2, 40, 39, 38, 5, count - 1, 61, 60, 59} {
			begin := p.clip.At(n)
			require.InDelta(t, at(n).Seconds(), begin.Seconds(), 0.001)
			require.Equal(t, n, p.clip.FrameAt(begin))
			p.Seek(begin)
			f := p.shows(t, n)
			require.Equal(t, n, nearest(want, f.Image), "what is shown as frame %d", n)
			require.Equal(t, image.Rect(0, 0, width, height), f.Image.Bounds())
			require.Equal(t, begin, p.Position())
		}
		require.Equal(t, p.clip.Length(), p.clip.At(count))
	}
}

// at is the begin of a frame.
func at(frame int) time.Duration { return time.Duration(frame) * time.Second / 30 }

// What is played goes from the begin of the selection to its last frame, in order, and stops there.
func TestPlaysTheSelection(t *testing.T) {
	path := movie(t, "4", "2")
	p := open(t, path, play.Options{Silent: true})
	want := decoded(t, path)
	p.shows(t, 0)
	p.Play(p.clip.At(25), p.clip.At(50))
	require.True(t, p.Playing())
	require.Eventually(t, func() bool { return !p.Playing() }, 30*time.Second, 5*time.Millisecond)
	require.NoError(t, p.Trouble())
	require.Equal(t, p.clip.At(49), p.Position())
	seen := p.frames()[1:]
	require.Equal(t, 25, nearest(want, seen[0].Image))
	require.Equal(t, 49, nearest(want, seen[len(seen)-1].Image))
	for i := 1; i < len(seen); i++ {
		require.GreaterOrEqual(t, seen[i].Number, seen[i-1].Number)
	}
	p.Play(0, p.clip.Length())
	require.Eventually(t, func() bool { seen := p.frames(); return seen[len(seen)-1].Number < 30 && p.Position() > 0 },
		30*time.Second, time.Millisecond)
	p.Pause()
	require.False(t, p.Playing())
	n := p.clip.FrameAt(p.Position())
	p.shows(t, n)
}

// The default device plays the mix, and as soon as a track is silenced the others alone.
func TestSoundIsHeard(t *testing.T) {
	sound, err := stack.StartSound(t.Context(), t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sound.Close()) })
	p := open(t, movie(t, "60", "0"), play.Options{Server: sound.Server})
	require.Equal(t, []play.Sound{{Name: "Mix"}, {Name: "Desktop", Adjustable: true},
		{Name: "Microphone", Adjustable: true}}, p.clip.Sounds())
	heard := listen(t, sound)
	p.Play(p.clip.At(30), p.clip.Length())
	require.Eventually(t, func() bool { return heard(440) > 0.05 && heard(880) > 0.05 }, 30*time.Second,
		20*time.Millisecond, "%v", p.Trouble())
	p.SetVolumes([]float64{1, 0})
	require.Eventually(t, func() bool { return heard(440) > 0.05 && heard(880) < 0.002 }, 30*time.Second,
		20*time.Millisecond)
	p.Pause()
	require.Eventually(t, func() bool { return heard(440) < 0.002 }, 30*time.Second, 20*time.Millisecond)
	require.NoError(t, p.Trouble())
}

// A device that is not there is no reason not to see the clip play.
func TestPlaysWithoutAnOutput(t *testing.T) {
	p := open(t, movie(t, "2", "0"), play.Options{Server: "unix:/nowhere"})
	p.shows(t, 0)
	p.Play(0, at(10))
	require.Eventually(t, func() bool { return !p.Playing() && p.Trouble() != nil }, 30*time.Second, 5*time.Millisecond)
	require.ErrorContains(t, p.Trouble(), "the default output for sound cannot be opened")
	p.shows(t, 9)
}

// listen records what is played and returns how loud a tone is in the last 100 ms.
func listen(t *testing.T, sound *stack.Sound) func(hz float64) float64 {
	t.Helper()
	c := exec.CommandContext(t.Context(), "parec", "-d", sound.DesktopMonitor, "--format=float32le", "--rate=48000",
		"--channels=1", "--latency-msec=20")
	c.Env = append(c.Environ(), sound.Env...)
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	const window = 4800
	var mu sync.Mutex
	last := make([]float64, window)
	done := make(chan struct{})
	go func() {
		defer close(done)
		var b [4 * 240]byte
		for {
			for n := 0; n < len(b); {
				k, err := out.Read(b[n:])
				if err != nil {
					return
				}
				n += k
			}
			mu.Lock()
			for i := 0; i < len(b); i += 4 {
				last = append(last, float64(math.Float32frombits(binary.LittleEndian.Uint32(b[i:]))))
			}
			last = last[len(last)-window:]
			mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		_ = c.Process.Kill()
		<-done
		_ = c.Wait()
	})
	return func(hz float64) float64 {
		mu.Lock()
		defer mu.Unlock()
		var re, im float64
		for i, v := range last {
			w := 1 - math.Cos(2*math.Pi*float64(i)/window)
			re += w * v * math.Cos(2*math.Pi*hz*float64(i)/48000)
			im += w * v * math.Sin(2*math.Pi*hz*float64(i)/48000)
		}
		return 2 * math.Hypot(re, im) / window
	}
}

func TestStripAndPeaks(t *testing.T) {
	path := movie(t, "4", "2")
	c, err := play.OpenClip(path)
	require.NoError(t, err)
	defer c.Close()
	want := decoded(t, path)
	var got []int
	require.NoError(t, c.Strip(t.Context(), 0, c.Length(), 6, 1000, 1000, func(n int, img image.Image) {
		require.Equal(t, len(got), n)
		got = append(got, nearest(want, img))
	}))
	for i, n := range []int{10, 30, 50, 70, 90, 110} { // which is where a frame begins, or an instant before
		require.InDelta(t, n, got[i], 1)
	}
	got = nil
	require.NoError(t, c.Strip(t.Context(), at(30), at(60), 2, 1000, 1000, func(_ int, img image.Image) {
		got = append(got, nearest(want, img))
	}))
	require.Equal(t, []int{37, 52}, got)
	require.NoError(t, c.Strip(t.Context(), 0, c.Length(), 2, 64, 64, func(_ int, img image.Image) {
		require.Equal(t, image.Rect(0, 0, 64, 36), img.Bounds())
	}))
	var peaks []float32
	require.NoError(t, c.Peaks(t.Context(), 1, func(p []float32) { peaks = p }))
	require.Len(t, peaks, 400)
	for i, v := range peaks[2:398] {
		require.InDelta(t, 0.125, v, 0.02, "%d", i)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, c.Peaks(ctx, 1, nil), context.Canceled)
	require.ErrorIs(t, c.Strip(ctx, 0, c.Length(), 6, 100, 100, nil), context.Canceled)
	_, err = play.OpenClip(filepath.Join(t.TempDir(), "gone.mp4"))
	require.Error(t, err)
}
