package recordertest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture"
	"github.com/hindsight-app/hindsight/capture/capturetest"
	"github.com/hindsight-app/hindsight/capture/clip"
	"github.com/hindsight-app/hindsight/capture/fanout"
	"github.com/hindsight-app/hindsight/capture/media"
)

// next reads packets of the reader until one fits.
func next(t *testing.T, r *fanout.Reader, fits func(*media.Packet) bool) *media.Packet {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		p, err := r.Read(ctx)
		require.NoError(t, err)
		if fits(p) {
			return p
		}
	}
}

func TestReadersGetAllTracksAndIDRsOnRequest(t *testing.T) {
	newBench(t, 640, 360)
	r := openRecorder(t, config(t))
	reader := r.NewReader(1000, media.Video, media.Opus, media.AAC)
	defer reader.Close()
	seen := map[media.Track]bool{}
	next(t, reader, func(p *media.Packet) bool {
		if p.Track == media.Video && !seen[media.Video] {
			require.True(t, p.Key, "video begins with an IDR")
		}
		seen[p.Track] = true
		return len(seen) == 3
	})
	for range 3 {
		next(t, reader, func(p *media.Packet) bool { return p.Track == media.Video && !p.Key })
		asked := r.Now()
		r.RequestKeyframe()
		key := next(t, reader, func(p *media.Packet) bool {
			return p.Track == media.Video && p.Key && p.PTS > asked-100*time.Millisecond
		})
		require.Less(t, key.PTS-asked, 200*time.Millisecond)
	}
	require.Zero(t, reader.Dropped())
	require.True(t, r.HasSound())
	require.Equal(t, 640, r.Video().Width)
}

// Saves at once and one after the other: each is a clip of its own, and the stream of frames has no gap.
func TestSavesDoNotDisturbTheCapture(t *testing.T) {
	newBench(t, 640, 360)
	c := config(t)
	r := openRecorder(t, c)
	waitBuffered(t, r, 6*time.Second)
	done := make(chan error)
	for range 6 {
		go func() {
			_, err := r.Save(context.Background(), capture.SaveRequest{Length: 5 * time.Second})
			done <- err
		}()
	}
	for range 6 {
		require.NoError(t, <-done)
	}
	buffered := r.Status().Buffered
	waitBuffered(t, r, buffered+2*time.Second)
	whole, err := r.Save(context.Background(), capture.SaveRequest{Length: 8 * time.Second})
	require.NoError(t, err)
	frames, err := capturetest.Frames(context.Background(), whole.Path)
	require.NoError(t, err)
	require.InDelta(t, whole.Seconds*30, len(frames), 1.01, "a constant frame rate without gaps")
	clips, err := clip.List(c.ClipFolder)
	require.NoError(t, err)
	require.Len(t, clips, 7)
}

func TestSettingsChangeWhileRunningAndTheBufferStays(t *testing.T) {
	newBench(t, 640, 360)
	c := config(t)
	r := openRecorder(t, c)
	waitBuffered(t, r, 5*time.Second)
	c.Video.FrameRate, c.Video.Height, c.Mic.Muted, c.Desktop.Enabled = 60, 180, true, false
	require.NoError(t, r.Apply(c))
	require.Eventually(t, func() bool { return r.Status().FrameRate == 60 && r.Status().Height == 180 }, 20*time.Second,
		20*time.Millisecond)
	require.EqualValues(t, "off", r.Status().Desktop.State)
	waitBuffered(t, r, 8*time.Second)
	bad := c
	bad.Video.FrameRate = 13
	require.ErrorContains(t, r.Apply(bad), "165 or 240")
	saved, err := r.Save(context.Background(), capture.SaveRequest{Length: 8 * time.Second})
	require.NoError(t, err)
	frames, err := capturetest.Frames(context.Background(), saved.Path)
	require.NoError(t, err, "the clip plays across the change of size and rate")
	require.Greater(t, len(frames), 8*30)
	c.Mic.Enabled = false
	require.NoError(t, r.Apply(c))
	require.False(t, r.HasSound())
	c.Replay = 0
	require.NoError(t, r.Apply(c))
	_, err = r.Save(context.Background(), capture.SaveRequest{})
	require.ErrorIs(t, err, capture.ErrReplayOff)
}

