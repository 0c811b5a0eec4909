// Package token keeps the access token and which server it was given for: it is never handed out for another one, and
// beside it the passphrase of end-to-end encryption. A
// Store's calls to the keyring may go on in goroutines after they have returned; there is nothing to close.
package token

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
	"unicode"

	"github.com/zalando/go-keyring"

	"github.com/hindsight-app/hindsight/app/atomicfile"
	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/desktop"
)

const (
	keyringService = "app.hindsight.Hindsight"
	keyringWait    = 5 * time.Second
)

// kind is what a Store keeps, by its name in the keyring.
type kind string

const (
	accessToken kind = "backend-token"
	passphrase  kind = "room-passphrase"
)

var errKeyringSlow = errors.New("the keyring does not respond")

// keyringTurn holds a value while a call to the keyring runs, which may wait for a prompt for hours: calls never
// overtake each other. The keyring is one for the whole process.
var keyringTurn = make(chan struct{}, 1)

// tokenFiles guards token files, which several Stores of a process may share.
var tokenFiles sync.Mutex

// Store keeps the access token in the system's keyring. Where there is none, and as long as it is locked or does not
// answer, the token is in a file that only the user can read. HINDSIGHT_TOKEN overrides both.
//
// A file that is there always holds the newest token (empty: it was removed), whatever the keyring says. It goes once
// the keyring has taken the same token. A call that the keyring has not answered in time goes on in a goroutine of its
// own, which then moves what is in the file by then; it ends with the call.
//
// What is kept is the token and, after a space, the server that it was given for, together, so that no crash can pair a
// token with another's server. Releases before kept the token alone: see Bind.
type Store struct {
	// File is used where no keyring responds.
	File string
	// NoKeyring keeps to the file.
	NoKeyring bool
	// Wait bounds how long Get and Set wait for the keyring; 0 is 5 s.
	Wait time.Duration
	// Log gets a warning when the keyring is not used; nil is the default logger.
	Log *slog.Logger

	move sync.Once // what an earlier run left in the file

	kind       kind // of the zero value: accessToken
	second     sync.Once
	passphrase *Store

	mu    sync.Mutex
	first string // the first server of this run, for a token of the environment
	bound string // what the record says; see Bind
}

// Open returns the token store that belongs to the settings in dir.
func Open(dir string) *Store {
	return &Store{File: filepath.Join(dir, "token"), NoKeyring: !hasSessionBus()}
}

// OtherServerError says that the token was given for another server than the one that it is wanted for.
type OtherServerError struct {
	// Given is the origin that the token is for, empty where none is known; Wanted is the other one.
	Given, Wanted string
}

// Error says what to do.
func (e *OtherServerError) Error() string {
	if e.Given == "" {
		return "the access token was given for another server; enter the token for " + e.Wanted
	}
	return "the access token was given for " + e.Given + "; enter the token for " + e.Wanted
}

// environment are the variables that a token may come from, and the server that goes with it.
const (
	environment       = "HINDSIGHT_TOKEN"
	environmentServer = "HINDSIGHT_SHARING_BACKEND_URL"
)

// For returns the token for a server's URL, empty when none is set. A token that was given for another server, by
// config.Origin, is never returned: then the error is an OtherServerError. A keyring that is locked or silent is an
// error as well.
func (t *Store) For(server string) (string, error) {
	secret, origin, err := t.get()
	if err != nil || secret == "" {
		return "", err
	}
	if wanted := config.Origin(server); origin == "" || origin != wanted {
		return "", &OtherServerError{origin, wanted}
	}
	return secret, nil
}

// Origin is the server that the token is for, as config.Origin; empty where no token is set, and where none is known.
func (t *Store) Origin() (string, error) {
	_, origin, err := t.get()
	return origin, err
}

