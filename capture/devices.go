package capture

import (
	"context"
	"strings"

	"github.com/hindsight-app/hindsight/capture/source"
)

// Device is one sound device.
type Device struct {
	// ID is the sound server's name of the device, stable across starts; it is what SoundConfig.Device holds.
	ID string `json:"id"`
	// Name is what people call it.
	Name string `json:"name"`
	// Default marks the device the system uses by default.
	Default bool `json:"default"`
}

// DeviceList is what can be chosen as a source of sound.
type DeviceList struct {
	// Desktop holds the monitor sources of the sound outputs, Microphones everything else that can be recorded.
	Desktop     []Device `json:"desktop"`
	Microphones []Device `json:"microphones"`
	// Applications are the programs that play just now; each can be captured alone in place of the desktop.
	Applications []Device `json:"applications"`
}

// Devices lists the sound devices. The error is a message when no sound server responds.
func Devices(ctx context.Context) (DeviceList, error) {
	found, err := source.Devices(ctx)
	list := DeviceList{Desktop: []Device{}, Microphones: []Device{}, Applications: []Device{}}
	for _, d := range found {
		device := Device{ID: d.ID, Name: d.Name, Default: d.Default}
		if strings.HasPrefix(d.ID, source.Application) {
			list.Applications = append(list.Applications, device)
		} else if d.Monitor {
			list.Desktop = append(list.Desktop, device)
		} else {
			list.Microphones = append(list.Microphones, device)
		}
	}
	return list, err
}
