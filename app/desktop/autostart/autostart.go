// Package autostart has the desktop start Hindsight when the user logs in: it owns one file in the autostart folder of
// the XDG Desktop Application Autostart Specification. A file there that differs from ours, because the user or a tool
// of the desktop edited it, is never touched. No goroutines, nothing to close.
package autostart

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/adrg/xdg"

	"github.com/hindsight-app/hindsight/app/atomicfile"
)

// EditedError says that the file was edited by hand and therefore left as it is.
type EditedError struct{ Path string }

// Error says what to do.
func (e *EditedError) Error() string {
	return "the file " + e.Path + " was edited by hand and is left as it is; change or remove it to start " +
		"Hindsight at login or not"
}

// Entry is the file that starts Hindsight.
type Entry struct {
	// Path is the file.
	Path string
	// Settings is the folder of the settings that the file belongs to: another one's file is not ours.
	Settings string
}

// Of is the entry for the settings in a folder.
func Of(settings string) Entry {
	return Entry{filepath.Join(xdg.ConfigHome, "autostart", "app.hindsight.Hindsight.desktop"), settings}
}

func (e Entry) text() []byte {
	return []byte("[Desktop Entry]\nType=Application\nName=Hindsight\nExec=hindsight --hidden\n" +
		"Icon=app.hindsight.Hindsight\nTerminal=false\nStartupNotify=false\n" +
		"X-Hindsight-Settings=" + strconv.Quote(e.Settings) + "\n")
}

// Set makes the file, or removes it. An EditedError says that it was left as it is.
func (e Entry) Set(on bool) error {
	have, err := os.ReadFile(e.Path)
	switch {
	case err == nil && bytes.Equal(have, e.text()):
		if on {
			return nil
		}
		if err := os.Remove(e.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("the file that starts Hindsight at login could not be removed: %w", err)
		}
		return nil
	case err == nil:
		return &EditedError{e.Path}
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("the file that starts Hindsight at login could not be read: %w", err)
	case !on:
		return nil
	}
	err = os.MkdirAll(filepath.Dir(e.Path), 0o700)
	if err == nil {
		err = atomicfile.Write(e.Path, e.text(), 0o600)
	}
	if err != nil {
		return fmt.Errorf("the file that starts Hindsight at login could not be written: %w", err)
	}
	return nil
}
