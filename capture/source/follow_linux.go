package source

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// listen hears what is configured: a device by its name, the system's default whatever that is just now, or a program.
// A device that is not there is waited for.
func listen(ctx context.Context, c Sound, r report) error {
	if program, ok := strings.CutPrefix(c.Device, Application); ok {
		return overhear(ctx, c, program, r)
	}
	s, err := connect()
	if err != nil {
		return unheard(c, err)
	}
	defer s.close()
	defer context.AfterFunc(ctx, func() { s.conn.Close() })() // no answer is worth waiting for then
	named := r
	named.up = func(string) { r.up(label(c)) }
	for ctx.Err() == nil {
		device, err := s.find(c)
		if err != nil {
			return unheard(c, err)
		}
		if device == "" {
			if c.Device != "" {
				r.down(missing(c))
			} else {
				r.idle(missing(c))
			}
			if !s.wait(ctx) {
				return unheard(c, s.ended(ctx))
			}
			continue
		}
		now := c
		now.Device = device
		moved, err := s.during(ctx, c, device, func(ctx context.Context) error { return s.hear(ctx, now, named) })
		if !moved {
			return err
		}
	}
	return nil
}

// find returns the name of the device to hear now; empty when it is not there.
func (s *server) find(c Sound) (string, error) {
	devices, err := s.devices()
	if err != nil {
		return "", err
	}
	for _, d := range devices {
		if c.Device == "" && d.Default && d.Monitor == c.Monitor || c.Device != "" && d.ID == c.Device {
			return d.ID, nil
		}
	}
	return "", nil
}

// during runs f until it ends or the device to hear is another one than the given, and answers which of both.
func (s *server) during(ctx context.Context, c Sound, device string, f func(context.Context) error) (moved bool, err error) {
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
	return errors.New("the sound server went away")
}

// missing makes a message of a device that is not there.
func missing(c Sound) error {
	switch {
	case c.Device != "":
		return fmt.Errorf("the sound device %s is not there; it is heard again when it is back, or choose another one in the settings", c.Device)
	case c.Monitor:
		return errors.New("the system has no sound output; the desktop is heard again when there is one")
	}
	return errors.New("the system has no microphone; it is heard when one is plugged in")
}
