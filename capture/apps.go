package capture

import "github.com/hindsight-app/hindsight/capture/source"

// Apps are apps whose sound is captured in place of a device: SoundConfig.Device may be Apps.Device().
type Apps = source.Apps

// ParseApps reads SoundConfig.Device, false where that is a device.
func ParseApps(device string) (Apps, bool) { return source.ParseApps(device) }
