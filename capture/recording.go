package capture

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hindsight-app/hindsight/capture/clip"
	"github.com/hindsight-app/hindsight/capture/fanout"
	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/capture/mp4"
)

// recordingQueue is how many packets a recording may be behind the disk: about half a minute.
const recordingQueue = 2048

// errNothingRecorded says that a recording ended before the first frame.
var errNothingRecorded = errors.New("nothing was recorded: there was no video yet")

// RecordingStatus is what a recording is doing.
type RecordingStatus struct {
	// Path is the file, empty before the first frame.
	Path string
	// Length is how much is recorded, Bytes what it takes.
	Length time.Duration
	Bytes  int64
	// Dropped counts packets that the disk was too slow for.
	Dropped uint64
}

// Recording writes what is captured from now on to a file, until it is stopped; pauses are left out. It has one
// goroutine. A full disk ends it by itself; what was recorded until then is kept.
type Recording struct {
	recorder *Recorder
	reader   *fanout.Reader
	began    time.Duration // on the time line without pauses
	cancel   context.CancelFunc
	done     chan struct{}

	mu     sync.Mutex
	status RecordingStatus
	clip   clip.Clip
	err    error
}

// Record begins a recording; app is what {app} in the file's name stands for. The error is a message.
func (r *Recorder) Record(app string) (*Recording, error) {
	r.change.Lock() // not while it is being closed
	defer r.change.Unlock()
	if r.closed {
		return nil, errors.New("the recorder is closed")
	}
	c, _ := r.now()
	file, err := c.place().NewRecording(context.Background(), c.request(app, time.Now()))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	rec := &Recording{
		recorder: r, began: r.pauses.At(r.Now()), cancel: cancel, done: make(chan struct{}),
		reader: r.kept.NewReader(recordingQueue, media.Video, media.AAC, media.DesktopAAC, media.MicAAC),
	}
	r.mu.Lock()
	r.recordings[rec] = struct{}{}
	r.mu.Unlock()
	r.RequestKeyframe()
	go rec.run(ctx, file)
	return rec, nil
}

// run writes until it is stopped or cannot go on, and ends the file.
func (rec *Recording) run(ctx context.Context, file *clip.Recording) {
	defer close(rec.done)
	var failure error
	for failure == nil {
		p, err := rec.reader.Read(ctx)
		if err != nil {
			break
		}
		failure = file.Add(p)
		rec.mu.Lock()
		rec.status = RecordingStatus{Path: file.Path(), Length: file.Length(), Bytes: file.Bytes(),
			Dropped: rec.reader.Dropped()}
		rec.mu.Unlock()
	}
	if failure == nil {
		failure = rec.addLate(file)
	}
	_ = rec.reader.Close() // always nil
	c, err := file.Close(rec.recorder.chapters(rec.began))
	if errors.Is(err, mp4.ErrEmpty) {
		err = errNothingRecorded
	}
	if failure != nil {
		err = failure // the first one says what happened
	}
	rec.finish(c, err)
}

// addLate adds the sound that was still in flight when the recording was stopped.
func (rec *Recording) addLate(file *clip.Recording) error {
	ctx, cancel := context.WithTimeout(context.Background(), lateWait)
	defer cancel()
	for c, _ := rec.recorder.now(); rec.recorder.HasSound() && !c.Paused && file.SoundLags() > 0; {
		p, err := rec.reader.Read(ctx)
		if err != nil {
			return nil
		}
		if p.Track == media.Video {
			continue
		}
		if err := file.Add(p); err != nil {
			return err
		}
	}
	return nil
}

func (rec *Recording) finish(c clip.Clip, err error) {
	r := rec.recorder
	r.mu.Lock()
	delete(r.recordings, rec)
	config := r.config
	r.mu.Unlock()
	r.saved("recording", config, c, err)
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.clip, rec.err = c, err
}

// Status returns at once.
func (rec *Recording) Status() RecordingStatus {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return rec.status
}

// Done is closed when the recording has ended, by Stop or by itself.
func (rec *Recording) Done() <-chan struct{} { return rec.done }

// Stop ends the recording, waits, and returns the file. An error beside a file says why it ended early. It may be
// called twice.
func (rec *Recording) Stop() (clip.Clip, error) {
	rec.cancel()
	<-rec.done
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return rec.clip, rec.err
}

// endRecordings stops all of them.
func (r *Recorder) endRecordings() {
	r.mu.Lock()
	var all []*Recording
	for rec := range r.recordings {
		all = append(all, rec)
	}
	r.mu.Unlock()
	for _, rec := range all {
		_, _ = rec.Stop() // reported by finish
	}
}
