//go:build !linux

package source

import "context"

func film(context.Context, Screen, func(string)) error { return ErrUnsupported }

func listen(context.Context, Sound, func(string)) error { return ErrUnsupported }

func listDevices(context.Context) ([]Device, error) { return nil, ErrUnsupported }
