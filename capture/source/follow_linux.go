package source

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// listen captures what is configured: a device by its name, the system's default whatever that is just now, or a
// program. A device that is not there is waited for.
func listen(ctx context.Context, c Sound, r report) error {
	if apps, ok := ParseApps(c.Device); ok {
		return captureApp(ctx, c, apps, r)
	}
	s, err := connect()
	if err != nil {
		return notCaptured(c, err)
	}
	defer s.close()
	defer context.AfterFunc(ctx, func() { s.conn.Close() })() // no reply is worth waiting for then
	named := r
	named.up = func(string) { r.up(label(c)) }
	for ctx.Err() == nil {
		device, err := s.find(c)
		if err != nil {
			return notCaptured(c, err)
		}
		if device == "" {
			if c.Device != "" {
				r.down(missing(c))
			} else {
				r.idle(missing(c))
			}
			if !s.wait(ctx) {
				return notCaptured(c, s.ended(ctx))
			}
			continue
		}
		now := c
		now.Device = device
		moved, err := s.during(ctx, c, device, func(ctx context.Context) error { return s.captureDevice(ctx, now, named) })
		if !moved && !errors.Is(err, errGone) {
			return err
		}
	}
	return nil
}

// find returns the name of the device to capture now; empty when it is not there. A Bluetooth headset is also found
// under another profile.
func (s *server) find(c Sound) (string, error) {
	devices, err := s.devices()
	if err != nil {
		return "", err
	}
	other := ""
	for _, d := range devices {
		if c.Device == "" && d.Default && d.Monitor == c.Monitor || c.Device != "" && d.ID == c.Device {
			return d.ID, nil
		}
		if h := headset(c.Device); h != "" && h == headset(d.ID) && d.Monitor == isMonitor(c.Device) {
			other = d.ID
		}
	}
	return other, nil
}

// headset is the part of a device's name that a Bluetooth headset keeps when it changes its profile; empty for other
// devices. Names are bluez_sink.ADDRESS.PROFILE and bluez_source.… on PulseAudio (module-bluez5-device.c),
// bluez_output.ADDRESS.PROFILE or .NUMBER and bluez_input.… on PipeWire (WirePlumber, monitors/bluez).
func headset(device string) string {
	kind, rest, _ := strings.Cut(device, ".")
	address, _, found := strings.Cut(rest, ".")
	if !found || !strings.HasPrefix(kind, "bluez_") {
		return ""
	}
	return kind + "." + address
}

// isMonitor returns whether a device's name is that of an output's monitor.
func isMonitor(device string) bool { return strings.HasSuffix(device, ".monitor") }

// during runs f until it ends or the device to capture is another one than the given, and returns which of both.
func (s *server) during(ctx context.Context, c Sound, device string, f func(context.Context) error) (moved bool,
	err error) {
	inner, cancel := context.WithCancel(ctx)
	other := make(chan bool, 1)
	go func() {
		defer cancel()
		for s.wait(inner) {
			if now, err := s.find(c); err == nil && now != device {
				other <- true
				return
			}
			if c.Monitor {
				s.weigh(device)
			}
		}
		other <- false
	}()
	err = f(inner)
	cancel()
	return <-other && ctx.Err() == nil, err
}

func (s *server) ended(ctx context.Context) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return errors.New("the sound server stopped")
}

// missing makes a message of a device that is not there.
func missing(c Sound) error {
	switch {
	case c.Device != "":
		return fmt.Errorf("the audio device %s is not connected; connect it, or choose another one in "+
			"Settings, Audio", c.Device)
	case c.Monitor:
		return errors.New("there is no audio output; desktop audio is captured when there is one")
	}
	return errors.New("there is no microphone; it is captured when one is plugged in")
}
