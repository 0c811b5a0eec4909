package config

// KeptPlace is where a secret is kept that is not in the settings file.
type KeptPlace int

// The places.
const (
	NotKept       KeptPlace = iota // none is set
	InKeyring                      // the system's
	InFile                         // where no keyring responds
	InEnvironment                  // a variable, which overrides what is kept
	KeyringLocked                  // nobody knows, for the keyring is locked
	KeyringSilent                  // nor where it does not respond
)

// Kept is the place of a secret.
type Kept struct {
	Place KeptPlace
	// File is set for InFile.
	File string
}
