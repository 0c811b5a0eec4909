package config

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"reflect"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
)

// parse reads TOML over c. Values of the wrong type and unknown keys are named and left out; the latter are returned as
// well, to be kept in the file.
func parse(data []byte, c *Config) ([]Problem, []extra) {
	tree, problems, err := readTOML(data)
	if err != nil {
		where := ""
		var de *toml.DecodeError
		if errors.As(err, &de) {
			row, col := de.Position()
			where = fmt.Sprintf(" (line %d, column %d)", row, col)
		}
		return []Problem{{"the settings file", "not TOML" + where, "a TOML file: " + strings.TrimPrefix(err.Error(),
			"toml: ")}}, nil
	}
	v := reflect.ValueOf(c).Elem()
	return append(problems, assign(v, tree, "")...), unknown(v, tree, "")
}

// extra is a key that this version does not know, of a newer one or misspelt.
type extra struct {
	table, key string // the table is empty for the top of the file
	value      any
}

// line is the key in one line of TOML.
func (x extra) line() ([]byte, error) {
	var b bytes.Buffer
	e := toml.NewEncoder(&b)
	e.SetTablesInline(true)
	err := e.Encode(map[string]any{x.key: x.value})
	return b.Bytes(), err
}

// unknown collects the keys that are no settings. Those in a list are not among them.
func unknown(v reflect.Value, tree map[string]any, table string) []extra {
	left := maps.Clone(tree)
	var out []extra
	for i := range v.NumField() {
		sf := v.Type().Field(i)
		name := tomlName(sf)
		if sub, is := left[name].(map[string]any); is && v.Field(i).Kind() == reflect.Struct {
			out = append(out, unknown(v.Field(i), sub, strings.TrimPrefix(table+"."+name, "."))...)
		}
		delete(left, name)
		delete(left, sf.Tag.Get("was"))
	}
	for _, key := range sortedKeys(left) {
		out = append(out, extra{table, key, left[key]})
	}
	return out
}

// notASetting is the value of a Problem about a key that this version does not know.
const notASetting = "not a setting"

// kept is whether a save keeps what the problem is about.
func (p Problem) kept() bool { return p.Value == notASetting && !strings.Contains(p.Key, "[") }

// readTOML reads a file. Lines that are not TOML are left out and named, so that one of them costs its value and not
// the others; the error is that of the first where leaving lines out does not help, as in a text without its end.
func readTOML(data []byte) (map[string]any, []Problem, error) {
	var first error
	var problems []Problem
	lines := bytes.Split(bytes.ToValidUTF8(data, []byte("?")), []byte("\n"))
	if !utf8.Valid(data) {
		problems = append(problems, Problem{"the settings file", "not all UTF-8",
			"a file in UTF-8; other bytes were replaced by ?"})
	}
	for range maxBadLines + 1 {
		var tree map[string]any
		err := toml.Unmarshal(bytes.Join(lines, []byte("\n")), &tree)
		var de *toml.DecodeError
		if err == nil {
			return tree, problems, nil
		}
		if first == nil {
			first = err
		}
		if !errors.As(err, &de) {
			return nil, nil, first
		}
		row, col := de.Position()
		if row < 1 || row > len(lines) || !isValue(lines[row-1]) {
			return nil, nil, first
		}
		problems = append(problems, Problem{
			"the settings file", fmt.Sprintf("not TOML (line %d, column %d)", row, col),
			"a TOML file: " + strings.TrimPrefix(err.Error(), "toml: "),
		})
		lines[row-1] = nil // the others keep their numbers
	}
	return nil, nil, first
}

// maxBadLines is how many lines of a file may be left out.
const maxBadLines = 20

// isValue tells a line with one value. Without the heading of a table its values would go to another.
func isValue(line []byte) bool {
	line = bytes.TrimSpace(line)
	return bytes.Contains(line, []byte("=")) && !bytes.HasPrefix(line, []byte("["))
}

func assign(v reflect.Value, tree map[string]any, prefix string) []Problem {
	var problems []Problem
	left := make(map[string]any, len(tree))
	for k, x := range tree {
		left[k] = x
	}
	var names []string
	for i := range v.NumField() {
		sf := v.Type().Field(i)
		name := tomlName(sf)
		names = append(names, name)
		x, ok := tree[name]
		if was := sf.Tag.Get("was"); was != "" { // the name that the release before wrote
			delete(left, was)
			if !ok {
				x, ok = tree[was]
			}
		}
		if !ok {
			continue
		}
		delete(left, name)
		problems = append(problems, assignOne(v.Field(i), x, prefix+name, sf.Tag)...)
	}
	for _, k := range sortedKeys(left) {
		problems = append(problems, Problem{prefix + k, notASetting, "one of " + prefix + "{" + strings.Join(
			names, ", ") + "}"})
	}
	return problems
}

