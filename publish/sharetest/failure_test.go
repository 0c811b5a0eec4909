//go:build linux

package sharetest

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
	"github.com/hindsight-app/hindsight/cmd/devstack/wait"
	"github.com/hindsight-app/hindsight/publish"
	"github.com/hindsight-app/hindsight/publish/client"
	"github.com/hindsight-app/hindsight/publish/livekit"
	"github.com/hindsight-app/hindsight/publish/publishtest"
)

// goroutines counts them without those of idle connections that the LiveKit client's HTTP calls leave in the default
// client.
func goroutines() int {
	http.DefaultClient.CloseIdleConnections()
	return runtime.NumGoroutine()
}

// What the user has to put right is reported in one message, and nothing is left running.
func TestStartTellsWhatToPutRight(t *testing.T) {
	b := newBench(t, publishtest.SourceOptions{Seconds: 2})
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	wrongKeys := publishtest.NewBackend(b.lk.URL, b.lk.APIKey, strings.Repeat("x", 40))
	defer wrongKeys.Close()
	port, err := stack.FreePort()
	require.NoError(t, err)
	nobody := "http://" + net127(port)

	for name, c := range map[string]struct {
		change func(*publish.Config)
		want   error
		says   string
	}{
		"no URL":    {func(c *publish.Config) { c.BackendURL = "" }, client.ErrURL, "server URL"},
		"not a URL": {func(c *publish.Config) { c.BackendURL = "replay" }, client.ErrURL, `"replay"`},
		"not a backend": {func(c *publish.Config) { c.BackendURL = other.URL }, client.ErrURL,
			"not a Hindsight backend"},
		"nobody there": {func(c *publish.Config) { c.BackendURL = nobody }, client.ErrUnreachable, "nothing listens"},
		"no token":     {func(c *publish.Config) { c.UserToken = "" }, client.ErrToken, "token is empty"},
		"wrong token":  {func(c *publish.Config) { c.UserToken = "guess" }, client.ErrToken, "not known"},
		"no room":      {func(c *publish.Config) { c.Room = "  " }, client.ErrRoom, "no room is set"},
		"room refused": {func(c *publish.Config) { c.Room = publishtest.ForbiddenRoom }, client.ErrRoom,
			"may not share"},
		"keys do not match":   {func(c *publish.Config) { c.BackendURL = wrongKeys.URL() }, livekit.ErrRefused, "API key"},
		"a token with a line": {func(c *publish.Config) { c.UserToken = "a\r\nb" }, client.ErrToken, "token"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := b.config(t)
			c.change(&cfg)
			before := goroutines()
			p, err := publish.Start(b.ctx, cfg, b.src)
			require.ErrorIs(t, err, c.want)
			require.ErrorContains(t, err, c.says)
			require.NotContains(t, err.Error(), "\n")
			require.Nil(t, p)
			require.NotContains(t, err.Error(), "eyJ", "a token is shown")
			b.eventually(t, func() bool { return goroutines() <= before }, "goroutines are left")
		})
	}
}

// A recorder that refuses does not end sharing; it is asked again.
func TestRefusedRecorder(t *testing.T) {
	b := newBench(t, publishtest.SourceOptions{Seconds: 2})
	b.backend.Refuse("all recorders are busy")
	p := b.publish(t)
	st := p.Status()
	require.Equal(t, publish.StateLive, st.State)
	require.Equal(t, publish.RecordingFailed, st.Recording)
	require.Contains(t, st.Error, "all recorders are busy")
	_, err := p.Save(b.ctx, 10, time.Now(), "")
	require.ErrorIs(t, err, publish.ErrNotRecording)

	b.backend.Refuse("")
	b.eventually(t, func() bool { return p.Status().Recording == publish.RecordingActive },
		"the recorder is not asked again")
	require.Empty(t, p.Status().Error)
	require.Equal(t, st.VideoSID, p.Status().VideoSID, "sharing went on")
}

