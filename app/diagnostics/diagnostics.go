// Package diagnostics keeps what helps when something goes wrong: the log, in a file that stays small and in memory for
// the window; the report of a crash, which the next start finds; and a text about all of it that can be given to
// others, without secrets, titles of windows, names of rooms and servers, and without the user's name.
//
// A Log is an io.Writer for log/slog. It has no goroutines; Close closes its files. The files are in the user's state
// folder and readable by the user alone.
package diagnostics

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/adrg/xdg"
)

const (
	logName    = "hindsight.log"
	oldLogName = "hindsight.old.log"
	crashName  = "crash.txt"
	// maxLog is how long the file gets, in bytes, before it becomes the old one.
	maxLog = 1 << 20
	// maxLines are kept in memory.
	maxLines = 500
	// maxCrashes are kept, and maxCrash is how much of one is shown, in bytes.
	maxCrashes, maxCrash = 5, 64 << 10
)

// Dir is the folder of log and crash reports: hindsight in XDG_STATE_HOME.
func Dir() string { return filepath.Join(xdg.StateHome, "hindsight") }

// Log is where log lines go. All methods may be called from any goroutine.
type Log struct {
	output io.Writer

	mu      sync.Mutex
	lines   []string
	part    []byte // of a line that is not whole yet
	dir     string
	file    *os.File
	size    int64
	crash   *os.File
	changed func()
}

// New makes a log that also goes to output.
func New(output io.Writer) *Log { return &Log{output: output} }

// Keep begins the file in a folder, and the file that a crash of this process is written to; the report of a crash
// before becomes one of Crashes. One process of a user may do so at a time.
func (l *Log) Keep(dir string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("the folder for the log could not be made: %w", err)
	}
	l.dir = dir
	if err := l.open(); err != nil {
		return err
	}
	for _, line := range l.lines { // from before the file was there
		n, _ := l.file.WriteString(line + "\n")
		l.size += int64(n)
	}
	keepCrash(dir)
	crash, err := os.OpenFile(filepath.Join(dir, crashName), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err == nil {
		l.crash = crash
		err = debug.SetCrashOutput(crash, debug.CrashOptions{})
	}
	if err != nil {
		return fmt.Errorf("a crash could not be reported: %w", err)
	}
	return nil
}

func (l *Log) open() error {
	f, err := os.OpenFile(filepath.Join(l.dir, logName), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("the log file could not be opened: %w", err)
	}
	l.file, l.size = f, 0
	if info, err := f.Stat(); err == nil {
		l.size = info.Size()
	}
	return nil
}

// keepCrash gives the report of the process before a name of its own.
func keepCrash(dir string) {
	path := filepath.Join(dir, crashName)
	info, err := os.Stat(path)
	if err != nil || info.Size() == 0 {
		return
	}
	_ = os.Rename(path, filepath.Join(dir, "crash-"+info.ModTime().Format("20060102-150405")+".txt"))
	old := crashFiles(dir)
	for len(old) > maxCrashes {
		_ = os.Remove(old[0])
		old = old[1:]
	}
}

// crashFiles are those of earlier processes, the oldest first.
func crashFiles(dir string) []string {
	found, _ := filepath.Glob(filepath.Join(dir, "crash-*.txt"))
	slices.Sort(found)
	return found
}

// Follow has changed called after each new line, from the goroutine that logs; nil ends that.
func (l *Log) Follow(changed func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changed = changed
}

// Write implements io.Writer.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	l.part = append(l.part, p...)
	for {
		i := bytes.IndexByte(l.part, '\n')
		if i < 0 {
			break
		}
		l.lines = append(l.lines, string(l.part[:i]))
		l.part = l.part[i+1:]
	}
	if more := len(l.lines) - maxLines; more > 0 {
		l.lines = slices.Delete(l.lines, 0, more)
	}
	if l.file != nil {
		n, _ := l.file.Write(p) // a full disk is reported where it matters
		if l.size += int64(n); l.size > maxLog {
			l.file.Close()
			_ = os.Rename(filepath.Join(l.dir, logName), filepath.Join(l.dir, oldLogName))
			if l.open() != nil {
				l.file = nil
			}
		}
	}
	changed := l.changed
	l.mu.Unlock()
	if changed != nil {
		changed()
	}
	return l.output.Write(p)
}

// Lines are the last lines of the log, the oldest first.
func (l *Log) Lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines)
}

// Folder is where the files are, empty before Keep.
func (l *Log) Folder() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dir
}

// Crash is a report of a process that ended by a crash.
type Crash struct {
	At   time.Time
	Path string
	Text string
}

// Crashes are the reports of earlier processes, the newest first.
func (l *Log) Crashes() []Crash {
	var out []Crash
	for _, path := range crashFiles(l.Folder()) {
		data, err := os.ReadFile(path)
		info, statErr := os.Stat(path)
		if err != nil || statErr != nil {
			continue
		}
		out = append(out, Crash{info.ModTime(), path, string(data[:min(len(data), maxCrash)])})
	}
	slices.Reverse(out)
	return out
}

// Close ends the files. An empty crash report is removed.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changed = nil
	if l.crash != nil {
		_ = debug.SetCrashOutput(nil, debug.CrashOptions{})
		l.crash.Close()
		if info, err := os.Stat(l.crash.Name()); err == nil && info.Size() == 0 {
			_ = os.Remove(l.crash.Name())
		}
		l.crash = nil
	}
	if l.file != nil {
		l.file.Close()
		l.file = nil
	}
	return nil
}

// redact takes out of a text what is nobody else's business: the words in private (the token, names of rooms, titles of
// windows), tokens and passwords wherever they stand, addresses of servers, names in quotation marks, and the home
// folder.
func redact(text string, private []string) string {
	words := slices.Clone(private)
	slices.SortFunc(words, func(a, b string) int { return len(b) - len(a) }) // the longest first
	for _, w := range words {
		if len(strings.TrimSpace(w)) > 1 {
			text = strings.ReplaceAll(text, w, hidden)
		}
	}
	for _, s := range secrets {
		text = s.is.ReplaceAllString(text, s.with)
	}
	if home := filepath.Clean(xdg.Home); len(home) > 1 {
		text = strings.ReplaceAll(text, home, "~")
	}
	return text
}
