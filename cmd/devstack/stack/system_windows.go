package stack

import (
	"errors"
	"os"
	"syscall"
)

// errNoServers says that the servers here are for Unix.
var errNoServers = errors.New("devstack's servers do not run on Windows yet; use Linux")

// Credential is who a program runs as.
type Credential struct{ Uid, Gid uint32 }

// SigStop and SigCont are not sent: Windows has no such signals.
const SigStop, SigCont = syscall.Signal(0x13), syscall.Signal(0x12)

func attributes(*Credential) *syscall.SysProcAttr { return nil }

func runAs(*Credential) *syscall.SysProcAttr { return nil }

func signalGroup(int, syscall.Signal) error { return errNoServers }

// TryLock returns an error: there is no such lock.
func TryLock(*os.File) (bool, error) { return false, errNoServers }

func closeAll([]byte) {}

func openLibrary(string) (uintptr, error) { return 0, errNoServers }
