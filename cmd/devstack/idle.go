package main

import (
	"context"
	"os"
	"strconv"
	"strings"
	"time"
)

// awaitIdle waits until the processors had at least this share of idle time over 4 s, and answers whether they had.
func awaitIdle(ctx context.Context, share float64, limit time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	idle, total := processorTime()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(4 * time.Second):
		}
		i, t := processorTime()
		if t > total && float64(i-idle) >= share*float64(t-total) {
			return true
		}
		idle, total = i, t
	}
}

// processorTime is the idle and the whole time of all processors since the start in ticks (proc(5), /proc/stat).
func processorTime() (idle, total uint64) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0
	}
	line, _, _ := strings.Cut(string(b), "\n")
	for i, text := range strings.Fields(line) {
		n, err := strconv.ParseUint(text, 10, 64)
		switch {
		case err != nil: // the word "cpu"
		case i > 8: // guest time is part of user time
		default:
			total += n
			if i == 4 || i == 5 { // idle and waiting for a disk
				idle += n
			}
		}
	}
	return idle, total
}
