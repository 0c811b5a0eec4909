package stack

import (
	"context"
	"fmt"
)

// startPipeWire starts PipeWire, the session manager that connects its streams, and its PulseAudio service, with an
// output and a microphone that lead nowhere.
func (w *Wayland) startPipeWire(ctx context.Context) error {
	for _, s := range []Spec{
		{Name: "pipewire", Path: "pipewire", Ready: w.listens("pipewire-0")},
		{Name: "wireplumber", Path: "wireplumber"},
		{Name: "pipewire-pulse", Path: "pipewire-pulse", Ready: w.listens("pulse/native")},
	} {
		if err := w.run(ctx, s); err != nil {
			return err
		}
	}
	s := &Sound{
		Server: "unix:" + w.path("pulse/native"), DesktopSink: "desktop", DesktopMonitor: "desktop.monitor",
		MicSink: "mic_feed", MicSource: "microphone",
	}
	s.Env = []string{"PULSE_SERVER=" + s.Server, "PULSE_COOKIE=" + w.path("cookie")}
	for _, args := range [][]string{
		{"load-module", "module-null-sink", "sink_name=desktop", "rate=48000", "channels=2",
			"sink_properties=device.description=Desktop"},
		{"load-module", "module-null-sink", "sink_name=mic_feed", "rate=48000", "channels=2",
			"sink_properties=device.description=MicrophoneFeed"},
		{"load-module", "module-remap-source", "source_name=microphone", "master=mic_feed.monitor",
			"source_properties=device.description=Microphone"},
		{"set-default-sink", s.DesktopSink},
		{"set-default-source", s.MicSource},
	} {
		if out, err := s.Pactl(ctx, args...); err != nil {
			return fmt.Errorf("PipeWire's sound server does not %s: %w: %s", args[0], err, out)
		}
	}
	w.Sound = s
	w.Env = append(w.Env, s.Env...)
	return nil
}
