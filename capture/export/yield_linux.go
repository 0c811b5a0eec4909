package export

import (
	"os"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	schedIdle = 5 // SCHED_IDLE, linux/sched.h
	// ioprioIdle is IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0), ioprioProcess IOPRIO_WHO_PROCESS (linux/ioprio.h).
	ioprioIdle, ioprioProcess = 3 << 13, 1
)

// yield has this process run only where nothing else wants the processor or the disk, and be the first to go when
// memory runs out. What cannot be set stays. New threads are like those that start them.
func yield() {
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("500"), 0)
	done := map[string]bool{}
	for again := true; again; {
		again = false
		tasks, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return
		}
		for _, t := range tasks {
			id, err := strconv.Atoi(t.Name())
			if err != nil || done[t.Name()] {
				continue
			}
			done[t.Name()], again = true, true
			_ = unix.Setpriority(unix.PRIO_PROCESS, id, 19)
			attr := unix.SchedAttr{Size: uint32(unsafe.Sizeof(unix.SchedAttr{})), Policy: schedIdle, Nice: 19}
			_ = unix.SchedSetAttr(id, &attr, 0)
			_, _, _ = unix.Syscall(unix.SYS_IOPRIO_SET, ioprioProcess, uintptr(id), ioprioIdle)
		}
	}
}
