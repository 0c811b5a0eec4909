package capture

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/ebitengine/purego"
	"github.com/stretchr/testify/require"
)

// Threads share few heaps of the C library. Each setting needs a process of its own: heaps stay.
func TestPrepareBoundsTheHeapsOfTheCLibrary(t *testing.T) {
	const child = "HINDSIGHT_TEST_PREPARE"
	if mode := os.Getenv(child); mode != "" {
		if mode == "yes" {
			for range 2 { // it may be called again
				require.True(t, Prepare(), "the C library takes the setting")
			}
		}
		fmt.Printf("heaps=%d\n", heaps(t, 24))
		return
	}
	count := func(mode string) int {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), child+"="+mode)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		_, text, _ := strings.Cut(string(out), "heaps=")
		text, _, _ = strings.Cut(text, "\n")
		n, err := strconv.Atoi(text)
		require.NoError(t, err, "%s", out)
		return n
	}
	// Those that Go's own threads had before stay.
	require.Less(t, count("yes"), count("no"), "without it each thread has its own")
}

// heaps allocates on so many threads at once, and counts the heaps that the memory lies in. Those of threads begin at
// multiples of 64 MiB (malloc/arena.c of glibc: HEAP_MAX_SIZE, 64-bit). The threads stay for as long as the process.
func heaps(t *testing.T, threads int) int {
	malloc, err := purego.Dlsym(purego.RTLD_DEFAULT, "malloc")
	require.NoError(t, err)
	var mu sync.Mutex
	var done, running sync.WaitGroup
	found := map[uintptr]bool{}
	running.Add(threads)
	done.Add(threads)
	for range threads {
		go func() {
			runtime.LockOSThread()
			running.Done()
			running.Wait()
			at, _, _ := purego.SyscallN(malloc, 64)
			mu.Lock()
			found[at>>26] = true
			mu.Unlock()
			done.Done()
			select {}
		}()
	}
	done.Wait()
	return len(found)
}
