package sourcetest

import (
	"context"
	"log/slog"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/capture/source"
	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
)

// listener measures tones in what a source delivers.
type listener struct {
	mu      sync.Mutex
	samples []float32 // the newest half second, left channel
	last    time.Duration
	fresh   int // frames since forget
}

func (l *listener) push(p media.PCM) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := 0; i < len(p.Samples); i += media.Channels {
		l.samples = append(l.samples, p.Samples[i])
	}
	l.samples = l.samples[max(len(l.samples)-media.SampleRate/2, 0):]
	l.last = p.PTS + p.Duration()
	l.fresh += len(p.Samples) / media.Channels
}

// forget drops what was captured before, so that nothing of it counts.
func (l *listener) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.samples, l.fresh = nil, 0
}

// heard is for how long something was delivered since forget.
func (l *listener) heard() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return media.SamplesToDuration(l.fresh)
}

// amplitude is that of a tone (one bin of a Fourier transform).
func (l *listener) amplitude(hz float64) float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	var re, im float64
	for i, v := range l.samples {
		a := 2 * math.Pi * hz * float64(i) / media.SampleRate
		re, im = re+float64(v)*math.Cos(a), im+float64(v)*math.Sin(a)
	}
	return 2 * math.Hypot(re, im) / float64(max(len(l.samples), 1))
}

// hears waits until these tones are captured at their level and these are not.
func (l *listener) hears(t *testing.T, what string, there, not []float64) {
	t.Helper()
	ok := func() bool {
		for _, hz := range there {
			if math.Abs(l.amplitude(hz)-stack.ToneLevel) > stack.ToneLevel/10 {
				return false
			}
		}
		for _, hz := range not {
			if l.amplitude(hz) > stack.ToneLevel/50 {
				return false
			}
		}
		return true
	}
	if assert.Eventually(t, ok, 20*time.Second, 20*time.Millisecond) {
		return
	}
	levels := map[float64]float64{}
	for _, hz := range append(slices.Clone(there), not...) {
		levels[hz] = l.amplitude(hz)
	}
	t.Fatalf("%s: it should hear %v Hz and not %v Hz, and hears %v", what, there, not, levels)
}

func log() *slog.Logger { return slog.New(slog.NewTextHandler(os.Stderr, nil)) }

func newSound(t *testing.T) *stack.Sound {
	t.Helper()
	s, err := stack.StartSound(context.Background(), t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	t.Setenv("PULSE_SERVER", s.Server)
	return s
}

func pactl(t *testing.T, s *stack.Sound, args ...string) string {
	t.Helper()
	out, err := s.Pactl(t.Context(), args...)
	require.NoError(t, err, out)
	return out
}

// plays plays a tone on a sink as a program of that name.
func plays(t *testing.T, s *stack.Sound, name, sink string, hz float64) *stack.Player {
	t.Helper()
	p, err := stack.Play(s.Server, name, sink, hz)
	require.NoError(t, err)
	t.Cleanup(p.Close)
	return p
}

func open(t *testing.T, c source.Sound) (*source.Supervisor, *listener) {
	t.Helper()
	l := &listener{}
	c.PCM = l.push
	s := source.OpenSound(c, log())
	t.Cleanup(func() { require.NoError(t, s.Close()); require.NoError(t, s.Close()) })
	return s, l
}

func sink(t *testing.T, s *stack.Sound, name string) (module string) {
	t.Helper()
	return strings.TrimSpace(pactl(t, s, "load-module", "module-null-sink", "sink_name="+name, "rate=48000", "channels=2"))
}

func state(s *source.Supervisor, want media.SourceState) func() bool {
	return func() bool { return s.Status().State == want }
}

// The system's default changes: what follows it captures the new one, without a failure.
func TestDefaultIsFollowed(t *testing.T) {
	s := newSound(t)
	sink(t, s, "headset")
	plays(t, s, "player", "desktop", 440)
	plays(t, s, "player", "headset", 1000)
	desktop, heard := open(t, source.Sound{Monitor: true})
	heard.hears(t, "the default", []float64{440}, []float64{1000})
	mic, silence := open(t, source.Sound{})
	require.Eventually(t, state(mic, media.Running), 45*time.Second, 20*time.Millisecond)
	pactl(t, s, "set-default-sink", "headset")
	heard.hears(t, "the new default", []float64{1000}, nil) // the server moves the other player there, too
	pactl(t, s, "set-default-source", "headset.monitor")
	require.Eventually(t, state(mic, media.Waiting), 45*time.Second, 20*time.Millisecond, "a monitor is no microphone")
	pactl(t, s, "set-default-source", "microphone")
	require.Eventually(t, state(mic, media.Running), 45*time.Second, 20*time.Millisecond)
	silence.hears(t, "the microphone", nil, []float64{440, 1000})
	require.Equal(t, media.Running, desktop.Status().State)
}

// A device that is unplugged is reported, waited for and captured again.
func TestDeviceComesBack(t *testing.T) {
	s := newSound(t)
	module := sink(t, s, "headset")
	player := plays(t, s, "player", "headset", 1000)
	plays(t, s, "other", "desktop", 440)
	src, heard := open(t, source.Sound{Monitor: true, Device: "headset.monitor"})
	heard.hears(t, "the headset", []float64{1000}, []float64{440})
	changes := make(chan struct{}, 1000)
	ctx, cancel := context.WithCancel(t.Context())
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		source.WatchDevices(ctx, func() { changes <- struct{}{} })
	}()
	<-changes
	player.Close()
	pactl(t, s, "unload-module", module)
	require.Eventually(t, state(src, media.Failed), 45*time.Second, 20*time.Millisecond)
	require.ErrorContains(t, src.Status().Err, "headset.monitor")
	<-changes
	sink(t, s, "headset")
	require.Eventually(t, state(src, media.Running), 45*time.Second, 20*time.Millisecond)
	plays(t, s, "player", "headset", 1500)
	heard.hears(t, "the headset again", []float64{1500}, []float64{440, 1000})
	cancel()
	<-watched
}

