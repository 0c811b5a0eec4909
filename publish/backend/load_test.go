//go:build unix

package backend_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/recorder"
	"github.com/hindsight-app/hindsight/publish/backend/state"
	"github.com/hindsight-app/hindsight/publish/backend/storage"
)

// What the load consists of: 1080p30 at 5 Mb/s, as a recorder writes it.
const (
	loadReplays = 50
	loadSaves   = 200
	loadSegment = 4 * time.Second
	loadCount   = 8 // segments, 32 s
	loadClip    = 15 * time.Second
)

// load is a service with replays of as many users.
type load struct {
	url     string
	db      *state.Store
	secrets []string
	replays []state.Replay
	pressed time.Time
}

// BenchmarkLoad measures the service alone, without the recorder: the calls over HTTP, SQLite, and the cutting in a
// local folder. make bench prints it.
func BenchmarkLoad(b *testing.B) {
	l := newLoad(b)
	for b.Loop() {
		before := cpu(b)
		idle := time.Now()
		<-time.NewTimer(10 * time.Second).C
		b.ReportMetric((cpu(b)-before).Seconds()/time.Since(idle).Seconds(), "cores-idle")
		before = cpu(b)
		begun := time.Now()
		taken := l.saveAll(b)
		accepted := time.Since(begun)
		require.Eventually(b, func() bool {
			waiting, err := l.db.WaitingClips(b.Context())
			return err == nil && len(waiting) == 0
		}, 10*time.Minute, 20*time.Millisecond, "all clips are cut")
		b.ReportMetric(time.Since(begun).Seconds(), "s-all-ready")
		b.ReportMetric(accepted.Seconds(), "s-all-accepted")
		b.ReportMetric(taken[len(taken)/2].Seconds()*1e3, "ms-save-median")
		b.ReportMetric(taken[len(taken)-1].Seconds()*1e3, "ms-save-max")
		b.ReportMetric((cpu(b) - before).Seconds(), "cpu-s")
	}
	clips, err := l.db.AllClips(b.Context(), time.Now().Add(time.Hour), loadSaves)
	require.NoError(b, err)
	for _, c := range clips {
		require.Equal(b, api.ClipReady, c.State, c.Reason)
		require.Equal(b, loadClip, c.To.Sub(c.From))
	}
	var used syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	b.ReportMetric(float64(used.Maxrss)/1024, "MiB-peak")
}

// cpu is what this process has used.
func cpu(b *testing.B) time.Duration {
	var used syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// saveAll asks for all clips at once and returns how long each call took, sorted.
func (l *load) saveAll(b *testing.B) []time.Duration {
	taken := make([]time.Duration, loadSaves)
	var calls sync.WaitGroup
	for i := range taken {
		calls.Go(func() {
			begun := time.Now()
			if err := l.save(b.Context(), i%loadReplays); err != nil {
				b.Error(err)
			}
			taken[i] = time.Since(begun)
		})
	}
	calls.Wait()
	slices.Sort(taken)
	return taken
}

func (l *load) save(ctx context.Context, user int) error {
	body, err := json.Marshal(api.SaveRequest{ReplayID: l.replays[user].ID, Seconds: loadClip.Seconds(),
		PressedAt: &l.pressed})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.url+api.Prefix+"/save", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+l.secrets[user])
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusAccepted {
		err = fmt.Errorf("POST /save answers %s", resp.Status)
	}
	return errors.Join(err, resp.Body.Close())
}

// newLoad starts the service over replays that all hold the same media.
func newLoad(b *testing.B) *load {
	ctx, dir := b.Context(), b.TempDir()
	media := loadMedia(b)
	db, err := state.Open(ctx, dir)
	require.NoError(b, err)
	b.Cleanup(func() { db.Close() })
	files, err := storage.Open(dir, "")
	require.NoError(b, err)
	b.Cleanup(func() { files.Close() })
	began := time.Now().Add(-loadCount * loadSegment)
	l := &load{db: db, pressed: began.Add(30 * time.Second)}
	for i := range loadReplays {
		_, secret, err := db.CreateToken(ctx, fmt.Sprint("user", i), "*")
		require.NoError(b, err)
		r := state.Replay{ID: state.NewID(), Identity: fmt.Sprint("user", i), Room: "den", Created: began}
		rec := state.Recording{ID: state.NewID(), ReplayID: r.ID, EgressID: fmt.Sprint("EG_", i), VideoTrack: "TR_v",
			State: api.StateActive, Began: began, Created: began}
		require.NoError(b, db.AddReplay(ctx, r))
		require.NoError(b, db.AddRecording(ctx, rec))
		folder, err := files.NewRecording(ctx, rec.ID)
		require.NoError(b, err)
		list := "#EXTM3U\n"
		for n := range loadCount {
			name := fmt.Sprintf("s_%05d.ts", n)
			require.NoError(b, os.Link(filepath.Join(media, name), filepath.Join(folder, name)))
			list += fmt.Sprintf("#EXT-X-PROGRAM-DATE-TIME:%s\n#EXTINF:%.3f,\n%s\n",
				began.Add(time.Duration(n)*loadSegment).UTC().Format("2006-01-02T15:04:05.999Z07:00"), loadSegment.Seconds(), name)
		}
		require.NoError(b, os.WriteFile(filepath.Join(folder, recorder.Playlist), []byte(list), 0o644))
		l.secrets, l.replays = append(l.secrets, secret), append(l.replays, r)
	}
	s := run(b, options(db, files, began))
	server := httptest.NewServer(s.Handler())
	b.Cleanup(server.Close)
	l.url = server.URL
	return l
}

// loadMedia has ffmpeg write the segments.
func loadMedia(b *testing.B) string {
	dir := b.TempDir()
	out, err := exec.CommandContext(b.Context(), "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=1920x1080:r=30",
		"-f", "lavfi", "-i", "sine=r=48000", "-t", fmt.Sprint((loadCount * loadSegment).Seconds()), "-c:v", "libx264",
		"-preset",
		"ultrafast", "-b:v", "5M", "-minrate", "5M", "-maxrate", "5M", "-bufsize", "5M", "-nal-hrd", "cbr", "-g", "120",
		"-c:a", "aac",
		"-output_ts_offset", "3600", "-muxdelay", "0", "-f", "segment", "-segment_time", fmt.Sprint(loadSegment.Seconds()),
		"-segment_format", "mpegts", filepath.Join(dir, "s_%05d.ts")).CombinedOutput()
	require.NoError(b, err, "ffmpeg is needed, run make setup: %s", out)
	return dir
}