func assignOne(f reflect.Value, x any, key string, tag reflect.StructTag) []Problem {
	switch f.Kind() {
	case reflect.Struct:
		sub, ok := x.(map[string]any)
		if !ok {
			return []Problem{{key, quote(x), "a table, [" + key + "]"}}
		}
		return assign(f, sub, key+".")
	case reflect.Slice:
		return assignList(f, x, key)
	}
	if !setLeaf(f, x) {
		return []Problem{{key, quote(x), kindName(f.Kind(), tag)}}
	}
	return nil
}

func assignList(f reflect.Value, x any, key string) []Problem {
	list, ok := x.([]any)
	if !ok {
		return []Problem{{key, quote(x), "a list of tables, [[" + key + "]]"}}
	}
	var problems []Problem
	out := reflect.MakeSlice(f.Type(), 0, len(list))
	for i, entry := range list {
		sub, ok := entry.(map[string]any)
		e := reflect.New(f.Type().Elem()).Elem()
		name := fmt.Sprintf("%s[%d]", key, i)
		if !ok {
			problems = append(problems, Problem{name, quote(entry), "a table"})
			continue
		}
		bad := assign(e, sub, name+".")
		problems = append(problems, bad...)
		if slices.ContainsFunc(bad, func(p Problem) bool { return p.Value != notASetting }) {
			continue
		}
		out = reflect.Append(out, e)
	}
	f.Set(out)
	return problems
}

// setLeaf stores a TOML value; whole numbers serve as floats, nothing else is converted.
func setLeaf(f reflect.Value, x any) bool {
	switch x := x.(type) {
	case string:
		if f.Kind() != reflect.String {
			return false
		}
		f.SetString(x)
	case bool:
		if f.Kind() != reflect.Bool {
			return false
		}
		f.SetBool(x)
	case int64:
		switch {
		case f.Kind() == reflect.Int && x >= math.MinInt32 && x <= math.MaxInt32:
			f.SetInt(x)
		case f.Kind() == reflect.Float64:
			f.SetFloat(float64(x))
		default:
			return false
		}
	case float64:
		if f.Kind() != reflect.Float64 {
			return false
		}
		f.SetFloat(x)
	default:
		return false
	}
	return true
}

func kindName(k reflect.Kind, tag reflect.StructTag) string {
	if list := tag.Get("oneof"); list != "" {
		return orList(strings.Split(list, ","))
	}
	if lo := tag.Get("min"); lo != "" {
		return "a number from " + lo + " to " + tag.Get("max")
	}
	switch k {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Float64:
		return "a number"
	}
	return "a text in quotes"
}

// envName is the environment variable of a key.
func envName(key string) string {
	return "HINDSIGHT_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

func isSet(name string) bool {
	_, ok := os.LookupEnv(name)
	return ok
}

// applyEnv puts the environment over c and returns which keys it set.
func applyEnv(c *Config) (keys map[string]bool, problems []Problem) {
	keys = map[string]bool{}
	walk(reflect.ValueOf(c).Elem(), "", func(f field) {
		name := envName(f.key)
		text, ok := os.LookupEnv(name)
		if was := f.tag.Get("was"); was != "" && !ok {
			name = envName(f.key[:strings.LastIndexByte(f.key, '.')+1] + was)
			text, ok = os.LookupEnv(name)
		}
		if !ok || strings.Contains(f.key, "[") || f.tag.Get("env") == "-" {
			return
		}
		if !setLeaf(f.value, meant(f.value.Kind(), text)) {
			problems = append(problems, Problem{name, quote(text), kindName(f.value.Kind(), f.tag)})
			return
		}
		keys[f.key] = true
	})
	return keys, problems
}

// repair puts the default in place of every value that Validate names.
func repair(c *Config) []Problem {
	problems := c.Validate()
	if len(problems) == 0 {
		return nil
	}
	bad := map[string]bool{}
	for _, p := range problems {
		bad[p.Key] = true
	}
	defaults := Defaults()
	good := leaves(&defaults)
	for key, f := range leaves(c) {
		if d, ok := good[key]; ok && bad[key] {
			f.Set(d)
		}
	}
	kept := c.Hotkeys.Saves[:0]
	for i, s := range c.Hotkeys.Saves {
		name := fmt.Sprintf("hotkeys.saves[%d].", i)
		if !bad[name+"keys"] && !bad[name+"seconds"] && !bad[name+"after"] {
			kept = append(kept, s)
		}
	}
	c.Hotkeys.Saves = kept
	// Two defaults may now collide with what the user chose; the later key is switched off.
	for _, p := range duplicates(c.Hotkeys) {
		if f, ok := leaves(c)[p.Key]; ok {
			f.SetString("")
		}
	}
	return problems
}

func leaves(c *Config) map[string]reflect.Value {
	out := map[string]reflect.Value{}
	walk(reflect.ValueOf(c).Elem(), "", func(f field) { out[f.key] = f.value })
	return out
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
