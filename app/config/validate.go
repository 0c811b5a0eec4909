package config

import (
	"fmt"
	"net/url"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/hindsight-app/hindsight/app/hotkey"
	"github.com/hindsight-app/hindsight/capture/clip"
)

// Problem is one setting that cannot be used.
type Problem struct {
	// Key is the setting's name in the file, for example "video.frame_rate".
	Key string
	// Value is what was found.
	Value string
	// Allowed says what it must be.
	Allowed string
}

// Error is one message.
func (p Problem) Error() string {
	if p.Value == notASetting {
		return fmt.Sprintf("there is no setting %s; it must be %s", p.Key, p.Allowed)
	}
	return fmt.Sprintf("%s is %s; it must be %s", p.Key, p.Value, p.Allowed)
}

// Validate lists the settings that cannot be used, in the order of the file.
func (c Config) Validate() []Problem {
	var problems []Problem
	walk(reflect.ValueOf(&c).Elem(), "", func(f field) {
		if allowed, ok := f.check(); !ok {
			problems = append(problems, Problem{f.key, quote(f.value.Interface()), allowed})
		}
	})
	problems = append(problems, c.Video.Source.nameless()...)
	return append(problems, duplicates(c.Hotkeys)...)
}

// nameless finds a kind of source that lacks its name or size.
func (p VideoSource) nameless() []Problem {
	const key = "video.source.kind"
	switch {
	case p.Kind == OneMonitor && p.Monitor == "":
		return []Problem{{key, quote(p.Kind), "screen as long as video.source.monitor names no monitor"}}
	case p.Kind == OneWindow && p.WindowClass == "" && p.WindowTitle == "":
		return []Problem{{key, quote(p.Kind), "screen as long as video.source.window_class and window_title name no window"}}
	case p.Kind == Rectangle && (p.Width < smallestSide || p.Height < smallestSide):
		return []Problem{{key, quote(p.Kind), "screen as long as video.source.width and height are not at least 16"}}
	}
	return nil
}

// smallestSide is the width and height in pixels that encoders take.
const smallestSide = 16

// field is one leaf of Config.
type field struct {
	key   string
	value reflect.Value
	tag   reflect.StructTag
}

// walk visits every leaf, lists included.
func walk(v reflect.Value, prefix string, visit func(field)) {
	for i := range v.NumField() {
		sf := v.Type().Field(i)
		key := prefix + tomlName(sf)
		switch f := v.Field(i); f.Kind() {
		case reflect.Struct:
			walk(f, key+".", visit)
		case reflect.Slice:
			for j := range f.Len() {
				walk(f.Index(j), fmt.Sprintf("%s[%d].", key, j), visit)
			}
		default:
			visit(field{key, f, sf.Tag})
		}
	}
}

func tomlName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("toml"), ",")
	return name
}

// check returns what is allowed and whether the value is.
func (f field) check() (allowed string, ok bool) {
	if list := f.tag.Get("oneof"); list != "" {
		options := strings.Split(list, ",")
		have := fmt.Sprint(f.value.Interface())
		for _, o := range options {
			if o == have {
				return "", true
			}
		}
		return orList(options), false
	}
	if allowed, ok := f.inRange(); !ok {
		return allowed, false
	}
	if name := f.tag.Get("check"); name != "" {
		return checks[name](f.value)
	}
	return "", true
}

func (f field) inRange() (string, bool) {
	lo, hi := f.tag.Get("min"), f.tag.Get("max")
	if lo == "" {
		return "", true
	}
	var n float64
	switch f.value.Kind() {
	case reflect.Int:
		n = float64(f.value.Int())
	default:
		n = f.value.Float()
	}
	low, _ := strconv.ParseFloat(lo, 64)
	high, _ := strconv.ParseFloat(hi, 64)
	return "a number from " + lo + " to " + hi, n >= low && n <= high // false for NaN
}

