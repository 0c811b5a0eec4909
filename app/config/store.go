package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"

	"github.com/adrg/xdg"
	"github.com/pelletier/go-toml/v2"

	"github.com/hindsight-app/hindsight/app/atomicfile"
)

// Dir is the folder of the settings, hindsight in the XDG configuration folder. HINDSIGHT_CONFIG_DIR overrides it.
func Dir() string {
	if d := os.Getenv("HINDSIGHT_CONFIG_DIR"); d != "" {
		return d
	}
	return filepath.Join(xdg.ConfigHome, "hindsight")
}

// Store reads and writes one settings file. It may be used from several goroutines.
type Store struct {
	path string

	mu sync.Mutex
	// file is what the file says (over the defaults), without the environment.
	file   Config
	env    map[string]bool
	broken bool
	absent bool // there was no file
}

// Open reads the settings in folder dir. Problems are values that could not be used; defaults stand in for them. The
// answer is always usable.
func Open(dir string) (*Store, Config, []Problem) {
	s := &Store{path: filepath.Join(dir, "config.toml")}
	c := Defaults()
	var problems []Problem
	data, err := os.ReadFile(s.path)
	switch {
	case err == nil:
		problems = parse(data, &c)
	case errors.Is(err, fs.ErrNotExist):
		s.absent = true
	default:
		problems = []Problem{{"the settings file", "not readable (" + reason(err) + ")", "a file you may read"}}
	}
	problems = append(problems, repair(&c)...)
	s.broken = len(problems) > 0
	s.file = c.Clone()
	env, bad := applyEnv(&c)
	s.env = env
	problems = append(problems, bad...)
	problems = append(problems, repair(&c)...)
	return s, c, problems
}

// reason is an error of the file system without the call and the path.
func reason(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

// FirstRun is whether nobody has chosen yet what to capture: there was no settings file, or one from before the choice.
func (s *Store) FirstRun() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.absent || !s.file.App.FirstRunDone
}

// Path is the settings file.
func (s *Store) Path() string { return s.path }

// Save writes the settings through a temporary file and a rename. A value that came from the environment and was not
// changed since stays out of the file. The first save over a file with mistakes keeps a copy of it, config.toml.bak.
func (s *Store) Save(c Config) error {
	if problems := c.Validate(); len(problems) > 0 {
		return problems[0]
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.withoutEnv(c)
	toUTF8(&out)
	data, err := encode(out)
	if err == nil {
		err = readsBack(data)
	}
	if err != nil {
		return fmt.Errorf("the settings could not be written: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(s.path), 0o700); err != nil {
		return fmt.Errorf("the settings folder could not be made: %w", err)
	}
	if s.broken {
		if err := backup(s.path); err != nil {
			return err
		}
	}
	if err := atomicfile.Write(s.path, data, 0o600); err != nil {
		return fmt.Errorf("the settings could not be saved: %w", err)
	}
	s.file, s.broken, s.absent = out, false, false
	return nil
}

// Apply puts a patch over the settings in the file of a Hindsight that does not run, as a session does for one that
// runs: a wrong value changes nothing. What is saved applies at the next start. The token is not the store's.
func (s *Store) Apply(before Config, p Patch) Result {
	r := p.Check(before)
	if !r.OK() {
		return r
	}
	r = p.Result(NextStart, "")
	for _, key := range p.Keys() {
		if name := envName(key); isSet(name) {
			r.Set(key, NextStart, "the environment variable "+name+" overrides it as long as it is set")
		}
	}
	if err := s.Save(p.On(before)); err != nil {
		r = p.Result(Refused, err.Error())
	}
	return r
}

// toUTF8 repairs texts, for TOML takes no other bytes. Names of windows and devices may be in an older encoding.
func toUTF8(c *Config) {
	walk(reflect.ValueOf(c).Elem(), "", func(f field) {
		if f.value.Kind() == reflect.String {
			f.value.SetString(strings.ToValidUTF8(f.value.String(), "?"))
		}
	})
}

// readsBack makes sure that the next start can read what is about to replace the file.
func readsBack(data []byte) error {
	c := Defaults()
	if problems := parse(data, &c); len(problems) > 0 {
		return problems[0]
	}
	return nil
}

func (s *Store) withoutEnv(c Config) Config {
	out := c.Clone()
	fromEnv := c.Clone()
	applyEnv(&fromEnv)
	want, file, now := leaves(&fromEnv), leaves(&s.file), leaves(&out)
	for key := range s.env {
		if now[key].Interface() == want[key].Interface() {
			now[key].Set(file[key])
		}
	}
	return out
}

func encode(c Config) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("# Hindsight's settings. The app writes this file; changes made here take effect at its next start.\n\n")
	e := toml.NewEncoder(&b)
	e.SetIndentTables(false)
	if err := e.Encode(c); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func backup(path string) error {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = atomicfile.Write(path+".bak", data, 0o600)
	}
	if err != nil {
		return fmt.Errorf("the old settings could not be kept as %s.bak, so nothing was saved: %w", filepath.Base(path), err)
	}
	return nil
}
