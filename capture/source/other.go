//go:build !linux

package source

import (
	"context"
	"errors"
	"image"
)

// Held remembers nothing: there are no windows to capture yet.
type Held struct{}

// CheckPortal returns ErrNoScreen.
func CheckPortal() error { return ErrNoScreen }

func captureScreen(context.Context, Screen, report) error { return ErrNoScreen }

func listen(context.Context, Sound, report) error { return ErrNoSound }

func listDevices(context.Context) ([]Device, error) { return nil, ErrNoSound }

// ListScreens returns ErrNoScreen.
func ListScreens(string) (Screens, error) { return Screens{}, ErrNoScreen }

// ErrNotPicked means that the user canceled the choice of a region.
var ErrNotPicked = errors.New("no region was chosen")

// PickRegion returns ErrNoScreen.
func PickRegion(context.Context, string) (image.Rectangle, error) {
	return image.Rectangle{}, ErrNoScreen
}

// Preview returns ErrNoScreen.
func Preview(string, Target, int, int) (image.Image, error) { return nil, ErrNoScreen }

// Hidden does not know.
func Hidden(string, uint32) bool { return false }

// WatchScreens waits, for there is nothing to watch.
func WatchScreens(ctx context.Context, _ string, _ func()) { <-ctx.Done() }

// WatchDevices waits, for there is nothing to watch.
func WatchDevices(ctx context.Context, _ func()) { <-ctx.Done() }
