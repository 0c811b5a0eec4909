//go:build cgo || windows

package app

import (
	"github.com/hindsight-app/hindsight/app/hotkey"
	_ "github.com/hindsight-app/hindsight/app/hotkey/precheck" // says at start that there is no display
	"github.com/hindsight-app/hindsight/app/hotkey/x11"
)

func displayBinder() hotkey.Binder { return x11.New() }