// The sound server dies and comes back: the session continues, the clip has frames throughout, sound returns.
func TestSoundServerRestart(t *testing.T) {
	b := newBench(t, 640, 360)
	r := openRecorder(t, config(t))
	sounding := func() bool { return r.Status().Desktop.State == media.Running && r.Status().Mic.State == media.Running }
	require.Eventually(t, sounding, 30*time.Second, 50*time.Millisecond)
	waitBuffered(t, r, 3*time.Second)
	_ = b.pattern.Close()
	b.sound.Stop()
	require.Eventually(t, func() bool { return r.Status().Desktop.State == media.Failed }, 30*time.Second,
		50*time.Millisecond)
	require.NotEmpty(t, r.Status().Desktop.Error)
	// The window with the pattern is closed, so that frames repeat what the screen shows.
	frames := func() uint64 { s := r.Status(); return s.Frames + s.Repeated }
	before := frames()
	require.NoError(t, b.sound.Start(context.Background()))
	require.Eventually(t, sounding, 30*time.Second, 50*time.Millisecond)
	require.Greater(t, frames(), before, "frames went on")
	_, err := r.Save(context.Background(), capture.SaveRequest{Length: 5 * time.Second})
	require.NoError(t, err)
}

func TestWhatIsMissingIsExplainedAndTheRestGoesOn(t *testing.T) {
	b := newBench(t, 640, 360)
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	cases := map[string]struct {
		change func(*capture.Config)
		state  func(capture.Status) capture.SourceState
		want   string
	}{
		"no display": {func(c *capture.Config) { c.Video.Display = ":93" },
			func(s capture.Status) capture.SourceState { return s.Screen }, ":93"},
		"unknown microphone": {func(c *capture.Config) { c.Mic.Device = "no-such-mic" },
			func(s capture.Status) capture.SourceState { return s.Mic }, "no-such-mic"},
		"unknown output": {func(c *capture.Config) { c.Desktop.Device = "no-such.monitor" },
			func(s capture.Status) capture.SourceState { return s.Desktop }, "no-such.monitor"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			conf := config(t)
			c.change(&conf)
			r := openRecorder(t, conf)
			require.Eventually(t, func() bool { return c.state(r.Status()).State == media.Failed }, 30*time.Second,
				20*time.Millisecond)
			require.Contains(t, c.state(r.Status()).Error, c.want)
			if name == "no display" {
				_, err := r.Save(context.Background(), capture.SaveRequest{})
				require.ErrorContains(t, err, ":93")
				return
			}
			waitBuffered(t, r, time.Second)
			_, err := r.Save(context.Background(), capture.SaveRequest{Length: time.Second})
			require.NoError(t, err)
			conf.ClipFolder = file
			require.NoError(t, r.Apply(conf))
			_, err = r.Save(context.Background(), capture.SaveRequest{Length: time.Second})
			require.ErrorContains(t, err, "not a folder")
			conf.ClipFallback = t.TempDir()
			require.NoError(t, r.Apply(conf))
			saved, err := r.Save(context.Background(), capture.SaveRequest{Length: time.Second})
			require.NoError(t, err)
			require.Equal(t, conf.ClipFallback, filepath.Dir(saved.Path))
			require.Equal(t, file+" is not a folder", saved.Instead)
		})
	}
	t.Run("no sound server", func(t *testing.T) {
		t.Setenv("PULSE_SERVER", "unix:/nowhere/native")
		r := openRecorder(t, config(t))
		require.Eventually(t, func() bool { return r.Status().Mic.State == media.Failed }, 30*time.Second,
			20*time.Millisecond)
		waitBuffered(t, r, time.Second)
		_, err := capture.Devices(context.Background())
		require.ErrorContains(t, err, "no sound server responds")
	})
	t.Run("devices", func(t *testing.T) {
		list, err := capture.Devices(context.Background())
		require.NoError(t, err)
		require.Contains(t, list.Desktop, capture.Device{ID: b.sound.DesktopMonitor, Name: "Monitor of Desktop",
			Default: true})
		require.Contains(t, list.Microphones, capture.Device{ID: b.sound.MicSource, Name: "Microphone", Default: true})
	})
}

func TestCloseWaitsForEverything(t *testing.T) {
	newBench(t, 640, 360)
	before := runtime.NumGoroutine()
	r, err := capture.Open(context.Background(), config(t))
	require.NoError(t, err)
	waitBuffered(t, r, time.Second)
	reader := r.NewReader(10, media.Video)
	require.NoError(t, r.Close())
	require.NoError(t, r.Close())
	require.Eventually(t, func() bool { _, err := reader.Read(context.Background()); return err != nil }, 5*time.Second,
		time.Millisecond)
	noneLeft(t, before)
	require.Error(t, r.Apply(config(t)))
}

