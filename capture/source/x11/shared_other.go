//go:build !linux

package x11

import "errors"

type sharedID int

func newShared(int) ([]byte, sharedID, error) { return nil, 0, errors.ErrUnsupported }

func freeShared([]byte) error { return nil }

func (sharedID) remove() {}
