package stack

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Sound is a PulseAudio server of our own without hardware.
type Sound struct {
	// Server is the address for PULSE_SERVER.
	Server string
	// DesktopSink is the default output; its monitor, DesktopMonitor, is the desktop's sound.
	DesktopSink, DesktopMonitor string
	// MicSink feeds the virtual microphone MicSource, the default input.
	MicSink, MicSource string
	// Env is what a program needs to play sound here.
	Env  []string
	dir  string
	logs string
	proc *Proc
}

// StartSound starts PulseAudio with a virtual output and a virtual microphone.
func StartSound(ctx context.Context, dir string) (*Sound, error) {
	run, err := os.MkdirTemp("", "hs-snd-") // sockets need a short path
	if err != nil {
		return nil, err
	}
	s := &Sound{
		Server: "unix:" + filepath.Join(run, "native"), DesktopSink: "desktop", DesktopMonitor: "desktop.monitor",
		MicSink: "mic_feed", MicSource: "microphone", dir: run, logs: dir,
	}
	s.Env = []string{"PULSE_SERVER=" + s.Server, "PULSE_COOKIE=" + filepath.Join(run, "cookie"),
		"PULSE_RUNTIME_PATH=" + run, "PULSE_STATE_PATH=" + run}
	if err := s.Start(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Start starts the server again after Stop.
func (s *Sound) Start(ctx context.Context) error {
	p, err := Start(ctx, Spec{
		Name: "pulseaudio", Path: "pulseaudio", Dir: s.logs, Env: s.Env,
		Args: []string{
			"-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1", "--log-target=stderr",
			"-L", "module-native-protocol-unix socket=" + filepath.Join(s.dir, "native") + " auth-anonymous=1",
			"-L", "module-null-sink sink_name=desktop rate=48000 channels=2 sink_properties=device.description=Desktop",
			"-L", "module-null-sink sink_name=mic_feed rate=48000 channels=2 sink_properties=device.description=MicrophoneFeed",
			"-L", "module-remap-source source_name=microphone master=mic_feed.monitor " +
				"source_properties=device.description=Microphone",
		},
		Ready: func(ctx context.Context) error {
			if out, err := s.Pactl(ctx, "set-default-sink", s.DesktopSink); err != nil {
				return fmt.Errorf("%w: %s", err, out)
			}
			out, err := s.Pactl(ctx, "set-default-source", s.MicSource)
			if err != nil {
				return fmt.Errorf("%w: %s", err, out)
			}
			return nil
		},
	})
	if err != nil {
		return fmt.Errorf("%w (make setup installs pulseaudio)", err)
	}
	s.proc = p
	return nil
}

// Pactl controls the server.
func (s *Sound) Pactl(ctx context.Context, args ...string) (string, error) {
	c := exec.CommandContext(ctx, "pactl", args...)
	c.Env = append(os.Environ(), s.Env...)
	c.WaitDelay = 2 * time.Second
	out, err := c.CombinedOutput()
	return string(out), err
}

// Stop kills the server but keeps its address, as a crash of a sound server does.
func (s *Sound) Stop() {
	if s.proc != nil {
		_ = s.proc.Signal(syscall.SIGKILL)
		_ = s.proc.Close()
		s.proc = nil
	}
}

// Close ends the server. It may be called twice.
func (s *Sound) Close() error {
	s.Stop()
	return os.RemoveAll(s.dir)
}
