package mounts

import (
	"bytes"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
)

// variable tells the second run that it is inside.
const variable = "HINDSIGHT_TEST_NAMESPACE"

// Inside runs the calling test once more in a mount name space of its own, where it may mount file systems whoever the
// user is (user_namespaces(7)). It is true there; where it is false, the test has passed in the other run and is over.
func Inside(t *testing.T) bool {
	t.Helper()
	if os.Getenv(variable) != "" {
		return true
	}
	runtime.LockOSThread() // the kernel kills the child when the thread that started it ends (prctl(2))
	defer runtime.UnlockOSThread()
	c := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v")
	c.Env = append(os.Environ(), variable+"=1")
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	out, err := c.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name()+" ")) {
		t.Fatalf("the test failed in a mount name space, which the kernel must allow to this user: %v\n%s", err, out)
	}
	return false
}

// Small mounts a file system of that size ("256k") over a folder of the test. Call it inside.
func Small(t *testing.T, size string) (folder string) {
	t.Helper()
	folder = t.TempDir()
	Mount(t, "tmpfs", folder, "tmpfs", "size="+size)
	return folder
}

// Mount mounts a file system for the time of the test. Whoever used it must be done before. Call it inside.
func Mount(t *testing.T, source, folder, kind, options string) {
	t.Helper()
	if err := syscall.Mount(source, folder, kind, 0, options); err != nil {
		t.Fatalf("%s cannot be mounted: %v", kind, err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(folder, 0); err != nil {
			t.Errorf("%s is still in use: %v", folder, err)
		}
	})
}
