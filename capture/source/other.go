//go:build !linux

package source

import "context"

func captureScreen(context.Context, Screen, report) error { return ErrUnsupported }

func listen(context.Context, Sound, report) error { return ErrUnsupported }

func listDevices(context.Context) ([]Device, error) { return nil, ErrUnsupported }

// WatchDevices waits, for there is nothing to watch.
func WatchDevices(ctx context.Context, _ func()) { <-ctx.Done() }
