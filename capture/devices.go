package capture

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
}
