package control_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/control"
)

func listen(t *testing.T, dir string) *control.Server {
	t.Helper()
	s, err := control.Listen(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func echo(_ context.Context, r control.Request) (any, error) {
	if r.Command == "invalid" {
		return nil, &control.InvalidError{Err: errors.New("video.height is 7")}
	}
	if r.Command == "fail" {
		return nil, errors.New("the disk is full")
	}
	return r, nil
}

func TestCallAndAnswer(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	listen(t, dir).Serve(echo)
	var got control.Request
	want := control.Request{
		Command: "save", Seconds: 30, On: true, Source: "mic", Set: []config.Assignment{{Key: "app.theme", Value: "dark"}},
	}
	if err := control.Call(t.Context(), dir, want, &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	if err := control.Call(t.Context(), dir, control.Request{Command: "fail"}, nil); err == nil ||
		err.Error() != "the disk is full" {
		t.Errorf("an error arrives as %v", err)
	}
	var invalid *control.InvalidError
	if err := control.Call(t.Context(), dir, control.Request{Command: "invalid"}, nil); !errors.As(err, &invalid) ||
		err.Error() != "video.height is 7" {
		t.Errorf("a value that cannot be used arrives as %v", err)
	}
	if st, err := os.Stat(filepath.Join(dir, "control.sock")); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the socket is open to others: %v %v", st.Mode(), err)
	}
}

func TestOnlyOneRunsAndTheNextMayStart(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := control.Call(t.Context(), dir, control.Request{Command: "status"}, nil); !errors.Is(
		err, control.ErrNotRunning) {
		t.Errorf("with none running: %v", err)
	}
	first := listen(t, dir)
	if _, err := control.Listen(dir, slog.Default()); !errors.Is(err, control.ErrRunning) {
		t.Errorf("a second one gets %v", err)
	}
	first.Close()
	first.Close()
	// What a killed app leaves behind does not keep the next one out.
	if err := os.WriteFile(filepath.Join(dir, "control.sock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	second := listen(t, dir)
	second.Serve(echo)
	if err := control.Call(t.Context(), dir, control.Request{Command: "status"}, nil); err != nil {
		t.Error(err)
	}
}

func TestBadRequestsAreExplained(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	listen(t, dir).Serve(echo)
	for name, line := range map[string]string{
		"no JSON": "save please\n", "a list": "[]\n", "wrong type": `{"command":"save","seconds":"many"}` + "\n",
		"too long": `{"command":"` + strings.Repeat("x", 70_000) + "\"}\n",
	} {
		t.Run(name, func(t *testing.T) {
			c, err := net.Dial("unix", filepath.Join(dir, "control.sock"))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := c.Write([]byte(line)); err != nil {
				t.Fatal(err)
			}
			if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
				t.Fatal(err)
			}
			b := make([]byte, 4096)
			n, err := c.Read(b)
			if err != nil || !strings.Contains(string(b[:n]), `"error":"The request is`) {
				t.Errorf("answer %q, %v", b[:n], err)
			}
		})
	}
}

func TestCloseEndsWaitingHandlers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	s := listen(t, dir)
	entered := make(chan struct{})
	s.Serve(func(ctx context.Context, _ control.Request) (any, error) {
		close(entered)
		<-ctx.Done()
		return nil, ctx.Err()
	})
	var wg sync.WaitGroup
	wg.Add(1)
	var err error
	go func() {
		defer wg.Done()
		err = control.Call(context.Background(), dir, control.Request{Command: "save"}, nil)
	}()
	<-entered
	s.Close()
	wg.Wait()
	if err == nil {
		t.Error("a call that was cut off answers no error")
	}
}

func TestForeignFolderIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := control.Listen(dir, slog.Default()); err == nil || !strings.Contains(err.Error(), "not yours alone") {
		t.Errorf("a folder anybody can write to: %v", err)
	}
}

func TestAFolderOfOthersIsNotTrusted(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	server, err := control.Listen(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	server.Serve(func(context.Context, control.Request) (any, error) { return nil, nil })
	if err := control.Call(t.Context(), dir, control.Request{Command: control.Status}, nil); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil { // #nosec G302 -- that is the test
		t.Fatal(err)
	}
	err = control.Call(t.Context(), dir, control.Request{Command: control.Status}, nil)
	if err == nil || !strings.Contains(err.Error(), "not yours alone") {
		t.Errorf("a folder that others can write to answers %v", err)
	}
}