// checks are the rules that no tag can hold.
var checks = map[string]func(reflect.Value) (string, bool){
	"bitrate": func(v reflect.Value) (string, bool) {
		n := v.Int()
		return "0 (automatic) or a number from 200 to 200000", n == 0 || n >= 200 && n <= 200_000
	},
	"upload": func(v reflect.Value) (string, bool) {
		n := v.Int()
		return "0 (automatic) or a number from 100 to 1000000", n == 0 || n >= 100 && n <= 1_000_000
	},
	"language": func(v reflect.Value) (string, bool) {
		return "one of " + strings.Join(Languages(), ", ") + ", or empty for the system's", v.String() == "" ||
			slices.Contains(Languages(), v.String())
	},
	"folder": func(v reflect.Value) (string, bool) {
		return "an absolute path, or empty for the videos folder", v.String() == "" || filepath.IsAbs(v.String())
	},
	"filename": func(v reflect.Value) (string, bool) {
		const allowed = "a name made with {date}, {time}, {app} and {seconds}, without / \\ : * ? \" < > |, or empty"
		return allowed, clip.CheckName(v.String()) == nil
	},
	"length": func(v reflect.Value) (string, bool) {
		n := v.Int()
		return "a number from 5 to 1200, or 0 for everything", n == 0 || n >= 5 && n <= 1200
	},
	"url": func(v reflect.Value) (string, bool) {
		const allowed = "an address like https://replay.example.com, or empty"
		if v.String() == "" {
			return allowed, true
		}
		u, err := url.Parse(v.String())
		return allowed, err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil
	},
	"keys": func(v reflect.Value) (string, bool) {
		const allowed = "keys like Alt+F10 or Ctrl+Shift+S, or empty for none"
		if v.String() == "" {
			return allowed, true
		}
		_, err := hotkey.Parse(v.String())
		return allowed, err == nil
	},
	"talkkeys": func(v reflect.Value) (string, bool) {
		const allowed = "a key like V, RightCtrl, Mouse8 or Alt+F9, or empty for none"
		if v.String() == "" {
			return allowed, true
		}
		_, err := hotkey.ParseTalk(v.String())
		return allowed, err == nil
	},
}

// differentFrom begins what is allowed where two settings must not be the same; the other one's key follows.
const differentFrom = "different from "

// BoundKey is one key combination of the settings.
type BoundKey struct {
	// Key is the setting's name, or the place in a list of them, for example "hotkeys.saves[0].keys".
	Key   string
	Combo hotkey.Combo
	text  string
}

// Setting is the setting's name, of a list its own.
func (k BoundKey) Setting() string { return listOf(k.Key) }

// Bound lists the combinations in the order of the file, without those that are off.
func (h Hotkeys) Bound() []BoundKey {
	type named struct{ key, keys string }
	all := []named{{"hotkeys.save", h.Save}, {"hotkeys.share", h.Share}, {"hotkeys.mute", h.Mute},
		{"hotkeys.talk", h.Talk},
		{"hotkeys.record", h.Record}, {"hotkeys.mark", h.Mark}, {"hotkeys.screenshot", h.Screenshot}}
	for i, s := range h.Saves {
		all = append(all, named{fmt.Sprintf("hotkeys.saves[%d].keys", i), s.Keys})
	}
	var out []BoundKey
	for _, n := range all {
		if c, err := hotkey.ParseTalk(n.keys); err == nil {
			out = append(out, BoundKey{n.key, c, n.keys})
		}
	}
	return out
}

// duplicates finds one key combination asked for twice.
func duplicates(h Hotkeys) []Problem {
	seen := map[hotkey.Combo]string{}
	var problems []Problem
	for _, n := range h.Bound() {
		if first, taken := seen[n.Combo]; taken {
			problems = append(problems, Problem{n.Key, quote(n.text), differentFrom + first})
			continue
		}
		seen[n.Combo] = n.Key
	}
	return problems
}

func orList(options []string) string {
	if len(options) == 1 {
		return options[0]
	}
	return strings.Join(options[:len(options)-1], ", ") + " or " + options[len(options)-1]
}

func quote(v any) string {
	if text := reflect.ValueOf(v); text.Kind() == reflect.String {
		return strconv.Quote(text.String())
	}
	return fmt.Sprint(v)
}
