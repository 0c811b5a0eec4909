package apptest_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/control"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
	"github.com/hindsight-app/hindsight/cmd/devstack/wait"
)

// machine is the desktop and the program that all tests share.
type machine struct {
	desktop *stack.Desktop
	sound   *stack.Sound
	program string
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	dir := t.TempDir()
	m := &machine{}
	var err error
	m.program = build(t, ctx, dir)
	if m.desktop, err = stack.StartDesktop(ctx, dir, stack.DesktopOptions{Width: 1280, Height: 800,
		Panel: true}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.desktop.Close() })
	if m.sound, err = stack.StartSound(ctx, dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.sound.Close() })
	return m
}

// build makes the program, with cgo: Fyne needs it.
func build(t *testing.T, ctx context.Context, dir string) string {
	t.Helper()
	root, err := stack.ModuleRoot(ctx)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "hindsight")
	c := exec.CommandContext(ctx, "go", "build", "-o", program, "./cmd/hindsight")
	c.Dir, c.Env = root, append(os.Environ(), "CGO_ENABLED=1")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("hindsight does not build: %v (make setup installs what is missing)\n%s", err, out)
	}
	return program
}

// running is one Hindsight with settings and socket of its own.
type running struct {
	*stack.Proc
	dir string
	env []string
}

func (m *machine) env(dir string, more ...string) []string {
	env := append([]string{}, m.desktop.Env...)
	env = append(env, m.sound.Env...)
	env = append(env, "HINDSIGHT_CONFIG_DIR="+filepath.Join(dir, "settings"), "HINDSIGHT_RUNTIME_DIR="+filepath.Join(
		dir, "run"),
		"HINDSIGHT_REPLAY_FOLDER="+filepath.Join(dir, "clips"))
	return append(env, more...)
}

// start starts the program, hidden, with the settings in dir or with those of somebody who has chosen to be recorded.
func (m *machine) start(t *testing.T, dir string, more ...string) *running {
	t.Helper()
	file := filepath.Join(dir, "settings", "config.toml")
	if _, err := os.Stat(file); os.IsNotExist(err) {
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
		require.NoError(t, os.WriteFile(file, []byte("[app]\nfirst_run_done = true\n"), 0o600))
	}
	return m.startAs(t, dir, func(s session.Snapshot) error {
		if s.State == session.Starting || len(s.Hotkeys) == 0 {
			return fmt.Errorf("it is %s with %d hotkeys", s.State, len(s.Hotkeys))
		}
		return nil
	}, more...)
}

// startAs starts the program with the settings in dir, where there are any, and waits until it is ready.
func (m *machine) startAs(t *testing.T, dir string, ready func(session.Snapshot) error, more ...string) *running {
	t.Helper()
	r := &running{dir: dir, env: m.env(dir, more...)}
	var err error
	r.Proc, err = stack.Start(t.Context(), stack.Spec{
		Name: "hindsight", Path: m.program, Args: []string{"--hidden"}, Dir: dir, Env: r.env,
		Ready: func(ctx context.Context) error {
			s, err := r.status(ctx)
			if err != nil {
				return err
			}
			return ready(s)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func (r *running) call(t *testing.T, q control.Request, out any) {
	t.Helper()
	if err := control.Call(t.Context(), filepath.Join(r.dir, "run"), q, out); err != nil {
		t.Fatalf("%s: %v\n%s", q.Command, err, r.Tail(2000))
	}
}

func (r *running) status(ctx context.Context) (s session.Snapshot, err error) {
	err = control.Call(ctx, filepath.Join(r.dir, "run"), control.Request{Command: control.Status}, &s)
	return s, err
}

// until waits for a status that fits; one that cannot be asked for ends the wait.
func (r *running) until(t *testing.T, what string, holds func(session.Snapshot) bool) session.Snapshot {
	t.Helper()
	var s session.Snapshot
	var err error
	settled := func() bool {
		s, err = r.status(t.Context())
		return err != nil || holds(s)
	}
	if !assert.Eventually(t, settled, 60*time.Second, 50*time.Millisecond) || err != nil {
		t.Fatalf("it never came to this: %s; %v, status: %+v\n%s", what, err, s, r.Tail(3000))
	}
	return s
}

// saved waits until the save with this number is on disk, and returns its path.
func (r *running) saved(t *testing.T, id int) (path string) {
	t.Helper()
	s := r.until(t, fmt.Sprintf("save %d", id), func(s session.Snapshot) bool {
		return s.LastSave != nil && s.LastSave.ID == id && s.LastSave.Local != "saving"
	})
	if s.LastSave.Local != "saved" {
		t.Fatalf("save %d failed: %s", id, s.LastSave.LocalError)
	}
	if st, err := os.Stat(s.LastSave.Clip.Path); err != nil || st.Size() == 0 {
		t.Fatalf("save %d left no file: %v", id, err)
	}
	return s.LastSave.Clip.Path
}

func (r *running) wait(t *testing.T) {
	t.Helper()
	ended := func() bool {
		select {
		case <-r.Done():
			return true
		default:
			return false
		}
	}
	require.True(t, wait.Until(time.Minute, ended), "it does not end:\n%s", r.Tail(2000))
}
