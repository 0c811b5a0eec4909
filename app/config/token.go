package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/zalando/go-keyring"

	"github.com/hindsight-app/hindsight/app/atomicfile"
)

const (
	keyringService = "app.hindsight.Hindsight"
	keyringUser    = "backend-token"
	keyringWait    = 5 * time.Second
)

var errKeyringSlow = errors.New("the keyring did not answer")

// Tokens keeps the user token of the backend: in the system keyring, or where there is none in a file only the user
// can read. HINDSIGHT_TOKEN overrides both.
type Tokens struct {
	// File is used where no keyring answers.
	File string
	// NoKeyring keeps to the file.
	NoKeyring bool
}

// OpenTokens answers the token store that belongs to the settings in dir.
func OpenTokens(dir string) *Tokens {
	return &Tokens{File: filepath.Join(dir, "token"), NoKeyring: !hasSessionBus()}
}

// Get answers the token, empty when none is set.
func (t *Tokens) Get() (string, error) {
	if env := os.Getenv("HINDSIGHT_TOKEN"); env != "" {
		return env, nil
	}
	if !t.NoKeyring {
		token, err := inTime(func() (string, error) { return keyring.Get(keyringService, keyringUser) })
		if err == nil {
			return token, nil
		}
	}
	data, err := os.ReadFile(t.File)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("the backend token could not be read: %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}

// Set keeps the token; an empty one is removed.
func (t *Tokens) Set(token string) error {
	if !t.NoKeyring {
		_, err := inTime(func() (string, error) {
			if token == "" {
				return "", keyring.Delete(keyringService, keyringUser)
			}
			return "", keyring.Set(keyringService, keyringUser, token)
		})
		if err == nil || (token == "" && errors.Is(err, keyring.ErrNotFound)) {
			return t.writeFile("")
		}
	}
	return t.writeFile(token)
}

func (t *Tokens) writeFile(token string) error {
	if token == "" {
		if err := os.Remove(t.File); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("the backend token could not be removed: %w", err)
		}
		return nil
	}
	err := os.MkdirAll(filepath.Dir(t.File), 0o700)
	if err == nil {
		err = atomicfile.Write(t.File, []byte(token+"\n"), 0o600)
	}
	if err != nil {
		return fmt.Errorf("the backend token could not be saved: %w", err)
	}
	return nil
}

// inTime gives up on a keyring that waits for something, such as a prompt that nobody answers.
func inTime(f func() (string, error)) (string, error) {
	type answer struct {
		token string
		err   error
	}
	c := make(chan answer, 1)
	go func() {
		token, err := f()
		c <- answer{token, err}
	}()
	select {
	case a := <-c:
		return a.token, a.err
	case <-time.After(keyringWait):
		return "", errKeyringSlow
	}
}

// hasSessionBus looks before asking: without a bus the D-Bus client would start one of its own.
func hasSessionBus() bool {
	if os.PathSeparator == '\\' {
		return true // Windows has its own store
	}
	if os.Getenv("DBUS_SESSION_BUS_ADDRESS") != "" {
		return true
	}
	_, err := os.Stat(filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "bus"))
	return os.Getenv("XDG_RUNTIME_DIR") != "" && err == nil
}
