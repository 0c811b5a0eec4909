package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/control"
	"github.com/hindsight-app/hindsight/app/desktop/autostart"
	"github.com/hindsight-app/hindsight/app/token"
)

type settingsCmd struct {
	List   listCmd       `cmd:"" help:"List all settings with their values and what is allowed."`
	Get    getCmd        `cmd:"" help:"Print a setting."`
	Set    setCmd        `cmd:"" help:"Change settings. If one value is wrong, none is changed."`
	Phrase passphraseCmd `cmd:"" name:"set-passphrase" help:"Set the passphrase of end-to-end encryption, read from standard input or a file."`
	Token  tokenCmd      `cmd:"" name:"set-token" help:"Set the access token, read from standard input or a file."`
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
	// OK is whether nothing was refused.
	OK bool `json:"ok"`
	// InUse is whether everything is in use now.
	InUse bool `json:"in_use"`
	config.Result
	Error string `json:"error,omitempty"`
}

func (c setCmd) Run(ctx context.Context, out *output) error {
	var list []config.Assignment
	for i := 0; i < len(c.Pairs); i += 2 {
		list = append(list, config.Assignment{Key: c.Pairs[i], Value: c.Pairs[i+1]})
	}
	patch, r := config.Parse(list)
	if r.Invalid {
		return out.result(r, refused(r))
	}
	r = config.Result{}
	err := call(ctx, control.Request{Command: control.Set, Set: list}, &r)
	if errors.Is(err, control.ErrNotRunning) {
		r = store(patch)
		err = refused(r)
		out.note = "Hindsight is not running."
	}
	return out.result(r, err)
}

// refused is the error of a result, nil where it is OK.
func refused(r config.Result) error {
	_, err := control.Answer(r)
	return err
}

// result prints what came of settings; an error without a result is returned as it is.
func (o *output) result(r config.Result, err error) error {
	if r.Fields == nil && err != nil {
		return err
	}
	v := changed{OK: err == nil, InUse: r.InUse(), Result: r}
	if err == nil {
		return o.print(v, func(w io.Writer) { fmt.Fprintln(w, strings.TrimSpace(o.note+" "+r.Text())) })
	}
	if v.Error = err.Error(); o.json {
		return errors.Join(o.print(v, nil), &printedError{err})
	}
	if rest := r.Rest(); !r.Invalid && rest != "" {
		fmt.Fprintln(o.to, rest) // some of it may be in use
	}
	return err
}

// store changes the settings file of a Hindsight that is not running.
func store(p config.Patch) config.Result {
	_, before := stored()
	r := config.ApplyToFile(config.Dir(), p, token.Open(config.Dir()))
	on := p.On(before).App.StartAtLogin
	if r.Invalid || !p.Has(config.StartAtLoginKey) && !on {
		return r
	}
	if err := autostart.Of(config.Dir()).Set(on); err != nil && p.Has(config.StartAtLoginKey) {
		r.Set(config.StartAtLoginKey, config.NextStart, err.Error())
	}
	return r
}

// printedError is an error that the command's output holds already.
type printedError struct{ error }

// Unwrap gives the error, whose kind decides the exit status.
func (e *printedError) Unwrap() error { return e.error }
