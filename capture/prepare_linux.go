package capture

import (
	"os"
	"slices"
	"strings"
	"syscall"
)

const (
	// arenaMax is how many heaps glibc's allocator may have (mallopt(3), M_ARENA_MAX). By default nearly every thread
	// gets its own: codecs come and go on many threads, and what they leave behind in each heap comes to more
	// than the replay. Other C libraries have no such setting and do not need it.
	arenaMax, arenas = "MALLOC_ARENA_MAX", "2"
	// goDebug is where Go's runtime reads its settings. With schedtrace its watching thread goes its rounds every 10
	// ms. Without, it sleeps while nothing runs, is woken as soon as something does, and then looks each 20 us for a
	// while (sysmon, in runtime/proc.go): with a process that works a little and often, 2700 times a second, a
	// twentieth of all the app costs. The trace itself, one line, is due when the machine has been up for 24 days.
	goDebug, calmWatch = "GODEBUG", "schedtrace=2147483647"
	// again says that Prepare has set all this.
	again = "HINDSIGHT_PREPARED"
)

// Prepare sets the process up for capture: it saves much memory and some CPU time. It is called once, before anything
// else: what it sets is read when a program begins, so the program starts itself again in its own place, once. Where
// that fails it continues as it is.
func Prepare() {
	debug := os.Getenv(goDebug)
	if os.Getenv(again) != "" {
		// Programs that are started from here decide for themselves.
		_ = os.Unsetenv(again)
		_ = os.Unsetenv(arenaMax)
		if rest := strings.TrimSuffix(strings.TrimSuffix(debug, calmWatch), ","); rest != "" {
			_ = os.Setenv(goDebug, rest)
		} else {
			_ = os.Unsetenv(goDebug)
		}
		return
	}
	if os.Getenv(arenaMax) != "" || strings.Contains(debug, "schedtrace") {
		return // somebody is debugging it
	}
	if debug != "" {
		debug += ","
	}
	if self, err := os.Executable(); err == nil {
		env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, goDebug+"=") })
		env = append(env, arenaMax+"="+arenas, goDebug+"="+debug+calmWatch, again+"=1")
		_ = syscall.Exec(self, os.Args, env) // #nosec G204 -- this program itself, with its own arguments
	}
}
