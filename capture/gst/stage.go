package gst

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// mostOut is how many buffers wait at the end of a stage before it stops working: decoded frames are large.
const mostOut = 4

// stagePatience is how long a stage that is to give something may give nothing: damaged video can leave a decoder
// without.
const stagePatience = 30 * time.Second

// Stage is a pipeline that takes buffers and gives buffers. Its methods belong to one goroutine.
type Stage struct {
	// Patience is how long a stage that is to give something may give nothing; it is 30 s at first.
	Patience time.Duration

	pipeline *Pipeline
	in, out  *Element
	stop     func() // ends the watch over a stage whose Push waits
	mu       sync.Mutex
	failure  error
}

// OpenStage opens a pipeline of the elements between a source of these caps and a sink. It works ahead of who takes
// what it makes by a few buffers only. Close it.
func OpenStage(caps, elements string) (*Stage, error) { return openStage(caps, elements, 0, mostOut) }

// OpenSink opens a stage for large buffers that become small ones, such as an encoder: Push waits while so many bytes
// wait to be worked on, and what is made waits without a limit until it is taken.
func OpenSink(caps, elements string, most int) (*Stage, error) {
	return openStage(caps, elements, most, 0)
}

func openStage(caps, elements string, in, out int) (*Stage, error) {
	p, err := Parse(fmt.Sprintf("appsrc name=in format=time max-bytes=%d block=%t ! %s ! appsink name=out sync=false "+
		"max-buffers=%d", in, in > 0, elements, out))
	if err != nil {
		return nil, err
	}
	s := &Stage{Patience: stagePatience, pipeline: p, stop: func() {}}
	if s.in, err = p.Element("in"); err == nil {
		s.out, err = p.Element("out")
	}
	if err == nil {
		err = s.in.Set("caps", caps)
	}
	if err == nil {
		err = p.Play(0)
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	if in > 0 {
		s.watch()
	}
	return s, nil
}

// watch frees a Push that waits for a pipeline that has failed.
func (s *Stage) watch() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	s.stop = func() { cancel(); <-done }
	go func() {
		defer close(done)
		tick := time.NewTicker(busEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if cause := s.pipeline.Cause(nil); errors.Is(cause, ErrEnded) {
				return // and nothing is pushed anymore
			} else if cause != nil {
				s.fail(cause)
				gElementSetState(s.pipeline.object, stateNull)
				return
			}
		}
	}()
}

func (s *Stage) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure = err
}

// cause is why the stage stopped, else what was seen of it.
func (s *Stage) cause(seen error) error {
	s.mu.Lock()
	err := s.failure
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.pipeline.Cause(seen)
}

// Close frees the stage. It may be called twice.
func (s *Stage) Close() {
	s.stop()
	_ = s.pipeline.Close()
}

// Push copies a buffer into the stage.
func (s *Stage) Push(data []byte, pts, duration time.Duration) error {
	b, err := NewBuffer(data)
	if err != nil {
		return err
	}
	if err := s.in.Push(b, pts, duration); err != nil {
		return s.cause(err)
	}
	return nil
}

// Pull hands n buffers to f, or all that still come where the stream has ended.
func (s *Stage) Pull(ctx context.Context, n int, f func(*Sample) error) error {
	for last := time.Now(); n > 0; {
		if err := ctx.Err(); err != nil {
			return err
		}
		if time.Since(last) > s.Patience {
			return errors.New("its video cannot be decoded")
		}
		x, err := s.out.Pull(50*time.Millisecond, time.Millisecond)
		switch {
		case err == nil:
			err = f(x)
			x.Release()
			if err != nil {
				return err
			}
			n--
			last = time.Now()
		case errors.Is(err, ErrTimeout):
			if cause := s.cause(nil); cause != nil && !errors.Is(cause, ErrEnded) {
				return cause
			}
		default:
			if cause := s.cause(err); !errors.Is(cause, ErrEnded) {
				return cause
			}
			return nil
		}
	}
	return nil
}

// Ready hands what is there already to f.
func (s *Stage) Ready(f func(*Sample) error) error {
	for {
		x, err := s.out.Pull(0, 0)
		switch {
		case err == nil:
			err = f(x)
			x.Release()
			if err != nil {
				return err
			}
		case errors.Is(err, ErrTimeout):
			return nil
		default:
			return s.cause(err)
		}
	}
}

// Wait hands the next buffer to f if one comes in time.
func (s *Stage) Wait(wait time.Duration, f func(*Sample) error) error {
	x, err := s.out.Pull(wait, time.Millisecond)
	switch {
	case errors.Is(err, ErrTimeout):
		return s.cause(nil)
	case err != nil:
		return s.cause(err)
	}
	defer x.Release()
	return f(x)
}

// Drain ends the stream and hands all that is left to f.
func (s *Stage) Drain(ctx context.Context, f func(*Sample) error) error {
	s.in.EndStream()
	const all = 1 << 30
	return s.Pull(ctx, all, f)
}
