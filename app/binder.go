//go:build cgo || windows

package app

import (
	"github.com/hindsight-app/hindsight/app/hotkey"
	"github.com/hindsight-app/hindsight/app/hotkey/x11"
)

func displayBinder() hotkey.Binder { return x11.New() }
