package backend_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/backendtest"
	"github.com/hindsight-app/hindsight/publish/backend/rewindtest"
	"github.com/hindsight-app/hindsight/publish/client"
)

// program is the service, built once for all tests.
var program string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "hs-backend-")
		if err == nil {
			defer os.RemoveAll(dir)
			program, err = stack.BuildProgram(context.Background(), dir, "hindsight-backend")
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

// bench is the real stack: Redis, livekit-server, LiveKit Egress and the backend as a process of its own.
type bench struct {
	testing.TB
	ctx     context.Context
	livekit *stack.LiveKit
	redis   *stack.Redis
	egress  *stack.Egress
	backend *stack.Backend
	dir     string
	client  *client.Client
	loop    *backendtest.Loop
	// viewer, where there is one, looks as often as the state of the replay is asked for.
	viewer *rewindtest.Viewer
}

// with says what a bench consists of beside livekit-server and the backend.
type with struct {
	// alone has livekit-server do without Redis, and so without egress.
	alone bool
	// egress starts a recorder, browser one that can capture rooms.
	egress, browser bool
	backend         stack.BackendOptions
}

func newBench(t testing.TB, w with) *bench {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 9*time.Minute)
	t.Cleanup(cancel)
	port, err := stack.FreePort()
	require.NoError(t, err)
	b := &bench{TB: t, ctx: ctx, dir: t.TempDir()}
	o := stack.LiveKitOptions{WebhookURL: "http://127.0.0.1:" + strconv.Itoa(port) + stack.WebhookPath}
	if !w.alone {
		b.redis, err = stack.StartRedis(ctx, t.TempDir())
		require.NoError(t, err)
		t.Cleanup(func() { b.redis.Close() })
		o.RedisAddr = b.redis.Addr
	}
	b.livekit, err = stack.StartLiveKit(ctx, t.TempDir(), o)
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = b.livekit.Signal(syscall.SIGKILL) // a gentle end waits for its participants
		b.livekit.Close()
	})
	if w.egress || w.browser {
		b.startEgress(w.browser)
	}
	w.backend.Port = port
	b.startBackend(w.backend)
	t.Cleanup(func() {
		b.backend.Close()
		if t.Failed() {
			t.Logf("the backend's last words:\n%s", b.backend.Tail(6000))
		}
	})
	return b
}

func (b *bench) startEgress(browser bool) {
	b.Helper()
	egress, err := stack.StartEgress(b.ctx, b.TempDir(), stack.EgressOptions{RedisAddr: b.redis.Addr, LiveKit: b.livekit,
		Browser: browser})
	require.NoError(b, err)
	b.egress = egress
	b.Cleanup(func() {
		egress.Close()
		if b.Failed() {
			b.Logf("the recorder's last words:\n%s", egress.Tail(6000))
		}
	})
}

// startBackend starts the service on the bench's data, which may be there from before.
func (b *bench) startBackend(o stack.BackendOptions) {
	b.Helper()
	var err error
	o.LiveKit, o.Identity, o.Program = b.livekit, "alice", program
	o.Args = append([]string{"--rate", "0"}, o.Args...) // these tests look a hundred times a second
	b.backend, err = stack.StartBackend(b.ctx, b.dir, o)
	require.NoError(b, err)
	b.client, err = client.New(b.backend.URL, b.backend.Token)
	require.NoError(b, err)
}

// calls are those that the client does not have, as alice.
func (b *bench) calls() backendtest.Calls {
	return backendtest.Calls{URL: b.backend.URL, Token: b.backend.Token}
}

// killBackend ends the service as a crash does and starts it again, with the user token of before: to LiveKit another
// one is another participant.
func (b *bench) killBackend() {
	b.Helper()
	require.NoError(b, b.backend.Signal(syscall.SIGKILL))
	<-b.backend.Done()
	token := b.backend.Token
	b.startBackend(stack.BackendOptions{})
	var err error
	b.backend.Token = token
	b.client, err = client.New(b.backend.URL, token)
	require.NoError(b, err)
}

// publish joins the room with a token of the backend.
func (b *bench) publish(room string) *backendtest.Publisher {
	b.Helper()
	if b.loop == nil {
		var err error
		// Small, so that a busy machine still records in real time.
		b.loop, err = backendtest.NewLoop(b.ctx, b.TempDir(), 320, 180, 30)
		require.NoError(b, err)
	}
	token, err := b.client.Token(b.ctx, api.TokenRequest{RoomName: room})
	require.NoError(b, err)
	require.Equal(b, b.livekit.URL, token.ServerURL)
	pub, err := backendtest.Publish(token.ServerURL, token.Token, b.loop)
	require.NoError(b, err)
	b.Cleanup(func() { pub.Close() })
	return pub
}

// eventually polls until ok, and says what did not come.
func (b *bench) eventually(limit time.Duration, what string, ok func() bool) {
	b.Helper()
	require.True(b, backendtest.Await(limit, ok), "%s: not within %v", what, limit)
}

func (b *bench) waitBuffered(replay string, seconds float64) {
	b.Helper()
	b.eventually(90*time.Second, "buffered seconds", func() bool {
		r, err := b.client.Replay(b.ctx, replay)
		require.NoError(b, err)
		require.NotEqual(b, api.StateFailed, r.State, r.LastError)
		return r.BufferedSeconds >= seconds
	})
}

// command runs hindsight-backend on the running backend's data.
func (b *bench) command(args ...string) []byte {
	b.Helper()
	out, err := exec.CommandContext(b.ctx, b.backend.Program, append([]string{"--data", b.backend.Folder},
		args...)...).Output()
	require.NoError(b, err)
	return out
}

func (b *bench) token(args ...string) (t struct{ ID, Token string }) {
	b.Helper()
	require.NoError(b, json.Unmarshal(b.command(append([]string{"token", "create", "--json"}, args...)...), &t))
	return t
}
