package source

import (
	"context"
	"fmt"
)

func listDevices(ctx context.Context) ([]Device, error) {
	type answer struct {
		devices []Device
		err     error
	}
	got := make(chan answer, 1)
	go func() {
		d, err := askServer()
		got <- answer{d, err}
	}()
	select {
	case a := <-got:
		return a.devices, a.err
	case <-ctx.Done():
		return nil, fmt.Errorf("the sound server does not respond: %w", ctx.Err())
	}
}

func askServer() ([]Device, error) {
	s, err := connect()
	if err != nil {
		return nil, err
	}
	defer s.close()
	return s.devices()
}
