package apptest

import (
	"context"
	"errors"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/capture"
	"github.com/hindsight-app/hindsight/capture/clip"
)

// Marks lists the texts of all marks.
func (r *Recorder) Marks() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string{}, r.marks...)
}

// Mark implements session.Recorder.
func (r *Recorder) Mark(text string) { r.mu.Lock(); r.marks = append(r.marks, text); r.mu.Unlock() }

// Screenshot implements session.Recorder: a file whose name says which program was in front.
func (r *Recorder) Screenshot(_ context.Context, app string, f clip.Format) (string, error) {
	c := r.Config()
	path := filepath.Join(c.ClipFolder, app+"."+string(f))
	return path, errors.Join(os.MkdirAll(c.ClipFolder, 0o755), os.WriteFile(path, []byte("picture"), 0o600))
}

// Look implements session.Recorder.
func (r *Recorder) Look(_ context.Context, width, height int, _ bool) image.Image {
	return image.NewRGBA(image.Rect(0, 0, width, height))
}

// Record implements session.Recorder.
func (r *Recorder) Record(app string) (session.Recording, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := os.MkdirAll(r.cfg.ClipFolder, 0o755); err != nil {
		return nil, fmt.Errorf("the clip folder cannot be made: %w", err)
	}
	r.inFlight++
	path := filepath.Join(r.cfg.ClipFolder, "recording "+app+".mp4")
	r.recording = &Recording{recorder: r, began: time.Now(), path: path, done: make(chan struct{})}
	return r.recording, os.WriteFile(path, []byte("recording"), 0o600)
}

// Recording is the newest recording, nil when there was none.
func (r *Recorder) Recording() *Recording { r.mu.Lock(); defer r.mu.Unlock(); return r.recording }

// Recording is a file that says nothing.
type Recording struct {
	recorder *Recorder
	began    time.Time
	path     string
	done     chan struct{}
	once     sync.Once
	err      error
}

// Fail ends the recording as a full disk does.
func (r *Recording) Fail(err error) { r.end(err) }

func (r *Recording) end(err error) {
	r.once.Do(func() {
		r.err = err
		r.recorder.mu.Lock()
		r.recorder.inFlight--
		r.recorder.mu.Unlock()
		close(r.done)
	})
}

// Status implements session.Recording.
func (r *Recording) Status() capture.RecordingStatus {
	return capture.RecordingStatus{Path: r.path, Length: time.Since(r.began), Bytes: 9}
}

// Done implements session.Recording.
func (r *Recording) Done() <-chan struct{} { return r.done }

// Stop implements session.Recording.
func (r *Recording) Stop() (clip.Clip, error) {
	r.end(nil)
	return clip.Clip{Path: r.path, Seconds: time.Since(r.began).Seconds(), Bytes: 9}, r.err
}
