package source

import (
	"slices"
	"strings"
)

// allBut begins a Device that is everything but some apps: "not:Discord" is all that is heard but that.
const allBut = "not:"

// appSeparator is between the names of several apps: "app:Firefox|mpv". In a name it follows appEscape, as that one
// does itself.
const (
	appSeparator = '|'
	appEscape    = '\\'
)

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
		return Apps{Names: splitApps(names)}, true
	}
	if names, ok := strings.CutPrefix(device, allBut); ok {
		return Apps{Names: splitApps(names), Except: true}, true
	}
	return Apps{}, false
}

// splitApps reads the names of apps. An escape before anything else is part of a name.
func splitApps(text string) []string {
	names := []string{""}
	add := func(b byte) { names[len(names)-1] += string([]byte{b}) }
	for i := 0; i < len(text); i++ {
		switch b := text[i]; {
		case b == appEscape && i+1 < len(text) && (text[i+1] == appSeparator || text[i+1] == appEscape):
			i++
			add(text[i])
		case b == appSeparator:
			names = append(names, "")
		default:
			add(b)
		}
	}
	return names
}

var escapeApp = strings.NewReplacer(`\`, `\\`, `|`, `\|`)

// Device is the apps as the device of a Sound.
func (a Apps) Device() string {
	begin := Application
	if a.Except {
		begin = allBut
	}
	names := make([]string, len(a.Names))
	for i, name := range a.Names {
		names[i] = escapeApp.Replace(name)
	}
	return begin + strings.Join(names, string(appSeparator))
}

// Have is whether an app is one of those that are captured. An app whose name is all names with separators between them
// is not captured either where they are excluded: settings of earlier versions do not escape it.
func (a Apps) Have(app string) bool {
	if a.Except {
		return !slices.Contains(a.Names, app) && app != strings.Join(a.Names, string(appSeparator))
	}
	return slices.Contains(a.Names, app)
}
