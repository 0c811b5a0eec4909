package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/control"
	"github.com/hindsight-app/hindsight/app/desktop/autostart"
	"github.com/hindsight-app/hindsight/app/session"
)

type settingsCmd struct {
	List  listCmd  `cmd:"" help:"List all settings with their values and what is allowed."`
	Get   getCmd   `cmd:"" help:"Print a setting."`
	Set   setCmd   `cmd:"" help:"Change settings. If one value is wrong, none is changed."`
	Token tokenCmd `cmd:"" name:"set-token" help:"Set the access token, read from standard input or a file."`
}

// settings are those of the running app, else those in the file.
func settings(ctx context.Context) ([]config.Setting, error) {
	var list []config.Setting
	err := call(ctx, control.Request{Command: control.List}, &list)
	if !errors.Is(err, control.ErrNotRunning) {
		return list, err
	}
	_, cfg := stored()
	return cfg.Settings(), nil
}

// stored opens the settings file and warns of what is wrong in it.
func stored() (*config.Store, config.Config) {
	store, cfg, problems := config.Open(config.Dir())
	for _, p := range problems {
		fmt.Fprintf(os.Stderr, "hindsightctl: %v, in %s; the default is used\n", p, store.Path())
	}
	return store, cfg
}

type listCmd struct{}

func (listCmd) Run(ctx context.Context, out *output) error {
	list, err := settings(ctx)
	if err != nil {
		return err
	}
	return out.print(list, func(w io.Writer) {
		for _, s := range list {
			help := s.Allowed
			if s.Help != "" {
				help += "; " + s.Help
			}
			fmt.Fprintf(w, "%s %s\n    %s\n", s.Key, s.Text(), help)
		}
	})
}

type getCmd struct {
	Key string `arg:"" help:"The setting, for example video.frame_rate."`
}

func (c getCmd) Run(ctx context.Context, out *output) error {
	if _, err := config.Defaults().Setting(c.Key); err != nil {
		return &control.InvalidError{Err: err}
	}
	list, err := settings(ctx)
	if err != nil {
		return err
	}
	for _, s := range list {
		if s.Key == c.Key {
			return out.print(s, func(w io.Writer) { fmt.Fprintln(w, s.Text()) })
		}
	}
	return fmt.Errorf("the running Hindsight is of another version and has no setting %s", c.Key)
}

type setCmd struct {
	Pairs []string `arg:"" name:"key value" help:"A setting and its new value; repeat for more settings."`
}

// Validate implements kong's: what it refuses is a wrong command line.
func (c setCmd) Validate() error {
	if len(c.Pairs)%2 != 0 {
		return fmt.Errorf("%s has no value; give KEY VALUE pairs", c.Pairs[len(c.Pairs)-1])
	}
	return nil
}

// changed is what set prints.
type changed struct {
	OK bool `json:"ok"`
	// InUse is false where Hindsight is not running, and where the recorder could not take the settings.
	InUse bool   `json:"in_use"`
	Note  string `json:"note,omitempty"`
	Error string `json:"error,omitempty"`
}

func (c setCmd) Run(ctx context.Context, out *output) error {
	var list []config.Assignment
	for i := 0; i < len(c.Pairs); i += 2 {
		list = append(list, config.Assignment{Key: c.Pairs[i], Value: c.Pairs[i+1]})
	}
	edit, err := config.Edit(list)
	if err != nil {
		return &control.InvalidError{Err: err}
	}
	var a control.SetAnswer
	result, text := changed{OK: true, InUse: true}, "Saved. The new settings are in use."
	err = call(ctx, control.Request{Command: control.Set, Set: list}, &a)
	if errors.Is(err, control.ErrNotRunning) {
		result.InUse, text = false, "Saved. Hindsight is not running; the settings apply when it starts."
		a, err = store(list, edit)
	}
	if err != nil {
		return err
	}
	if result.Note = a.Note; a.Note != "" {
		text += "\nNote: " + a.Note
	}
	if a.Failed != "" {
		err = errors.New("saved, but capture failed: " + a.Failed)
		result.OK, result.InUse, result.Error, text = false, false, err.Error(), ""
		if out.json {
			return errors.Join(out.print(result, nil), &printedError{err})
		}
		return err
	}
	return out.print(result, func(w io.Writer) { fmt.Fprintln(w, text) })
}

// store changes the settings file of a Hindsight that is not running.
func store(list []config.Assignment, edit func(*config.Config)) (a control.SetAnswer, err error) {
	file, before := stored()
	c := before.Clone()
	edit(&c)
	if err := session.Usable(before, c); err != nil {
		return a, control.Invalid(err)
	}
	if err := file.Save(c); err != nil {
		return a, err
	}
	var notes []string
	if c.App.StartAtLogin != before.App.StartAtLogin || c.App.StartAtLogin {
		if err := autostart.Of(config.Dir()).Set(c.App.StartAtLogin); err != nil {
			notes = append(notes, err.Error())
		}
	}
	for _, name := range config.Overridden(list) {
		notes = append(notes, "the environment variable "+name+" overrides it as long as it is set")
	}
	a.Note = strings.Join(notes, "\n")
	return a, nil
}

type tokenCmd struct {
	File   string `type:"existingfile" help:"Read the token from this file instead of standard input." xor:"from"`
	Remove bool   `help:"Remove the token." xor:"from"`
}

// maxToken is more than any token has, in bytes.
const maxToken = 16 << 10

func (c tokenCmd) Run(ctx context.Context, out *output) error {
	token := ""
	if !c.Remove {
		var err error
		if token, err = c.read(); err != nil {
			return err
		}
	}
	err := call(ctx, control.Request{Command: control.Token, Text: token}, nil)
	if errors.Is(err, control.ErrNotRunning) {
		err = config.OpenTokens(config.Dir()).Set(token)
	}
	return out.done(err)
}

func (c tokenCmd) read() (string, error) {
	var from io.Reader = os.Stdin
	if c.File != "" {
		f, err := os.Open(c.File)
		if err != nil {
			return "", fmt.Errorf("the token could not be read: %w", err)
		}
		defer f.Close()
		from = f
	}
	data, err := io.ReadAll(io.LimitReader(from, maxToken+1))
	if err != nil {
		return "", fmt.Errorf("the token could not be read: %w", err)
	}
	token := strings.TrimSpace(string(data))
	switch {
	case token == "":
		return "", &control.InvalidError{Err: errors.New("there is no token in it; use --remove to remove the token")}
	case len(data) > maxToken, strings.ContainsFunc(token, spaceOrControl):
		return "", &control.InvalidError{Err: errors.New("what was read is not one access token without spaces")}
	}
	return token, nil
}

func spaceOrControl(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }

// printedError is an error that the command's output holds already.
type printedError struct{ error }
