package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// Setting is one setting by its name in the file, for the command line.
type Setting struct {
	Key string `json:"key"`
	// Value and Default are a bool, an int, a float64, a string or, for hotkeys.saves, a []SaveKey.
	Value   any    `json:"value"`
	Default any    `json:"default"`
	Allowed string `json:"allowed"`
	Help    string `json:"help,omitempty"`
}

// Text is the value as Set takes it.
func (s Setting) Text() string { return plainValue(s.Value) }

func plainValue(x any) string {
	if reflect.ValueOf(x).Kind() == reflect.Slice { // a []SaveKey, or what JSON makes of one
		if b, err := json.Marshal(x); err == nil {
			return string(b)
		}
	}
	return fmt.Sprint(x)
}

// StartAtLoginKey is the setting that package autostart puts to work.
const StartAtLoginKey = "app.start_at_login"

// Assignment is one setting and what it is to be, as text.
type Assignment struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Settings lists all settings in the order of the file. The access token is none of them.
func (c Config) Settings() []Setting {
	c = c.Clone()
	d := Defaults()
	var out []Setting
	values, defaults := keyed(&c), keyed(&d)
	for i, f := range values {
		value, normal := f.value.Interface(), defaults[i].value.Interface()
		if f.value.Kind() == reflect.Slice {
			value, normal = append([]SaveKey{}, c.Hotkeys.Saves...), append([]SaveKey{}, d.Hotkeys.Saves...)
		}
		out = append(out, Setting{f.key, value, normal, f.allowed(), f.tag.Get("comment")})
	}
	return out
}

// Setting finds one setting. The error is a Problem.
func (c Config) Setting(key string) (Setting, error) {
	for _, s := range c.Settings() {
		if s.Key == key {
			return s, nil
		}
	}
	return Setting{}, unknownKey(key)
}

// Set changes one setting to what a text means; for hotkeys.saves that is a JSON list. It checks the type and the
// setting's own limits; Validate checks how settings go together. The error is a Problem, and nothing was changed.
func (c *Config) Set(key, text string) error {
	for _, f := range keyed(c) {
		if f.key != key {
			continue
		}
		wrong := Problem{key, quote(text), f.allowed()}
		next := field{key, reflect.New(f.value.Type()).Elem(), f.tag}
		if next.value.Kind() == reflect.Slice {
			if !setSaves(next.value, text) {
				return wrong
			}
		} else if !setLeaf(next.value, meant(next.value.Kind(), text)) {
			return wrong
		} else if _, ok := next.check(); !ok {
			return wrong
		}
		f.value.Set(next.value)
		return nil
	}
	return unknownKey(key)
}

// meant is the value that a text from the command line or the environment stands for; the text itself where it is none
// of that kind.
func meant(kind reflect.Kind, text string) any {
	switch kind {
	case reflect.Bool:
		if b, err := strconv.ParseBool(text); err == nil {
			return b
		}
	case reflect.Int:
		if n, err := strconv.ParseInt(text, 10, 32); err == nil {
			return n
		}
	case reflect.Float64:
		if n, err := strconv.ParseFloat(text, 64); err == nil {
			return n
		}
	}
	return text
}

func setSaves(list reflect.Value, text string) bool {
	var saves []SaveKey
	var entries []map[string]any
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	if d.Decode(&entries) != nil || d.More() {
		return false
	}
	for _, e := range entries {
		for k, x := range e {
			if n, ok := x.(json.Number); ok {
				whole, err := n.Int64()
				if err != nil {
					return false
				}
				e[k] = whole
			}
		}
		var s SaveKey
		if s.Keys, _ = e["keys"].(string); s.Keys == "" || len(assign(reflect.ValueOf(&s).Elem(), e, "")) > 0 {
			return false
		}
		saves = append(saves, s)
	}
	trial := Config{Hotkeys: Hotkeys{Saves: saves}}
	ok := true
	walk(reflect.ValueOf(&trial.Hotkeys).Elem(), "", func(f field) {
		if _, fine := f.check(); !fine {
			ok = false
		}
	})
	list.Set(reflect.ValueOf(saves))
	return ok
}

func unknownKey(key string) Problem {
	if key == PassphraseKey {
		return Problem{key, "not a setting that is shown or set here", "set with: hindsightctl settings set-passphrase"}
	}
	if strings.Contains(key, "token") {
		return Problem{key, "not a setting that is shown or set here", "set with: hindsightctl settings set-token"}
	}
	c := Defaults()
	table, _, _ := strings.Cut(key, ".")
	var same, tables []string
	for _, f := range keyed(&c) {
		of, _, _ := strings.Cut(f.key, ".")
		if of == table {
			same = append(same, f.key)
		}
		if len(tables) == 0 || tables[len(tables)-1] != of+".…" {
			tables = append(tables, of+".…")
		}
	}
	if len(same) == 0 {
		same = tables
	}
	return Problem{key, "not a setting", "one of " + strings.Join(same, ", ")}
}

// keyed are all settings in the order of the file; a list is one of them.
func keyed(c *Config) []field {
	var out []field
	var visit func(v reflect.Value, prefix string)
	visit = func(v reflect.Value, prefix string) {
		for i := range v.NumField() {
			sf := v.Type().Field(i)
			if v.Field(i).Kind() == reflect.Struct {
				visit(v.Field(i), prefix+tomlName(sf)+".")
				continue
			}
			out = append(out, field{prefix + tomlName(sf), v.Field(i), sf.Tag})
		}
	}
	visit(reflect.ValueOf(c).Elem(), "")
	return out
}

// allowed says what a setting must be.
func (f field) allowed() string {
	switch {
	case f.value.Kind() == reflect.Slice:
		return `a JSON list like [{"keys":"Alt+F11","seconds":30,"after":0}] with seconds from 5 to 1200 (or 0 for ` +
			`everything) and after from 0 to 600, or [] for none`
	case f.tag.Get("check") != "":
		allowed, _ := checks[f.tag.Get("check")](f.value)
		return allowed
	case f.value.Kind() == reflect.String && f.tag.Get("oneof") == "":
		return "a text"
	}
	return kindName(f.value.Kind(), f.tag)
}