// A Bluetooth headset that changes its profile goes away and comes back as another device, with other channels and
// another rate: the desktop is still captured, whether the headset was the default or chosen by its name. So is a
// device that comes back under the name it had.
func TestAHeadsetChangesItsProfile(t *testing.T) {
	s := newSound(t)
	const headset = "bluez_sink.AA_BB_CC_DD_EE_FF."
	load := func(name string, format ...string) string {
		args := append([]string{"load-module", "module-null-sink", "sink_name=" + name}, format...)
		module := strings.TrimSpace(pactl(t, s, args...))
		pactl(t, s, "set-default-sink", name)
		return module
	}
	module := load(headset+"a2dp_sink", "rate=44100", "channels=2")
	player := plays(t, s, "player", headset+"a2dp_sink", 440)
	_, standard := open(t, source.Sound{Monitor: true})
	_, named := open(t, source.Sound{Monitor: true, Device: headset + "a2dp_sink.monitor"})
	heard := map[string]*listener{"the default": standard, "chosen by name": named}
	for what, l := range heard {
		l.hears(t, what, []float64{440}, nil)
	}
	for i, sink := range []string{"handsfree_head_unit", "handsfree_head_unit", "a2dp_sink"} {
		player.Close()
		pactl(t, s, "unload-module", module)
		for _, l := range heard {
			l.forget()
		}
		hz := 700 + 300*float64(i)
		module = load(headset+sink, [][]string{{"rate=16000", "channels=1"}, {"rate=8000", "channels=2"},
			{"rate=48000", "channels=2"}}[i]...)
		player = plays(t, s, "player", headset+sink, hz)
		for what, l := range heard {
			l.hears(t, what+", "+sink, []float64{hz}, []float64{440})
		}
	}
}

// One program is captured, with all its streams and nothing else, and its sound has the time of the whole desktop's.
func TestOneProgramIsHeard(t *testing.T) {
	s := newSound(t)
	game, heard := open(t, source.Sound{Monitor: true, Device: source.Application + "game"})
	require.Eventually(t, state(game, media.Running), 45*time.Second, 20*time.Millisecond, "silence is no failure")
	plays(t, s, "music", "desktop", 440)
	first := plays(t, s, "game", "desktop", 1000)
	heard.hears(t, "one stream", []float64{1000}, []float64{440})
	plays(t, s, "game", "desktop", 1500)
	heard.hears(t, "two streams", []float64{1000, 1500}, []float64{440})
	devices, err := source.Devices(t.Context())
	require.NoError(t, err)
	require.Contains(t, devices, source.Device{ID: "app:game", Name: "game", Monitor: true})
	require.Contains(t, devices, source.Device{ID: "app:music", Name: "music", Monitor: true})
	first.Close()
	heard.hears(t, "one has ended", []float64{1500}, []float64{440, 1000})
	whole, all := open(t, source.Sound{Monitor: true})
	require.Eventually(t, state(whole, media.Running), 45*time.Second, 20*time.Millisecond)
	all.hears(t, "the desktop", []float64{1500, 440}, []float64{1000})
	require.Eventually(t, func() bool {
		heard.mu.Lock()
		a := heard.last
		heard.mu.Unlock()
		all.mu.Lock()
		defer all.mu.Unlock()
		return max(a-all.last, all.last-a) < 100*time.Millisecond
	}, 30*time.Second, 10*time.Millisecond, "both tell the same time")
	moveAndHear(t, s, heard, 1500, 440)
}

