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
)

// secret is what is read from a file or standard input, and kept in the system's keyring.
type secret struct {
	name  string // "token"
	shape string // what it must be: "one access token without spaces"
	wrong func(rune) bool
	// command has the running app keep it; with does so where none runs.
	command string
	with    func(text string) config.Patch
}

// maxSecret is more than any has, in bytes.
const maxSecret = 16 << 10

// set keeps what is in the file, in standard input where there is none, or nothing.
func (s secret) set(ctx context.Context, out *output, file string, remove bool) error {
	text := ""
	if !remove {
		var err error
		if text, err = s.read(file); err != nil {
			return err
		}
	}
	var r config.Result
	err := call(ctx, control.Request{Command: s.command, Text: text}, &r)
	if errors.Is(err, control.ErrNotRunning) {
		r = store(s.with(text))
		err = refused(r)
		out.note = "Hindsight is not running."
	}
	return out.result(r, err)
}

func (s secret) read(file string) (string, error) {
	var from io.Reader = os.Stdin
	if file != "" {
		f, err := os.Open(file)
		if err != nil {
			return "", fmt.Errorf("the %s could not be read: %w", s.name, err)
		}
		defer f.Close()
		from = f
	}
	data, err := io.ReadAll(io.LimitReader(from, maxSecret+1))
	if err != nil {
		return "", fmt.Errorf("the %s could not be read: %w", s.name, err)
	}
	text := strings.TrimSpace(string(data))
	switch {
	case text == "":
		return "", &control.InvalidError{Err: fmt.Errorf("there is no %s in it; use --remove to remove the %s", s.name,
			s.name)}
	case len(data) > maxSecret, strings.ContainsFunc(text, s.wrong):
		return "", &control.InvalidError{Err: errors.New("what was read is not " + s.shape)}
	}
	return text, nil
}

type tokenCmd struct {
	File   string `type:"existingfile" help:"Read the token from this file instead of standard input." xor:"from"`
	Remove bool   `help:"Remove the token." xor:"from"`
}

func (c tokenCmd) Run(ctx context.Context, out *output) error {
	spaceOrControl := func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }
	return secret{"token", "one access token without spaces", spaceOrControl, control.Token,
		config.Patch{}.WithToken}.set(ctx, out, c.File, c.Remove)
}

type passphraseCmd struct {
	File   string `type:"existingfile" help:"Read the passphrase from this file instead of standard input." xor:"from"`
	Remove bool   `help:"Remove the passphrase." xor:"from"`
}

func (c passphraseCmd) Run(ctx context.Context, out *output) error {
	return secret{"passphrase", "a passphrase of one line", unicode.IsControl, control.Phrase,
		config.Patch{}.WithPassphrase}.set(ctx, out, c.File, c.Remove)
}
