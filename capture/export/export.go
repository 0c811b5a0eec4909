// Package export makes files to send from clips: video of a size in bytes or in rows, cut out upright for phones,
// animated GIF and WebP images, and sound alone.
//
// The work is done by a child process: this program again, see Worker, which lowers its own priority so far that
// everything else on the machine goes first, so that no captured frame is lost. The parent holds what the child makes
// in a folder beside the file to be, gives the complete file its name, which it never takes from another file, and
// deletes the folder in any case. A child whose parent is gone does that itself. Run has goroutines only while it runs.
package export

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/hindsight-app/hindsight/capture/clip"
	"github.com/hindsight-app/hindsight/capture/mp4"
)

// Request is what to make of a clip.
type Request struct {
	// Path is the clip, which stays as it is.
	Path   string `json:"path"`
	Preset Preset `json:"preset"`
	// Limit is the most bytes of the preset Fits.
	Limit int64 `json:"limit,omitempty"`
	// From and To are moments of the clip's playing time; a To of 0 is its end.
	From time.Duration `json:"from,omitempty"`
	To   time.Duration `json:"to,omitempty"`
	// Out is the new file. Empty is a free name beside the clip.
	Out string `json:"out,omitempty"`
	// Crop is which part of the frame the preset Vertical keeps; empty is the center.
	Crop Position `json:"crop,omitempty"`
	// Codec is how the presets of a number of rows, and Vertical, are encoded; empty is H264.
	Codec Codec `json:"codec,omitempty"`
	// Sound is the format of the preset Audio; empty is M4A.
	Sound SoundFormat `json:"sound,omitempty"`
	// AllTracks keeps all sound tracks beside the mix, in MP4 files.
	AllTracks bool `json:"all_tracks,omitempty"`
}

// Progress is how far an export is.
type Progress struct {
	// Fraction is 0 to 1.
	Fraction float64 `json:"fraction"`
	// LeftSeconds is about how long it still takes; negative while that is unknown.
	LeftSeconds float64 `json:"left_seconds"`
}

// Result is the new file.
type Result struct {
	Path    string  `json:"path"`
	Bytes   int64   `json:"bytes"`
	Seconds float64 `json:"seconds"`
	// Width and Height are in pixels, FrameRate in frames a second; all are 0 for sound.
	Width     int     `json:"width,omitempty"`
	Height    int     `json:"height,omitempty"`
	FrameRate float64 `json:"frame_rate,omitempty"`
	// Encoder is what encoded the video.
	Encoder string `json:"encoder,omitempty"`
	// Attempts is how often the video was encoded until its size was right; 0 where that does not matter.
	Attempts int `json:"attempts,omitempty"`
}

// InputError is an error of what was asked for: a file that is no clip, or a part that is not in it.
type InputError struct{ Message string }

// Error implements error.
func (e InputError) Error() string { return e.Message }

func inputError(format string, args ...any) error { return InputError{fmt.Sprintf(format, args...)} }

// order is what the child is asked for: a line of JSON on its standard input.
type order struct {
	Request
	Folder string `json:"folder"`
}

// made is the name of the finished file in the folder of an order.
const made = "export"

// message is a line of JSON that the child writes.
type message struct {
	Progress *Progress `json:"progress,omitempty"`
	Result   *Result   `json:"result,omitempty"`
	Error    string    `json:"error,omitempty"`
	Input    bool      `json:"input,omitempty"` // the error is an InputError
}

// Run exports a clip and reports how far it is, from a goroutine of its own. When the context ends, or anything fails,
// nothing is left. The error is a message, an InputError where the request is at fault.
func Run(ctx context.Context, r Request, report func(Progress)) (Result, error) {
	if err := r.check(); err != nil {
		return Result{}, err
	}
	beside := r.Path
	if r.Out != "" {
		beside = r.Out
		if _, err := os.Lstat(r.Out); err == nil {
			return Result{}, exists(r.Out)
		}
	}
	folder := filepath.Dir(beside)
	work, err := os.MkdirTemp(folder, mp4.TempPrefix+"export-*"+mp4.TempSuffix)
	if err != nil {
		return Result{}, clip.ExplainFile(folder, err)
	}
	stop := keepFresh(work)
	result, err := runWorker(ctx, order{r, work}, report)
	stop()
	if err == nil {
		result.Path, err = publish(filepath.Join(work, made), r)
	}
	if info, e := os.Stat(result.Path); err == nil && e == nil {
		result.Bytes = info.Size() // with the mark
	}
	if e := os.RemoveAll(work); err == nil && e != nil {
		err = clip.ExplainFile(folder, e)
	}
	if err != nil {
		return Result{}, err
	}
	return result, nil
}

