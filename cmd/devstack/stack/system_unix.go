//go:build unix

package stack

import (
	"errors"
	"os"
	"syscall"

	"github.com/ebitengine/purego"
	"golang.org/x/sys/unix"
)

// Credential is who a program runs as.
type Credential = syscall.Credential

// SigStop makes a program hang, SigCont lets it go on.
const SigStop, SigCont = syscall.SIGSTOP, syscall.SIGCONT

// signalGroup sends a signal to a process group.
func signalGroup(id int, s syscall.Signal) error { return syscall.Kill(-id, s) }

// runAs makes a command run as a user.
func runAs(c *Credential) *syscall.SysProcAttr { return &syscall.SysProcAttr{Credential: c} }

// TryLock takes an exclusive lock (flock(2)), which the kernel gives back when the process ends. It returns false where
// somebody else has it.
func TryLock(f *os.File) (bool, error) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, syscall.EINTR) {
		return false, nil
	}
	return err == nil, err
}

// closeAll closes the descriptors that a message carries.
func closeAll(control []byte) {
	list, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return
	}
	for i := range list {
		fds, err := unix.ParseUnixRights(&list[i])
		if err != nil {
			continue
		}
		for _, fd := range fds {
			_ = unix.Close(fd)
		}
	}
}

func openLibrary(name string) (uintptr, error) {
	return purego.Dlopen(name, purego.RTLD_NOW|purego.RTLD_GLOBAL)
}