// get returns the token and the origin that it is for.
func (t *Store) get() (secret, origin string, err error) {
	if env := strings.TrimSpace(os.Getenv(environment)); env != "" {
		if server := os.Getenv(environmentServer); server != "" {
			return env, config.Origin(server), nil
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		return env, t.first, nil
	}
	kept, err := t.read()
	if err != nil || kept == "" {
		return "", "", err
	}
	secret, origin, _ = strings.Cut(kept, " ")
	if origin == "" {
		origin, err = t.record()
	}
	return secret, origin, err
}

// Bind takes the server that is set when the settings are read, and when the first one is entered. A token without a
// server of its own, from a release before or set before there was any server, belongs to that one from then on: it is
// written down once, in a file beside the token's, and not changed by another server later. Without a server it does
// nothing.
func (t *Store) Bind(server string) error {
	origin := config.Origin(server)
	if origin == "" {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.first == "" {
		t.first = origin
	}
	have, err := t.recorded()
	if err != nil || have != "" {
		return err
	}
	t.bound = origin // counts in any case, until the end of this run
	err = os.MkdirAll(filepath.Dir(t.File), 0o700)
	if err == nil {
		err = atomicfile.Write(t.recordFile(), []byte(origin+"\n"), 0o600)
	}
	if err != nil {
		return fmt.Errorf("which server the access token is for could not be written down: %w", err)
	}
	return nil
}

func (t *Store) recordFile() string { return t.File + "-server" }

func (t *Store) record() (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.recorded()
}

// recorded runs under the lock.
func (t *Store) recorded() (string, error) {
	if t.bound != "" {
		return t.bound, nil
	}
	data, err := os.ReadFile(t.recordFile())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("which server the access token is for could not be read: %w", err)
	}
	t.bound = strings.TrimSpace(string(data))
	return t.bound, nil
}

// read returns what is kept: the token, and after a space its server.
func (t *Store) read() (kept string, err error) {
	kept, there, err := t.readFile()
	if err != nil {
		return "", err
	}
	if t.NoKeyring {
		return kept, nil
	}
	if there {
		t.move.Do(t.moveLater)
		return kept, nil
	}
	err = t.inTurn(unlockKeyring, func() (err error) {
		kept, err = keyring.Get(keyringService, string(t.keeps()))
		return err
	})
	switch {
	case err == nil:
		return kept, nil
	case errors.Is(err, keyring.ErrNotFound), noKeyringHere(err):
		return "", nil
	}
	t.log().Warn("a secret could not be read from the keyring", "secret", t.keeps(), "error", err)
	if t.kind == passphrase {
		return "", errors.New("the passphrase could not be read: the system's keyring is locked or does not respond; " +
			"unlock the keyring, or set the passphrase again in the settings")
	}
	return "", errors.New("the access token could not be read: the system's keyring is locked or does not respond; " +
		"unlock the keyring, or set the token again in the settings")
}

// keeps is what the Store is for.
func (t *Store) keeps() kind {
	if t.kind == "" {
		return accessToken
	}
	return t.kind
}

func (t *Store) unread(err error) error {
	if t.kind == passphrase {
		return fmt.Errorf("the passphrase could not be read: %w", err)
	}
	return fmt.Errorf("the access token could not be read: %w", err)
}

func (t *Store) unsaved(err error) error {
	if t.kind == passphrase {
		return fmt.Errorf("the passphrase could not be saved: %w", err)
	}
	return fmt.Errorf("the access token could not be saved: %w", err)
}

func (t *Store) unremoved(err error) error {
	if t.kind == passphrase {
		return fmt.Errorf("the old passphrase could not be removed: %w", err)
	}
	return fmt.Errorf("the old access token could not be removed: %w", err)
}

// passphrases is the Store of the passphrase, which is kept as the token is, but for no server.
func (t *Store) passphrases() *Store {
	t.second.Do(func() {
		t.passphrase = &Store{File: filepath.Join(filepath.Dir(t.File), "passphrase"), NoKeyring: t.NoKeyring, Wait: t.Wait,
			Log: t.Log, kind: passphrase}
	})
	return t.passphrase
}

// Passphrase is that of end-to-end encryption, empty where none is set. A keyring that is locked or silent is an error.
func (t *Store) Passphrase() (string, error) { return t.passphrases().read() }

// mostPassphrase is the most bytes that a passphrase may have.
const mostPassphrase = 1024

// SetPassphrase keeps the passphrase of end-to-end encryption; an empty one is removed.
func (t *Store) SetPassphrase(text string) error {
	text = strings.TrimSpace(text)
	if len(text) > mostPassphrase || strings.ContainsFunc(text, unicode.IsControl) {
		return fmt.Errorf("a passphrase is one line of at most %d characters", mostPassphrase)
	}
	return t.passphrases().set(text)
}

// Set keeps the token for a server's URL; an empty token is removed. Where no server is set yet, the token is for the
// first one that Bind gets. Set succeeds where the token is kept in the file.
func (t *Store) Set(token, server string) error {
	kept := strings.TrimSpace(token)
	if strings.ContainsFunc(kept, unicode.IsSpace) {
		return errors.New("an access token has no spaces in it; copy it again")
	}
	origin := config.Origin(server)
	switch {
	case kept == "":
		return t.set("")
	case origin != "":
		return t.set(kept + " " + origin)
	}
	if err := t.set(kept); err != nil {
		return err
	}
	return t.unbind() // only now: until then the record is of the token before
}

// unbind forgets which server a token without one is for, before there is another such token.
func (t *Store) unbind() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.bound = ""
	if err := os.Remove(t.recordFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("which server the old access token was for could not be removed: %w", err)
	}
	return nil
}

