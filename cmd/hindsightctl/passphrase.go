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

type passphraseCmd struct {
	File   string `type:"existingfile" help:"Read the passphrase from this file instead of standard input." xor:"from"`
	Remove bool   `help:"Remove the passphrase." xor:"from"`
}

func (c passphraseCmd) Run(ctx context.Context, out *output) error {
	text := ""
	if !c.Remove {
		var err error
		if text, err = c.read(); err != nil {
			return err
		}
	}
	var r config.Result
	err := call(ctx, control.Request{Command: control.Phrase, Text: text}, &r)
	if errors.Is(err, control.ErrNotRunning) {
		r = store(config.Patch{}.WithPassphrase(text))
		err = refused(r)
		out.note = "Hindsight is not running."
	}
	return out.result(r, err)
}

func (c passphraseCmd) read() (string, error) {
	var from io.Reader = os.Stdin
	if c.File != "" {
		f, err := os.Open(c.File)
		if err != nil {
			return "", fmt.Errorf("the passphrase could not be read: %w", err)
		}
		defer f.Close()
		from = f
	}
	data, err := io.ReadAll(io.LimitReader(from, maxToken+1))
	if err != nil {
		return "", fmt.Errorf("the passphrase could not be read: %w", err)
	}
	text := strings.TrimSpace(string(data))
	switch {
	case text == "":
		return "", &control.InvalidError{Err: errors.New("there is no passphrase in it; use --remove to remove it")}
	case len(data) > maxToken, strings.ContainsFunc(text, unicode.IsControl):
		return "", &control.InvalidError{Err: errors.New("what was read is not a passphrase of one line")}
	}
	return text, nil
}
