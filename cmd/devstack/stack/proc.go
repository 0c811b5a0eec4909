// Package stack starts the real parts that Hindsight works with on one machine: redis-server, livekit-server, LiveKit
// Egress, a virtual desktop, a sound server and a test pattern. devstack and the tests share it.
//
// Everything started here belongs to the caller: each part has Close, which ends that process and its children and
// waits for them. A parent that dies takes its children with it. Nothing else on the machine is touched.
package stack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Spec says how to start a program.
type Spec struct {
	// Name is used in messages and for the log file, Name.log.
	Name string
	// Path is the program, looked up in PATH when it has no slash.
	Path string
	Args []string
	// Env is added to the environment of this process; a later entry of the same key wins.
	Env []string
	// Dir is the working folder and where the log goes.
	Dir string
	// User is who the program runs as; nil is this process's user.
	User *Credential
	// Ready is polled until it returns nil; nil means ready at once. The process's end ends the wait.
	Ready func(ctx context.Context) error
	// Timeout bounds the wait for Ready; 0 is 60 s.
	Timeout time.Duration

	// isolated is what a program in namespaces of its own gets as descriptor 3; see Link.
	isolated *os.File
}

// Proc is a running program.
type Proc struct {
	spec    Spec
	logPath string
	cmd     *exec.Cmd
	done    chan struct{}
	err     error // valid once done is closed
	once    sync.Once
}

// spawn runs every start on one thread that never ends: the kernel sends the parent-death signal when the thread that
// started a child ends (prctl(2), PR_SET_PDEATHSIG).
var spawn = sync.OnceValue(func() chan<- func() {
	c := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range c {
			f()
		}
	}()
	return c
})

// Start runs the program and waits until it is ready.
func Start(ctx context.Context, s Spec) (*Proc, error) {
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return nil, err
	}
	logPath := filepath.Join(s.Dir, s.Name+".log")
	out, err := os.OpenFile(logPath, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd := exec.Command(s.Path, s.Args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.Dir, out, out
	cmd.Env = append(os.Environ(), s.Env...)
	cmd.SysProcAttr = attributes(s.User)
	if s.isolated != nil {
		isolate(cmd, s.isolated)
	}
	started := make(chan error, 1)
	spawn() <- func() { started <- cmd.Start() }
	if err := <-started; err != nil {
		return nil, fmt.Errorf("%s does not start: %w", s.Name, err)
	}
	p := &Proc{spec: s, logPath: logPath, cmd: cmd, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	if err := p.waitReady(ctx, s); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

func (p *Proc) waitReady(ctx context.Context, s Spec) error {
	if s.Ready == nil {
		return nil
	}
	limit := s.Timeout
	if limit == 0 {
		limit = time.Minute
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var last error
	for {
		if last = s.Ready(ctx); last == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s ended before it was ready (%v); its last words:\n%s", p.spec.Name, p.err, p.Tail(2000))
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready after %v: %w; its last words:\n%s", p.spec.Name, limit, last, p.Tail(2000))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Again starts the program again as it was started before, once it has ended.
func (p *Proc) Again(ctx context.Context) (*Proc, error) {
	<-p.done
	return Start(ctx, p.spec)
}

// PID is the process id.
func (p *Proc) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Proc) Done() <-chan struct{} { return p.done }

// Signal sends a signal to the process and its children.
func (p *Proc) Signal(s syscall.Signal) error { return signalGroup(p.PID(), s) }

// LogPath is the file that holds what the process printed.
func (p *Proc) LogPath() string { return p.logPath }

// Tail is the last n bytes the process printed.
func (p *Proc) Tail(n int64) string {
	f, err := os.Open(p.logPath)
	if err != nil {
		return ""
	}
	defer f.Close()
	if st, err := f.Stat(); err == nil && st.Size() > n {
		_, _ = f.Seek(-n, io.SeekEnd)
	}
	b, _ := io.ReadAll(f)
	return string(bytes.TrimSpace(b))
}

// Close asks the process group to end, waits up to 10 s, then kills it. It may be called twice.
func (p *Proc) Close() error {
	p.once.Do(func() {
		_ = p.Signal(syscall.SIGTERM)
		select {
		case <-p.done:
		case <-time.After(10 * time.Second):
		}
		if err := p.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			p.err = err
		}
		<-p.done
	})
	return nil
}

// Ports for servers are below those that the kernel gives to outgoing connections and to who asks for any (ip(7),
// ip_local_port_range): one of those could be taken by the time that the server listens.
const firstPort, lastPort = 15000, 32000

// portsGiven are the ports that this process has been given.
var portsGiven sync.Map

// FreePort finds a port that nothing uses at loopback, and that this process was not given before.
func FreePort() (int, error) {
	var err error
	for range 100 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		if _, given := portsGiven.LoadOrStore(port, true); given {
			continue
		}
		if err = unused(net.JoinHostPort(loopback, strconv.Itoa(port))); err == nil {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no port is free: %w", err)
}

// unused returns an error where a socket uses the address, of TCP or UDP.
func unused(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	defer l.Close()
	c, err := net.ListenPacket("udp", addr)
	if err != nil {
		return err
	}
	return c.Close()
}
