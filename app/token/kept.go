package token

import (
	"errors"
	"os"
	"strings"

	"github.com/zalando/go-keyring"

	"github.com/hindsight-app/hindsight/app/config"
)

var errKeyringLocked = errors.New("the keyring is locked")

// Kept is where the secret with this key, config.TokenKey or config.PassphraseKey, is. It never has the user asked for
// the keyring's password.
func (t *Store) Kept(key string) config.Kept {
	if key == config.PassphraseKey {
		return t.passphrases().kept()
	}
	if strings.TrimSpace(os.Getenv(environment)) != "" {
		return config.Kept{Place: config.InEnvironment}
	}
	return t.kept()
}

func (t *Store) kept() config.Kept {
	secret, there, err := t.readFile()
	switch {
	case err != nil, secret != "":
		return config.Kept{Place: config.InFile, File: t.File}
	case there, t.NoKeyring:
		return config.Kept{}
	}
	err = t.inTurn(openKeyring, func() (err error) {
		secret, err = keyring.Get(keyringService, string(t.keeps()))
		return err
	})
	switch {
	case err == nil && secret != "":
		return config.Kept{Place: config.InKeyring}
	case err == nil, errors.Is(err, keyring.ErrNotFound), noKeyringHere(err):
		return config.Kept{}
	case errors.Is(err, errKeyringLocked):
		return config.Kept{Place: config.KeyringLocked}
	}
	return config.Kept{Place: config.KeyringSilent}
}
