package source

import (
	"slices"
	"strings"
)

// allBut begins a Device that is everything but some apps: "not:Discord" is all that is heard but that.
const allBut = "not:"

// appSeparator is between the names of several apps: "app:Firefox|mpv".
const appSeparator = "|"

// Apps are apps whose sound is captured in place of a device.
type Apps struct {
	// Names are theirs, as Devices has them.
	Names []string
	// Except captures all other apps instead.
	Except bool
}

// ParseApps reads the device of a Sound, false where that is no app.
func ParseApps(device string) (Apps, bool) {
	if names, ok := strings.CutPrefix(device, Application); ok {
		return Apps{Names: strings.Split(names, appSeparator)}, true
	}
	if names, ok := strings.CutPrefix(device, allBut); ok {
		return Apps{Names: strings.Split(names, appSeparator), Except: true}, true
	}
	return Apps{}, false
}

// Device is the apps as the device of a Sound.
func (a Apps) Device() string {
	begin := Application
	if a.Except {
		begin = allBut
	}
	return begin + strings.Join(a.Names, appSeparator)
}

// Have is whether an app is one of those that are captured.
func (a Apps) Have(app string) bool { return slices.Contains(a.Names, app) != a.Except }
