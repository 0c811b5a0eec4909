//go:build linux

package backend_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/backendtest"
	"github.com/hindsight-app/hindsight/publish/backend/rewindtest"
)

// What the viewers see: 1080p30 at 3 Mb/s, recorded by the backend itself, which is what costs it most.
const (
	viewers       = 50
	viewersLook   = 2 * time.Second // as often as a player does
	viewersLength = 15 * time.Second
)

// spent is the CPU time of a process (proc_pid_stat(5): fields 14 and 15, in hundredths of a second).
func spent(b *testing.B, pid int) time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(b, err)
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	var ticks int
	for _, f := range fields[11:13] {
		n, err := strconv.Atoi(string(f))
		require.NoError(b, err)
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// BenchmarkViewers measures what viewers of one running replay cost the service: its CPU while it records, without
// viewers and with fifty, and the bytes that they get. make bench prints it.
func BenchmarkViewers(t *testing.B) {
	b := newBench(t, with{alone: true})
	var err error
	b.loop, err = backendtest.NewLoop(b.ctx, t.TempDir(), 1920, 1080, 30)
	require.NoError(t, err)
	pub := b.publish("den")
	replay := b.share(pub, "", 6)
	first := b.rewinds(replay, api.ClipsNobody)
	for t.Loop() {
		before, begun := spent(t, b.backend.PID()), time.Now()
		<-time.NewTimer(viewersLength).C
		recording := (spent(t, b.backend.PID()) - before).Seconds() / time.Since(begun).Seconds()
		before, begun = spent(t, b.backend.PID()), time.Now()
		segments, playlists := b.watchers(first)
		took := time.Since(begun).Seconds()
		all := (spent(t, b.backend.PID()) - before).Seconds() / took
		t.ReportMetric(recording, "cores-recording")
		t.ReportMetric(all-recording, "cores-viewers")
		t.ReportMetric(float64(segments)/took/1e6, "MB/s-segments")
		t.ReportMetric(float64(playlists)/took/1e6, "MB/s-playlists")
	}
}

// watchers play at the live edge for a while, and return how many bytes they got.
func (b *bench) watchers(like *rewindtest.Viewer) (segments, playlists int64) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, viewersLength)
	defer cancel()
	var sent, listed atomic.Int64
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: viewers}}
	defer client.CloseIdleConnections()
	var all sync.WaitGroup
	for i := range viewers {
		all.Go(func() {
			v := &rewindtest.Viewer{URL: like.URL, Client: client}
			seen := -1
			timer := time.NewTimer(viewersLook * time.Duration(i) / viewers) // they do not come at once
			for {
				select {
				case <-ctx.Done():
					return
				case <-timer.C:
				}
				timer.Reset(viewersLook)
				p, err := v.Look(ctx)
				if err != nil {
					if ctx.Err() == nil {
						b.Error(err)
					}
					return
				}
				listed.Add(int64(p.Sent))
				for _, e := range p.Entries[max(0, len(p.Entries)-3):] {
					if e.Number <= seen {
						continue
					}
					body, _, err := v.Get(ctx, e.URL)
					if err != nil && ctx.Err() == nil {
						b.Error(err)
					}
					sent.Add(int64(len(body)))
					seen = e.Number
				}
			}
		})
	}
	all.Wait()
	return sent.Load(), listed.Load()
}
