package stack

import (
	"os"
	"os/exec"
	"syscall"
)

// attributes starts a program in a process group of its own, as that user, and ends it when this process ends.
func attributes(as *Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM, Credential: as}
}

// isolate has a program run in a user and a network namespace of its own, where it is root.
func isolate(cmd *exec.Cmd, file *os.File) {
	cmd.ExtraFiles = []*os.File{file}
	cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET
	cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
	cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
}