// Several apps are captured together, or all but some.
func TestSeveralAppsOrAllButOneAreHeard(t *testing.T) {
	s := newSound(t)
	_, two := open(t, source.Sound{Monitor: true, Device: source.Apps{Names: []string{"game", "music"}}.Device()})
	_, others := open(t, source.Sound{Monitor: true, Device: source.Apps{Names: []string{"game"}, Except: true}.Device()})
	plays(t, s, "music", "desktop", 440)
	plays(t, s, "game", "desktop", 1000)
	plays(t, s, "voices", "desktop", 1500)
	two.hears(t, "two apps", []float64{440, 1000}, []float64{1500})
	others.hears(t, "all but one", []float64{440, 1500}, []float64{1000})
}

// A program whose stream moves to another output and back is captured there as well, with both sound servers.
func TestAMovedProgramIsHeardOnPipeWire(t *testing.T) {
	w, err := stack.StartWayland(t.Context(), t.TempDir(), stack.WaylandOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.Close()) })
	t.Setenv("PULSE_SERVER", w.Sound.Server)
	plays(t, w.Sound, "music", "desktop", 440)
	plays(t, w.Sound, "game", "desktop", 1500)
	_, heard := open(t, source.Sound{Monitor: true, Device: source.Application + "game"})
	heard.hears(t, "the program", []float64{1500}, []float64{440})
	moveAndHear(t, w.Sound, heard, 1500, 440)
}

// moveAndHear moves all streams to another output and back, and each time listens to nothing but what came afterwards.
func moveAndHear(t *testing.T, s *stack.Sound, heard *listener, there, not float64) {
	t.Helper()
	sink(t, s, "headset")
	for _, output := range []string{"headset", s.DesktopSink} {
		for _, in := range inputs(t, s) {
			pactl(t, s, "move-sink-input", in, output)
		}
		heard.forget()
		require.Eventually(t, func() bool { return heard.heard() > time.Second }, 20*time.Second, 20*time.Millisecond,
			"something is heard after the move to %s", output)
		heard.hears(t, "moved to "+output, []float64{there}, []float64{not})
	}
}

// The desktop is captured at its level whatever the volume of a speaker that is turned down by software; a muted one is
// reported.
func TestTheSpeakersVolumeDoesNotCount(t *testing.T) {
	s := newSound(t)
	plays(t, s, "player", "desktop", 440)
	src, heard := open(t, source.Sound{Monitor: true})
	heard.hears(t, "a full volume", []float64{440}, nil)
	for _, percent := range []string{"30%", "120%", "60%"} {
		pactl(t, s, "set-sink-volume", "desktop", percent)
		heard.forget()
		require.Eventually(t, func() bool { return heard.heard() > time.Second }, 20*time.Second, 20*time.Millisecond)
		heard.hears(t, "a volume of "+percent, []float64{440}, nil)
		require.NoError(t, src.Status().Err)
	}
	pactl(t, s, "set-sink-mute", "desktop", "1")
	muted := func() bool { return src.Status().Err == source.ErrSpeakerMuted }
	require.Eventually(t, muted, 20*time.Second, 20*time.Millisecond)
	require.Equal(t, media.Running, src.Status().State)
	pactl(t, s, "set-sink-mute", "desktop", "0")
	require.Eventually(t, func() bool { return src.Status().Err == nil }, 20*time.Second, 20*time.Millisecond)
	heard.hears(t, "unmuted", []float64{440}, nil)
}

// inputs are the numbers of all streams that play.
func inputs(t *testing.T, s *stack.Sound) (list []string) {
	t.Helper()
	for line := range strings.Lines(pactl(t, s, "list", "short", "sink-inputs")) {
		list = append(list, strings.Fields(line)[0])
	}
	return list
}
