package media

import (
	"fmt"
	"strings"
)

// Preset is how much work an encoder spends on quality.
type Preset string

// The presets, from the least work to the most.
const (
	Performance Preset = "performance"
	Balanced    Preset = "balanced"
	Quality     Preset = "quality"
)

// Presets are all of them.
func Presets() []Preset { return []Preset{Performance, Balanced, Quality} }

func (p Preset) String() string { return string(p) }

// ParsePreset returns the preset of that name; the error names those that there are.
func ParsePreset(s string) (Preset, error) { return ParseName("preset", s, Presets()) }

// ParseName finds a value by its name among all of its kind; the error is a message that names those.
func ParseName[T ~string](kind, s string, all []T) (T, error) {
	names := make([]string, len(all))
	for i, v := range all {
		if names[i] = string(v); names[i] == s {
			return v, nil
		}
	}
	last := len(names) - 1
	return "", fmt.Errorf("the %s is %q; it must be %s or %s", kind, s, strings.Join(names[:last], ", "), names[last])
}
