package playtest

import (
	"encoding/binary"
	"math"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/play"
	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
)

// The default device plays the mix, and as soon as a track is silenced the others alone.
func TestSoundIsHeard(t *testing.T) {
	sound, err := stack.StartSound(t.Context(), t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sound.Close()) })
	c, err := play.OpenClip(Movie(t, "60", "0"))
	require.NoError(t, err)
	p := play.New(c, play.Options{Server: sound.Server, Width: Width, Height: Height, Frame: func(play.Frame) {}})
	t.Cleanup(func() {
		p.Close()
		require.NoError(t, c.Close())
	})
	require.Equal(t, []play.Sound{{Name: "Mix"}, {Name: "Desktop", Adjustable: true},
		{Name: "Microphone", Adjustable: true}}, c.Sounds())
	heard := listen(t, sound)
	p.Play(c.At(30), c.Length())
	require.Eventually(t, func() bool { return heard(440) > 0.05 && heard(880) > 0.05 }, 30*time.Second,
		20*time.Millisecond, "%v", p.Trouble())
	p.SetVolumes([]float64{1, 0})
	require.Eventually(t, func() bool { return heard(440) > 0.05 && heard(880) < 0.002 }, 30*time.Second,
		20*time.Millisecond)
	p.Pause()
	require.Eventually(t, func() bool { return heard(440) < 0.002 }, 30*time.Second, 20*time.Millisecond)
	require.NoError(t, p.Trouble())
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