// freshEvery is how often the folder of an export gets the present time.
var freshEvery = time.Minute

// keepFresh gives a folder the present time again and again until stop is called. A folder whose time stays is one that
// a crash left, see clip.RemoveStale, and its files are written without changing it.
func keepFresh(folder string) (stop func()) {
	ended := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		ticker := time.NewTicker(freshEvery)
		defer ticker.Stop()
		for {
			select {
			case now := <-ticker.C:
				_ = os.Chtimes(folder, now, now) // the next may work
			case <-ended:
				return
			}
		}
	})
	return func() {
		close(ended)
		running.Wait()
	}
}

func exists(path string) error { return inputError("%s already exists; use another name", path) }

// publish gives the finished file its name.
func publish(temp string, r Request) (path string, err error) {
	if err := clip.MarkExport(temp); err != nil {
		return "", clip.ExplainFile(filepath.Dir(r.Path), err)
	}
	if path = r.Out; path != "" {
		err = mp4.Publish(temp, path)
	} else {
		path, err = clip.Free(r.Path, r.suffix(), r.ending(), func(path string) error { return mp4.Publish(temp, path) })
	}
	switch {
	case err == nil:
		return path, nil
	case errors.Is(err, fs.ErrExist):
		return "", exists(path)
	}
	return "", clip.ExplainFile(filepath.Dir(path), err)
}

// tail keeps the end of what is written to it.
type tail struct{ b []byte }

func (t *tail) Write(b []byte) (int, error) {
	const most = 4 << 10
	t.b = append(t.b, b...)
	t.b = t.b[max(0, len(t.b)-most):]
	return len(b), nil
}

// runWorker has a child process do the work.
func runWorker(ctx context.Context, o order, report func(Progress)) (Result, error) {
	self, err := program()
	if err != nil {
		return Result{}, fmt.Errorf("this program does not find itself, which it needs to export: %w", err)
	}
	c := exec.CommandContext(ctx, self, workerArgument) // #nosec G204 -- this program
	c.Args[0] = os.Args[0]
	var said tail
	c.Stderr = &said
	in, err := c.StdinPipe() // open as long as this process lives
	if err != nil {
		return Result{}, err
	}
	out, err := c.StdoutPipe()
	if err != nil {
		return Result{}, err
	}
	if err := c.Start(); err != nil {
		return Result{}, fmt.Errorf("the export could not be started: %w", err)
	}
	text, err := json.Marshal(o)
	if err == nil {
		_, err = in.Write(append(text, '\n'))
	}
	result, told := listen(out, report)
	_, _ = io.Copy(io.Discard, out)
	ended := errors.Join(in.Close(), c.Wait())
	switch {
	case ctx.Err() != nil:
		return Result{}, ctx.Err()
	case told != nil:
		return Result{}, told
	case result != nil:
		return *result, nil
	}
	return Result{}, fmt.Errorf("the export stopped unexpectedly (%w) %s", errors.Join(err, ended),
		strings.TrimSpace(string(bytes.ToValidUTF8(said.b, nil))))
}

// listen reads what the child reports until its end.
func listen(out io.Reader, report func(Progress)) (*Result, error) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var m message
		if json.Unmarshal(lines.Bytes(), &m) != nil {
			continue // of a library
		}
		switch {
		case m.Progress != nil && report != nil:
			report(*m.Progress)
		case m.Input:
			return nil, InputError{m.Error}
		case m.Error != "":
			return nil, errors.New(m.Error)
		case m.Result != nil:
			return m.Result, nil
		}
	}
	return nil, nil
}
