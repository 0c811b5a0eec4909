package main

import (
	"context"
	"os"
	"strconv"
	"strings"
	"time"
)

// mostStolen is the share of the processors' time that the host of a virtual machine may give to others before a
// measurement in real time says nothing.
const mostStolen = 0.02

// processors is the time of all processors since the start in ticks (proc(5), /proc/stat).
type processors struct {
	idle, stolen, total uint64
}

// since returns the shares of the time since an earlier moment in which the machine was idle, and in which the
// machine's host did something else.
func (p processors) since(from processors) (idle, stolen float64) {
	total := float64(p.total - from.total)
	if p.total <= from.total {
		return 1, 0
	}
	return float64(p.idle-from.idle) / total, float64(p.stolen-from.stolen) / total
}

// awaitIdle waits until the processors had at least this share of idle time over 4 s, with next to none stolen, and
// returns whether they had.
func awaitIdle(ctx context.Context, share float64, limit time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	from := processorTime()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(4 * time.Second):
		}
		to := processorTime()
		if idle, stolen := to.since(from); idle >= share && stolen <= mostStolen {
			return true
		}
		from = to
	}
}

func processorTime() (p processors) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return p
	}
	line, _, _ := strings.Cut(string(b), "\n")
	for i, text := range strings.Fields(line) {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil || i > 8 { // the word "cpu"; guests' time is part of user time
			continue
		}
		p.total += n
		switch i {
		case 4, 5: // idle, and waiting for a disk
			p.idle += n
		case 8:
			p.stolen += n
		}
	}
	return p
}
