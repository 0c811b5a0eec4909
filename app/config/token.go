package config

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/zalando/go-keyring"

	"github.com/hindsight-app/hindsight/app/atomicfile"
	"github.com/hindsight-app/hindsight/app/desktop"
)

const (
	keyringService = "app.hindsight.Hindsight"
	keyringUser    = "backend-token"
	keyringWait    = 5 * time.Second
)

var errKeyringSlow = errors.New("the keyring does not respond")

// keyringTurn holds a value while a call to the keyring runs, which may wait for a prompt for hours: calls never
// overtake each other. The keyring is one for the whole process.
var keyringTurn = make(chan struct{}, 1)

// tokenFiles guards token files, which several Tokens of a process may share.
var tokenFiles sync.Mutex

// Tokens keeps the user token of the backend in the system's keyring. Where there is none, and as long as it is locked
// or does not answer, the token is in a file that only the user can read. HINDSIGHT_TOKEN overrides both.
//
// A file that is there always holds the newest token (empty: it was removed), whatever the keyring says. It goes once
// the keyring has taken the same token. A call that the keyring has not answered in time goes on in a goroutine of its
// own, which then moves what is in the file by then; it ends with the call.
type Tokens struct {
	// File is used where no keyring responds.
	File string
	// NoKeyring keeps to the file.
	NoKeyring bool
	// Wait bounds how long Get and Set wait for the keyring; 0 is 5 s.
	Wait time.Duration
	// Log gets a warning when the keyring is not used; nil is the default logger.
	Log *slog.Logger

	move sync.Once // what an earlier run left in the file
}

// OpenTokens returns the token store that belongs to the settings in dir.
func OpenTokens(dir string) *Tokens {
	return &Tokens{File: filepath.Join(dir, "token"), NoKeyring: !hasSessionBus()}
}

// Get returns the token, empty when none is set. A keyring that is locked or silent is an error.
func (t *Tokens) Get() (string, error) {
	if env := os.Getenv("HINDSIGHT_TOKEN"); env != "" {
		return env, nil
	}
	token, there, err := t.readFile()
	if err != nil {
		return "", err
	}
	if t.NoKeyring {
		return token, nil
	}
	if there {
		t.move.Do(t.moveLater)
		return token, nil
	}
	err = t.inTurn(unlockKeyring, func() (err error) {
		token, err = keyring.Get(keyringService, keyringUser)
		return err
	})
	switch {
	case err == nil:
		return token, nil
	case errors.Is(err, keyring.ErrNotFound), noKeyringHere(err):
		return "", nil
	}
	t.log().Warn("the access token could not be read from the keyring", "error", err)
	return "", errors.New("the access token could not be read: the system's keyring is locked or does not respond; " +
		"unlock the keyring, or set the token again in the settings")
}

// Set keeps the token; an empty one is removed. It succeeds where the token is kept in the file.
func (t *Tokens) Set(token string) error {
	if t.NoKeyring {
		return t.writeFile(token)
	}
	// What is in the file counts, so it is never older than the keyring.
	if _, there, err := t.readFile(); err != nil || there {
		if err := t.writeFile(token); err != nil {
			return err
		}
	}
	err := t.inTurn(unlockKeyring, func() error { return store(token) }, t.settle)
	if err == nil {
		return nil
	}
	if !noKeyringHere(err) {
		t.log().Warn("the system's keyring is locked or does not respond, so the access token is kept in a file",
			"file", t.File, "error", err)
	}
	return t.writeFile(token)
}

// store gives a token to the keyring, an empty one takes it out.
func store(token string) error {
	if token != "" {
		return keyring.Set(keyringService, keyringUser, token)
	}
	if err := keyring.Delete(keyringService, keyringUser); err != nil && !errors.Is(err, keyring.ErrNotFound) {
		return err
	}
	return nil
}

// settle moves the newest token from the file to the keyring, which has just answered. It runs in the keyring's turn.
func (t *Tokens) settle() error {
	for {
		token, there, err := t.readFile()
		if err != nil || !there {
			return err
		}
		if err := store(token); err != nil {
			return err
		}
		if moved, err := t.dropFile(token); err != nil || moved {
			return err
		}
	}
}

// moveLater tries once to move what an earlier run had to leave in the file; nobody waits for it.
func (t *Tokens) moveLater() {
	go func() {
		if err := t.inTurn(unlockKeyring, t.settle); err != nil && !noKeyringHere(err) {
			t.log().Debug("the access token stays in a file", "error", err)
		}
	}()
}

// inTurn makes calls to the keyring, one after the other until one fails, and gives up waiting after a while; then they
// go on alone. What waits for another call's end makes none.
func (t *Tokens) inTurn(calls ...func() error) error {
	wait := t.Wait
	if wait == 0 {
		wait = keyringWait
	}
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	select {
	case keyringTurn <- struct{}{}:
	case <-ctx.Done():
		return errKeyringSlow
	}
	done := make(chan error, 1)
	go func() {
		defer func() { <-keyringTurn }()
		for _, call := range calls {
			if err := call(); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return errKeyringSlow
	}
}

// noKeyringHere is whether nothing on this system keeps secrets.
func noKeyringHere(err error) bool {
	text := err.Error() // the D-Bus client's errors have no type for it
	return errors.Is(err, keyring.ErrUnsupportedPlatform) ||
		strings.Contains(text, "org.freedesktop.secrets was not provided") ||
		strings.Contains(text, "ServiceUnknown")
}

// readFile returns the token in the file, and whether there is a file.
func (t *Tokens) readFile() (token string, there bool, err error) {
	tokenFiles.Lock()
	defer tokenFiles.Unlock()
	return t.read()
}

func (t *Tokens) read() (token string, there bool, err error) {
	data, err := os.ReadFile(t.File)
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("the access token could not be read: %w", err)
	}
	return strings.TrimSpace(string(data)), true, nil
}

// writeFile makes the file hold the token, also an empty one: a keyring may come back with an old token.
func (t *Tokens) writeFile(token string) error {
	tokenFiles.Lock()
	defer tokenFiles.Unlock()
	err := os.MkdirAll(filepath.Dir(t.File), 0o700)
	if err == nil {
		err = atomicfile.Write(t.File, []byte(token+"\n"), 0o600)
	}
	if err != nil {
		return fmt.Errorf("the access token could not be saved: %w", err)
	}
	return nil
}

// dropFile removes the file if the keyring's token is still the newest, and returns whether there is no file now.
func (t *Tokens) dropFile(stored string) (bool, error) {
	tokenFiles.Lock()
	defer tokenFiles.Unlock()
	token, there, err := t.read()
	if err != nil || there && token != stored {
		return false, err
	}
	if err := os.Remove(t.File); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("the old access token could not be removed: %w", err)
	}
	return true, nil
}

func (t *Tokens) log() *slog.Logger {
	if t.Log != nil {
		return t.Log
	}
	return slog.Default()
}

// hasSessionBus looks before asking: without a bus the D-Bus client would start one of its own.
func hasSessionBus() bool {
	return runtime.GOOS == "windows" || desktop.HasBus() // Windows has its own store
}
