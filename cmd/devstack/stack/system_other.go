//go:build unix && !linux

package stack

import "syscall"

// attributes starts a program in a process group of its own, as that user.
func attributes(as *Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Credential: as}
}
