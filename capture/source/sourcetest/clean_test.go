package sourcetest

import (
	"bytes"
	"encoding/binary"
	"log/slog"
	"maps"
	"math"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/capture/source"
	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
)

// levelMeter keeps what a source captures: the power of each 10 ms, by time.
type levelMeter struct {
	mu    sync.Mutex
	power map[int64]float64
}

func listen(t *testing.T, suppress bool) *levelMeter {
	t.Helper()
	e := &levelMeter{power: map[int64]float64{}}
	s := source.OpenSound(source.Sound{Suppress: suppress, PCM: e.add}, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return e
}

const grain = 10 * time.Millisecond

func (e *levelMeter) add(p media.PCM) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := 0; i < len(p.Samples); i += media.Channels {
		at := p.PTS + media.SamplesToDuration(i/media.Channels)
		v := float64(p.Samples[i])
		e.power[int64(at/grain)] += v * v / (media.SampleRate / 100)
	}
}

func (e *levelMeter) reached(d time.Duration) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.power) >= int(d/grain)
}

// level is the power in dB below which so much of the time lies, after the first 4 s.
func (e *levelMeter) level(share float64) float64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	at := slices.Sorted(maps.Keys(e.power))
	var all []float64
	for _, g := range at[400 : len(at)-1] {
		all = append(all, e.power[g])
	}
	slices.Sort(all)
	return 10 * math.Log10(all[int(share*float64(len(all)))]+1e-12)
}

// play begins to play on a sink of the sound server.
func play(t *testing.T, s *stack.Sound, sink string, sound []float32) {
	t.Helper()
	var raw bytes.Buffer
	require.NoError(t, binary.Write(&raw, binary.LittleEndian, sound))
	c := exec.CommandContext(t.Context(), "pacat", "--playback", "--device="+sink, "--format=float32le", "--rate=48000",
		"--channels=1", "--raw", "--latency-msec=50")
	c.Env, c.Stdin = append(os.Environ(), s.Env...), &raw
	require.NoError(t, c.Start())
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
}

// A plain and a cleaned source at one real microphone with noise: in the pauses the noise is removed, speech stays.
func TestNoiseIsSuppressed(t *testing.T) {
	s := newSound(t)
	play(t, s, s.MicSink, Voice(30, 0.12, 0.02))
	plain, clean := listen(t, false), listen(t, true)
	require.Eventually(t, func() bool { return plain.reached(9*time.Second) && clean.reached(9*time.Second) }, time.Minute,
		50*time.Millisecond)
	const pauses, speech = 0.2, 0.9
	t.Logf("noise %.1f dB becomes %.1f dB, speech %.1f dB becomes %.1f dB", plain.level(pauses), clean.level(pauses),
		plain.level(speech), clean.level(speech))
	require.Less(t, clean.level(pauses), plain.level(pauses)-8)
	require.Greater(t, clean.level(speech), plain.level(speech)-4)
}
