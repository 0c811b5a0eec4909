package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
)

// watchTree measures what the children of a process cost, those left out that ran before.
func watchTree(ctx context.Context, p *stack.Proc, before map[int]time.Duration, d time.Duration) (cores, mib float64,
	err error) {
	began := time.Now()
	first, err := treeTime(p.PID(), before)
	if err != nil {
		return 0, 0, err
	}
	used := map[int]time.Duration{}
	for time.Since(began) < d {
		if err := pause(ctx, p, time.Second); err != nil {
			return 0, 0, err
		}
		now, err := treeTime(p.PID(), before)
		if err != nil {
			return 0, 0, err
		}
		var memory float64
		for pid, t := range now {
			used[pid] = t - first[pid] // a process that ends keeps what it had used by then
			memory += sharedMiB(pid)
		}
		mib = max(mib, memory)
	}
	var sum time.Duration
	for _, t := range used {
		sum += t
	}
	return sum.Seconds() / time.Since(began).Seconds(), mib, nil
}

// treeTime returns the CPU time of a process and all below it, but for those in without.
func treeTime(root int, without map[int]time.Duration) (map[int]time.Duration, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	children := map[int][]int{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if b, err := os.ReadFile(filepath.Join("/proc", e.Name(), "stat")); err == nil {
			// The parent is the second field after the name, which is in brackets (proc(5)).
			fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
			if parent, err := strconv.Atoi(fields[1]); err == nil {
				children[parent] = append(children[parent], pid)
			}
		}
	}
	out := map[int]time.Duration{}
	for todo := []int{root}; len(todo) > 0; todo = todo[1:] {
		todo = append(todo, children[todo[0]]...)
		if _, known := without[todo[0]]; known {
			continue
		}
		if t, err := cpuTime(todo[0]); err == nil {
			out[todo[0]] = t
		}
	}
	return out, nil
}

// sharedMiB is a process's memory now with its share of what it has in common with others, in MiB (proc(5), Pss in
// /proc/pid/smaps_rollup).
func sharedMiB(pid int) float64 {
	return fieldMiB(fmt.Sprintf("/proc/%d/smaps_rollup", pid), "Pss:")
}

// fieldMiB is a field of kilobytes in a file of /proc, in MiB, and 0 where it cannot be read.
func fieldMiB(path, field string) float64 {
	b, _ := os.ReadFile(path)
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, field); ok {
			kb, _ := strconv.ParseFloat(strings.Fields(v)[0], 64)
			return kb / 1024
		}
	}
	return 0
}
