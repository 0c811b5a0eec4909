package source

import "context"

// Application begins the ID of a program: what it plays is captured, and nothing else.
const Application = "app:"

// Device is one sound device, or a program that plays.
type Device struct {
	// ID is the sound server's name of it, Name what people call it.
	ID, Name string
	// Monitor says that it delivers what an output plays.
	Monitor bool
	// Default says that it is what the system uses.
	Default bool
}

// Devices lists the sound devices. The error is a message when the sound server does not respond.
func Devices(ctx context.Context) ([]Device, error) { return listDevices(ctx) }