func TestDoctorNamesEachPart(t *testing.T) {
	newBench(t, 640, 360)
	for _, c := range capture.Doctor(context.Background(), "", "") {
		require.True(t, c.OK, "%s: %s", c.Name, c.Detail)
		require.NotEmpty(t, c.Detail)
	}
	t.Setenv("PULSE_SERVER", "unix:/nowhere/native")
	t.Setenv("DISPLAY", "")
	bad := map[string]bool{}
	for _, c := range capture.Doctor(context.Background(), "", "") {
		if !c.OK {
			bad[c.Name] = true
		}
	}
	require.Equal(t, map[string]bool{"screen": true, "sound server": true}, bad)
}

// A recorder that never closes, as after a crash: what it kept is saved at the next start.
func TestReplayIsRecoveredAfterACrash(t *testing.T) {
	if folder := os.Getenv("HINDSIGHT_TEST_CRASH"); folder != "" {
		c := config(t)
		c.JournalFolder = folder
		r, err := capture.Open(context.Background(), c)
		require.NoError(t, err)
		waitBuffered(t, r, 5*time.Second)
		require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(folder), "ready"), nil, 0o644))
		select {} // until it is killed
	}
	newBench(t, 640, 360)
	folder := filepath.Join(t.TempDir(), "journal")
	child := exec.Command(os.Args[0], "-test.run", "TestReplayIsRecoveredAfterACrash")
	child.Env = append(os.Environ(), "HINDSIGHT_TEST_CRASH="+folder)
	require.NoError(t, child.Start())
	require.Eventually(t, func() bool {
		_, err := os.Stat(filepath.Join(filepath.Dir(folder), "ready"))
		return err == nil
	}, time.Minute, 50*time.Millisecond)
	require.NoError(t, child.Process.Kill())
	_ = child.Wait()
	clips := t.TempDir()
	got, err := capture.Recover(context.Background(), folder, clip.Place{Folder: clips})
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.Greater(t, got[0].Seconds, 4.0)
	require.Contains(t, got[0].Path, "recovered")
	info, err := capturetest.Probe(context.Background(), got[0].Path)
	require.NoError(t, err)
	_, sound := info.Only("audio")
	require.True(t, sound)
	frames, err := capturetest.Frames(context.Background(), got[0].Path)
	require.NoError(t, err)
	require.InDelta(t, got[0].Seconds*30, len(frames), 2)
	again, err := capture.Recover(context.Background(), folder, clip.Place{Folder: clips})
	require.NoError(t, err)
	require.Empty(t, again)
}

// Settings, status and the end come from different goroutines: whatever meets, nothing is left running.
func TestApplyStatusAndCloseMeet(t *testing.T) {
	newBench(t, 640, 360)
	before := runtime.NumGoroutine()
	c := config(t)
	r, err := capture.Open(context.Background(), c)
	require.NoError(t, err)
	waitBuffered(t, r, time.Second)
	var wg sync.WaitGroup
	const each = 20
	applied := make(chan struct{}, 4*each)
	change := func(again func(n int) bool) {
		for i := range 4 {
			wg.Go(func() {
				mine := c
				mine.Video.FrameRate, mine.Mic.Enabled, mine.Desktop.Enabled = 30+30*(i%2), i%2 == 0, i > 1
				for n := 0; again(n) && r.Apply(mine) == nil; n++ {
					r.Status()
					select {
					case applied <- struct{}{}:
					default:
					}
				}
			})
		}
	}
	change(func(n int) bool { return n < each })
	wg.Wait()
	require.Len(t, applied, 4*each)
	frames := r.Status().Frames
	require.Eventually(t, func() bool { return r.Status().Frames > frames+5 }, 30*time.Second, 10*time.Millisecond,
		"it captures on once it is left alone")
	for range 4 * each {
		<-applied
	}
	change(func(int) bool { return true })
	for range 4 {
		<-applied
	}
	for range 2 {
		wg.Go(func() { require.NoError(t, r.Close()) })
	}
	wg.Wait()
	noneLeft(t, before)
}

// noneLeft waits until there are no more goroutines than before.
func noneLeft(t *testing.T, before int) {
	t.Helper()
	// Eventually polls from its own goroutine.
	if !assert.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+1 }, 10*time.Second,
		20*time.Millisecond) {
		stacks := make([]byte, 1<<20)
		t.Fatalf("goroutines are left: %s", stacks[:runtime.Stack(stacks, true)])
	}
}
