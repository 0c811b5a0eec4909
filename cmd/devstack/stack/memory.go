package stack

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// ErrNoGroup means that this user or this machine cannot make control groups.
var ErrNoGroup = errors.New("no control group with a memory limit can be made here; run as root, outside a container")

// MemoryGroup is a control group of the kernel, version 1 or 2, whose programs together may use so much memory, page
// cache included; above it the kernel kills one of them.
type MemoryGroup struct {
	dir string
	v2  bool
}

// NewMemoryGroup makes a group limited to so many bytes.
func NewMemoryGroup(limit int64) (*MemoryGroup, error) {
	const root = "/sys/fs/cgroup"
	name := "hindsight-" + strings.ToLower(rand.Text()[:8])
	for _, g := range []struct {
		dir, file string
		v2        bool
	}{{filepath.Join(root, "memory"), "memory.limit_in_bytes", false}, {root, "memory.max", true}} {
		if g.v2 { // asks for the controller; most machines have it on
			_ = writeExisting(filepath.Join(root, "cgroup.subtree_control"), "+memory")
		}
		dir := filepath.Join(g.dir, name)
		if os.Mkdir(dir, 0o755) != nil {
			continue
		}
		if writeExisting(filepath.Join(dir, g.file), strconv.FormatInt(limit, 10)) == nil {
			return &MemoryGroup{dir: dir, v2: g.v2}, nil
		}
		_ = os.Remove(dir)
	}
	return nil, ErrNoGroup
}

// writeExisting writes to one of the kernel's files. In a folder that is no group's, as /sys/fs/cgroup is with version
// 1, there is none, and none may be made.
func writeExisting(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// Wrap writes a script into dir that joins the group and becomes the program. It returns its path.
func (g *MemoryGroup) Wrap(dir, program string) (string, error) {
	path := filepath.Join(dir, "limited-"+filepath.Base(program))
	script := fmt.Sprintf("#!/bin/sh\necho $$ > '%s/cgroup.procs' && exec '%s' \"$@\"\n", g.dir, program)
	return path, os.WriteFile(path, []byte(script), 0o755)
}

// Peak is the most memory that the group had so far, page cache included.
func (g *MemoryGroup) Peak() (int64, error) {
	file := "memory.max_usage_in_bytes"
	if g.v2 {
		file = "memory.peak"
	}
	b, err := os.ReadFile(filepath.Join(g.dir, file))
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
}

// Killed is how many programs of the group the kernel has killed for want of memory.
func (g *MemoryGroup) Killed() (int64, error) {
	file := "memory.oom_control"
	if g.v2 {
		file = "memory.events"
	}
	return field(filepath.Join(g.dir, file), "oom_kill")
}

// Close removes the group, whose programs must have ended.
func (g *MemoryGroup) Close() error {
	var err error
	for range 100 { // the kernel may still be tidying up after the last program
		if err = os.Remove(g.dir); err == nil || errors.Is(err, os.ErrNotExist) {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return err
}

// PeakMemory is the most memory in bytes that a process had in RAM so far, with what it maps of files (proc(5), VmHWM).
func PeakMemory(pid int) (int64, error) {
	kib, err := field(fmt.Sprintf("/proc/%d/status", pid), "VmHWM:")
	return kib << 10, err
}

// field reads a number from a file with lines of "key number".
func field(path, key string) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if words := strings.Fields(s.Text()); len(words) > 1 && words[0] == key {
			return strconv.ParseInt(words[1], 10, 64)
		}
	}
	return 0, fmt.Errorf("%s has no %s", path, key)
}
