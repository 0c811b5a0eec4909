package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
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

// Store reads and writes one settings file. It may be used from several goroutines, and by several processes: each save
// locks the file and writes only what its own process has changed, so that what another one or an editor has written in
// the meantime stays.
type Store struct {
	path string

	mu sync.Mutex
	// mine is what this process has read or saved last, without the environment.
	mine Config
	env  map[string]bool
	// written is what the last Save wrote, nil before it.
	written []byte
	absent  bool // there was no file
}

// Open reads the settings in folder dir. Problems are values that could not be used; defaults stand in for them. The
// answer is always usable.
func Open(dir string) (*Store, Config, []Problem) {
	s := &Store{path: filepath.Join(dir, "config.toml")}
	f := readFile(s.path)
	problems := f.problems
	s.mine, s.absent = f.settings.Clone(), f.data == nil && len(problems) == 0
	c := f.settings
	env, bad := applyEnv(&c)
	s.env = env
	problems = append(problems, bad...)
	problems = append(problems, repair(&c)...)
	return s, c, problems
}

// settingsFile is what a file says.
type settingsFile struct {
	data     []byte // nil where there is none
	settings Config // over the defaults, and usable
	problems []Problem
	extras   []extra
	broken   bool // something in it would be lost by a save
}

func readFile(path string) settingsFile {
	f := settingsFile{settings: Defaults()}
	var err error
	f.data, err = os.ReadFile(path)
	switch {
	case err == nil:
		f.problems, f.extras = parse(f.data, &f.settings)
	case !errors.Is(err, fs.ErrNotExist):
		f.problems = []Problem{{"the settings file", "not readable (" + reason(err) + ")", "a file you may read"}}
	}
	f.problems = append(f.problems, repair(&f.settings)...)
	f.broken = slices.ContainsFunc(f.problems, func(p Problem) bool { return !p.kept() })
	return f
}

// reason is an error of the file system without the call and the path.
func reason(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

// firstRunKey is the key of App.FirstRunDone.
const firstRunKey = "app.first_run_done"

// FirstRun is whether nobody has chosen yet what to capture: there was no settings file, or one from before the choice.
func (s *Store) FirstRun() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.absent || !s.mine.App.FirstRunDone
}

// Absent is whether there was no settings file. Versions before 1.0 wrote none as long as nothing was changed.
func (s *Store) Absent() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.absent
}

// Path is the settings file.
func (s *Store) Path() string { return s.path }

// Save writes the settings through a temporary file and a rename. A value that came from the environment and was not
// changed since stays out of the file, and what this version does not know stays in it. The first save over a file with
// mistakes keeps a copy of it, config.toml.bak.
func (s *Store) Save(c Config) error {
	if problems := c.Validate(); len(problems) > 0 {
		return problems[0]
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	unlock, err := s.lock()
	if err != nil {
		return err
	}
	defer unlock()
	return s.save(readFile(s.path), c)
}

// lock keeps other processes from the file.
func (s *Store) lock() (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(s.path), 0o700); err != nil {
		return nil, fmt.Errorf("the settings folder could not be made: %w", err)
	}
	unlock, err = atomicfile.Lock(s.path + ".lock")
	if err != nil {
		return nil, fmt.Errorf("the settings file could not be locked: %w", err)
	}
	return unlock, nil
}

// save writes what differs from the settings that this process had before over those in the file, which is locked.
func (s *Store) save(file settingsFile, c Config) error {
	c = s.withoutEnv(c)
	toUTF8(&c)
	out := c
	if file.data != nil {
		if merged := Diff(s.mine, c).On(file.settings); len(merged.Validate()) == 0 {
			out = merged
		}
	}
	data, err := encode(out, file.extras)
	if err == nil {
		err = readsBack(data)
	}
	if err != nil {
		return fmt.Errorf("the settings could not be written: %w", err)
	}
	if file.broken && (s.written == nil || !bytes.Equal(file.data, s.written)) {
		if err := backup(s.path); err != nil {
			return err
		}
	}
	if err := atomicfile.Write(s.path, data, 0o600); err != nil {
		return fmt.Errorf("the settings could not be saved: %w", err)
	}
	s.mine, s.written, s.absent = c, data, false
	return nil
}

// TokenStore keeps the access token and knows which server it is for; see package token.
type TokenStore interface {
	TokenKeeper
	// Set keeps a token for a server's URL; an empty one is removed.
	Set(token, server string) error
	// SetPassphrase keeps the passphrase of end-to-end encryption; an empty one is removed.
	SetPassphrase(text string) error
}

// ApplyToFile is how settings change while Hindsight does not run: the patch is checked and put over the settings in
// the file in this folder as they are at that moment, and the token is stored, as a session does it. A wrong value
// changes nothing. What is saved applies at the next start.
func ApplyToFile(dir string, p Patch, tokens TokenStore) Result {
	s := &Store{path: filepath.Join(dir, "config.toml")}
	unlock, err := s.lock()
	if err != nil {
		return p.Result(Refused, err.Error())
	}
	defer unlock()
	file := readFile(s.path)
	s.mine = file.settings.Clone()
	before := s.mine.Clone()
	asked := p
	p, err = p.ForServer(before, tokens)
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
	p.Explain(&r, asked)
	if err != nil { // it is not known which server the token is for
		for _, key := range []string{serverKey, TokenKey} {
			if f, there := r.Of(key); there {
				r.Set(key, f.State, err.Error())
			}
		}
	}
	next := p.On(before)
	if file.data == nil && !p.Has(firstRunKey) {
		next.App.FirstRunDone = false // a setting is no consent to be captured: the first start still asks
	}
	used := next.Clone()
	applyEnv(&used)
	if len(p.changes) > 0 {
		if err := s.save(file, next); err != nil {
			return p.Result(Refused, err.Error())
		}
	}
	if token, is := p.Token(); is {
		if err := tokens.Set(token, used.Sharing.BackendURL); err != nil {
			r.Set(TokenKey, Refused, err.Error())
		}
	}
	if text, is := p.Passphrase(); is {
		if err := tokens.SetPassphrase(text); err != nil {
			r.Set(PassphraseKey, Refused, err.Error())
		}
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
	problems, _ := parse(data, &c)
	for _, p := range problems {
		if !p.kept() {
			return p
		}
	}
	return nil
}

func (s *Store) withoutEnv(c Config) Config {
	out := c.Clone()
	fromEnv := c.Clone()
	applyEnv(&fromEnv)
	want, file, now := leaves(&fromEnv), leaves(&s.mine), leaves(&out)
	for key := range s.env {
		if now[key].Interface() == want[key].Interface() {
			now[key].Set(file[key])
		}
	}
	return out
}

func encode(c Config, extras []extra) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("# Hindsight's settings. The app writes this file; changes made here take effect at its next start.\n\n")
	top := b.Len()
	e := toml.NewEncoder(&b)
	e.SetIndentTables(false)
	if err := e.Encode(c); err != nil {
		return nil, err
	}
	data := b.Bytes()
	for _, x := range extras {
		line, err := x.line()
		if err != nil {
			return nil, err
		}
		at := top
		if x.table != "" {
			header := []byte("\n[" + x.table + "]\n")
			if at = bytes.Index(data, header); at < 0 {
				return nil, fmt.Errorf("there is no table %s", x.table)
			}
			at += len(header)
		}
		data = slices.Insert(data, at, line...)
	}
	return data, nil
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
