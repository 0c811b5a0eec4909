//go:build !linux

package source

import "context"

func film(context.Context, Screen, report) error { return ErrUnsupported }

func listen(context.Context, Sound, report) error { return ErrUnsupported }

func listDevices(context.Context) ([]Device, error) { return nil, ErrUnsupported }
