package export

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/hindsight-app/hindsight/capture/clip"
)

// workerArgument is the only argument of a process that Run starts.
const workerArgument = "export-worker"

// PriorityVariable is the environment variable whose value "normal" has exports run like everything else, for tests: on
// a machine that is busy with others they would not come to their end.
const PriorityVariable = "HINDSIGHT_EXPORT_PRIORITY"

// Worker makes a process that Run has started do its work and exit. In all others it does nothing. Every program that
// exports calls it before anything else.
func Worker() {
	if len(os.Args) == 2 && os.Args[1] == workerArgument {
		os.Exit(work(os.Stdin, os.Stdout))
	}
}

// program is the path of the program that runs, also when its file was replaced by an update.
func program() (string, error) {
	if runtime.GOOS == "linux" {
		return "/proc/self/exe", nil
	}
	return os.Executable()
}

// work does what one order says, and returns the exit status.
func work(in io.Reader, out io.Writer) int {
	if os.Getenv(PriorityVariable) != "normal" {
		yield()
	}
	signal.Ignore(os.Interrupt) // a terminal's goes to the parent as well, which decides
	lines := bufio.NewReader(in)
	line, err := lines.ReadBytes('\n')
	if err != nil {
		return 2
	}
	var o order
	if json.Unmarshal(line, &o) != nil {
		return 2
	}
	go func() { // the end of the input is that of the parent
		_, _ = io.Copy(io.Discard, lines)
		_ = os.RemoveAll(o.Folder)
		os.Exit(2)
	}()
	var turn sync.Mutex
	encoder := json.NewEncoder(out)
	say := func(m message) {
		turn.Lock()
		defer turn.Unlock()
		_ = encoder.Encode(m) // without a parent there is nobody to tell
	}
	j := job{order: o, progress: newProgress(func(p Progress) { say(message{Progress: &p}) })}
	result, err := j.run(context.Background())
	if err != nil {
		var path *os.PathError
		var input InputError
		wrong := errors.As(err, &input)
		if errors.As(err, &path) {
			err = clip.ExplainFile(filepath.Dir(o.Folder), err)
		}
		say(message{Error: err.Error(), Input: wrong})
		return 1
	}
	say(message{Result: &result})
	return 0
}

// threads is how many an export may use: some of the processors stay free, whatever their priority says.
func threads() int { return min(max(runtime.NumCPU()/2, 1), 4) }
