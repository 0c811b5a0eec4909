//go:build !linux && !darwin && !freebsd

package state

import (
	"errors"
	"io"
)

func lockFile(string) (io.Closer, error) {
	return nil, errors.New("a service on SQLite is not supported on this system; use PostgreSQL with --database")
}
