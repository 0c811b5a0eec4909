package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/hindsight-app/hindsight/app/session"
)

// output prints responses as text or JSON.
type output struct {
	json bool
	to   io.Writer
	// note stands before what is printed for people.
	note string
}

// print writes v as JSON, or what text writes; nil text is silence.
func (o *output) print(v any, text func(io.Writer)) error {
	if !o.json {
		if text != nil {
			text(o.to)
		}
		return nil
	}
	e := json.NewEncoder(o.to)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false) // it is for people and programs, not for a page
	return e.Encode(v)
}

// fail writes an error: as JSON where that was asked for, else for people, with what to do.
func (o *output) fail(err error, hint string) {
	if !o.json {
		fmt.Fprintln(os.Stderr, "hindsightctl:", session.Words(err))
		if hint != "" {
			fmt.Fprintln(os.Stderr, hint)
		}
		return
	}
	var printed *printedError
	if !errors.Is(err, errSick) && !errors.As(err, &printed) { // doctor has printed its checks
		_ = o.print(map[string]any{"ok": false, "error": session.Words(err)}, nil)
	}
}

// The exit statuses of failures; exitStatuses says what they mean.
const (
	failed     = 1
	usageError = 2
	notRunning = 3
)
