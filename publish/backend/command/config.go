package command

import (
	"encoding"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/pelletier/go-toml/v2"

	"github.com/hindsight-app/hindsight/assets/duration"
)

// notInFile are flags that a configuration file cannot have, beside hidden ones.
var notInFile = []string{"help", "config", "print-config", "version"}

// inFile is whether a configuration file may set the flag.
func inFile(f *kong.Flag) bool { return !f.Hidden && !slices.Contains(notInFile, f.Name) }

// file is a configuration file: TOML whose keys are the names of serve's flags. What the command line or the
// environment says goes before it.
type file map[string]any

// loadFile is a kong.ConfigurationLoader.
func loadFile(r io.Reader) (kong.Resolver, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	var f file
	if err := toml.Unmarshal(b, &f); err != nil {
		return nil, fmt.Errorf("the configuration file is not TOML: %w", err)
	}
	return f, nil
}

// length reads a time of a flag, a variable or the file.
func length(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("time", &text); err != nil {
		return err
	}
	return duration.Decode(text, target)
}

// Validate refuses keys that are no flags.
func (f file) Validate(app *kong.Application) error {
	var known []string
	for _, flags := range append([][]*kong.Flag{app.Flags}, childFlags(app.Node)...) {
		for _, flag := range flags {
			if inFile(flag) {
				known = append(known, flag.Name)
			}
		}
	}
	for key := range f {
		if !slices.Contains(known, key) {
			return fmt.Errorf("the configuration file has %q, which is not a setting; --print-config lists all", key)
		}
	}
	return nil
}

// childFlags are those of serve.
func childFlags(n *kong.Node) (out [][]*kong.Flag) {
	for _, c := range n.Children {
		if c.Name == "serve" {
			out = append(out, c.Flags)
		}
	}
	return out
}

// Resolve returns what the file says about a flag.
func (f file) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, env := range flag.Envs {
		if os.Getenv(env) != "" {
			return nil, nil
		}
	}
	switch v := f[flag.Name].(type) {
	case nil:
		return nil, nil
	case []any: // kong takes lists as text with commas
		var words []string
		for _, w := range v {
			words = append(words, fmt.Sprint(w))
		}
		return strings.Join(words, ","), nil
	case map[string]any:
		return nil, errors.New("it must be a value in the configuration file, not a table")
	default:
		return fmt.Sprint(v), nil
	}
}

// printed writes the settings in effect as a configuration file, each with its help. Secrets are none of them, and a
// password in an address is left out.
func printed(w io.Writer, flags []*kong.Flag) error {
	for _, flag := range flags {
		if !inFile(flag) {
			continue
		}
		value := flag.Target.Interface()
		switch v := value.(type) {
		case time.Duration:
			value = v.String()
		case encoding.TextMarshaler:
			text, err := v.MarshalText()
			if err != nil {
				return err
			}
			value = strings.ToLower(string(text))
		case string:
			if u, err := url.Parse(v); err == nil && u.User != nil {
				value = u.Redacted()
			}
		case []string:
			if v == nil {
				value = []string{}
			}
		}
		line, err := toml.Marshal(map[string]any{flag.Name: value})
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "# %s\n%s\n", flag.Help, line); err != nil {
			return err
		}
	}
	for _, name := range []string{"LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"} {
		is := "set"
		if _, err := secret(name); err != nil {
			is = err.Error()
		}
		if _, err := fmt.Fprintf(w, "# %s: %s\n", name, is); err != nil {
			return err
		}
	}
	return nil
}