func (t *Store) set(kept string) error {
	if t.NoKeyring {
		return t.writeFile(kept)
	}
	// What is in the file counts, so it is never older than the keyring.
	if _, there, err := t.readFile(); err != nil || there {
		if err := t.writeFile(kept); err != nil {
			return err
		}
	}
	err := t.inTurn(unlockKeyring, func() error { return t.store(kept) }, t.settle)
	if err == nil {
		return nil
	}
	if !noKeyringHere(err) {
		t.log().Warn("the system's keyring is locked or does not respond, so a secret is kept in a file",
			"secret", t.keeps(), "file", t.File, "error", err)
	}
	return t.writeFile(kept)
}

// store gives a secret to the keyring, an empty one takes it out.
func (t *Store) store(secret string) error {
	user := string(t.keeps())
	if secret != "" {
		return keyring.Set(keyringService, user, secret)
	}
	if err := keyring.Delete(keyringService, user); err != nil && !errors.Is(err, keyring.ErrNotFound) {
		return err
	}
	return nil
}

// settle moves the newest token from the file to the keyring, which has just answered. It runs in the keyring's turn.
func (t *Store) settle() error {
	for {
		token, there, err := t.readFile()
		if err != nil || !there {
			return err
		}
		if err := t.store(token); err != nil {
			return err
		}
		if moved, err := t.dropFile(token); err != nil || moved {
			return err
		}
	}
}

// moveLater tries once to move what an earlier run had to leave in the file; nobody waits for it.
func (t *Store) moveLater() {
	go func() {
		if err := t.inTurn(unlockKeyring, t.settle); err != nil && !noKeyringHere(err) {
			t.log().Debug("a secret stays in a file", "secret", t.keeps(), "error", err)
		}
	}()
}

// inTurn makes calls to the keyring, one after the other until one fails, and gives up waiting after a while; then they
// go on alone. What waits for another call's end makes none.
func (t *Store) inTurn(calls ...func() error) error {
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
func (t *Store) readFile() (token string, there bool, err error) {
	tokenFiles.Lock()
	defer tokenFiles.Unlock()
	return t.fromFile()
}

func (t *Store) fromFile() (token string, there bool, err error) {
	data, err := os.ReadFile(t.File)
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, nil
	}
	if err != nil {
		return "", false, t.unread(err)
	}
	return strings.TrimSpace(string(data)), true, nil
}

// writeFile makes the file hold the token, also an empty one: a keyring may come back with an old token.
func (t *Store) writeFile(token string) error {
	tokenFiles.Lock()
	defer tokenFiles.Unlock()
	err := os.MkdirAll(filepath.Dir(t.File), 0o700)
	if err == nil {
		err = atomicfile.Write(t.File, []byte(token+"\n"), 0o600)
	}
	if err != nil {
		return t.unsaved(err)
	}
	return nil
}

// dropFile removes the file if the keyring's token is still the newest, and returns whether there is no file now.
func (t *Store) dropFile(stored string) (bool, error) {
	tokenFiles.Lock()
	defer tokenFiles.Unlock()
	token, there, err := t.fromFile()
	if err != nil || there && token != stored {
		return false, err
	}
	if err := os.Remove(t.File); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, t.unremoved(err)
	}
	return true, nil
}

func (t *Store) log() *slog.Logger {
	if t.Log != nil {
		return t.Log
	}
	return slog.Default()
}

// hasSessionBus looks before asking: without a bus the D-Bus client would start one of its own.
func hasSessionBus() bool {
	return runtime.GOOS == "windows" || desktop.HasBus() // Windows has its own store
}
