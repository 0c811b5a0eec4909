package stack

import "syscall"

// attributes starts a program in a process group of its own, as that user, and ends it when this process ends.
func attributes(as *Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM, Credential: as}
}
