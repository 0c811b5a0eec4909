//go:build !linux

package stack

import (
	"os"
	"os/exec"
)

// isolate is never called: only Link asks for it.
func isolate(*exec.Cmd, *os.File) {}