// A recording that ends on the server is continued; a replay that the backend no longer knows is restarted.
func TestRecordingIsKeptGoing(t *testing.T) {
	b := newBench(t, publishtest.SourceOptions{Seconds: 2})
	p := b.publish(t)
	first := p.Status()
	require.Equal(t, publish.RecordingActive, first.Recording)
	b.eventually(t, func() bool { return p.Status().ServerSeconds > 0 }, "the server's seconds are not shown")

	b.backend.EndRecordings("the recorder died")
	b.eventually(t, func() bool { return strings.Contains(p.Status().Error, "the recorder died") },
		"the reason is not told")
	b.eventually(t, func() bool { return p.Status().Recording == publish.RecordingActive }, "it is not started again")
	second := p.Status()
	require.Equal(t, first.ReplayID, second.ReplayID)
	require.NotEqual(t, first.EgressID, second.EgressID)

	b.backend.Forget()
	b.eventually(t, func() bool {
		st := p.Status()
		return st.Recording == publish.RecordingActive && st.ReplayID != "" && st.ReplayID != first.ReplayID
	}, "a new replay is not started")
}

func TestServerClips(t *testing.T) {
	b := newBench(t, publishtest.SourceOptions{Seconds: 2})
	p := b.publish(t)
	pressed := time.Now().Add(-time.Second)
	id, err := p.Save(b.ctx, 12.5, pressed, "")
	require.NoError(t, err)
	clip, err := p.WaitClip(b.ctx, id)
	require.NoError(t, err)
	require.Equal(t, 12.5, clip.Seconds)
	require.WithinDuration(t, pressed, *clip.To, 100*time.Millisecond)

	b.backend.Refuse("the disk is full")
	id, err = p.Save(b.ctx, 5, time.Time{}, "")
	require.NoError(t, err)
	_, err = p.WaitClip(b.ctx, id)
	require.ErrorContains(t, err, "the disk is full")
	ctx, cancel := context.WithDeadline(b.ctx, pressed)
	defer cancel()
	_, err = p.WaitClip(ctx, id)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

// Close stops the recording, leaves the room, ends every goroutine, and may be called twice and from two sides.
func TestCloseLeavesNothing(t *testing.T) {
	b := newBench(t, publishtest.SourceOptions{Seconds: 2})
	before := goroutines()
	for range 2 {
		p, err := publish.Start(b.ctx, b.config(t), b.src)
		require.NoError(t, err)
		replay := p.Status().ReplayID
		other := make(chan error)
		go func() { other <- p.Close(b.ctx) }()
		require.NoError(t, p.Close(b.ctx))
		require.NoError(t, <-other)
		require.Contains(t, b.backend.Stops(), replay)
		require.Equal(t, publish.RecordingOff, p.Status().Recording)
		require.NoError(t, p.Close(b.ctx))
	}
	err := wait.Poll(b.ctx, func() bool { return goroutines() <= before })
	if err != nil {
		buf := make([]byte, 1<<20)
		t.Fatalf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(), buf[:runtime.Stack(buf, true)])
	}
}

// A start that is canceled leaves nothing either.
func TestCanceledStart(t *testing.T) {
	b := newBench(t, publishtest.SourceOptions{Seconds: 2})
	before := goroutines()
	asked := make(chan struct{}, 8)
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		asked <- struct{}{}
		<-r.Context().Done()
	}))
	defer slow.Close()
	cfg := b.config(t)
	cfg.BackendURL = slow.URL
	ctx, cancel := context.WithCancel(b.ctx)
	defer cancel()
	go func() {
		<-asked
		cancel()
	}()
	_, err := publish.Start(ctx, cfg, b.src)
	require.ErrorIs(t, err, context.Canceled)
	slow.Close()
	b.eventually(t, func() bool { return goroutines() <= before }, "goroutines are left")
}
