package video

import (
	"slices"
	"time"

	"github.com/hindsight-app/hindsight/capture/encode"
)

// retryAfter is the pause before encoders are tried again after all have failed.
const retryAfter = 5 * time.Second

// attempts decides when a stream opens an encoder. It only decides: it has no clock, and opens nothing.
type attempts struct {
	// asked is what the running encoder, or the last that failed, was opened for.
	asked encode.VideoConfig
	open  bool
	// failed are encoders that could not be opened or stopped while running.
	failed  []string
	retryAt time.Duration
}

// step is what to do about the encoder.
type step int

const (
	goOn  step = iota // the one that runs fits
	begin             // one has to be opened, after the one that runs is closed
	wait              // none works for now
)

// next returns what to do for a stream that is to be encoded like this.
func (a *attempts) next(want encode.VideoConfig, now time.Duration) step {
	changed := a.asked != want
	switch {
	case a.open && !changed:
		return goOn
	case changed && a.asked.Encoder != want.Encoder:
		a.failed = nil // the user chose another one
	case !a.open && !changed && now < a.retryAt:
		return wait
	}
	a.asked, a.open = want, false
	return begin
}

// opened says that it was.
func (a *attempts) opened() { a.open = true }

// lost says that an encoder stopped, or could not be opened; the next one is tried at once.
func (a *attempts) lost(name string) {
	a.open, a.retryAt = false, 0
	a.failed = append(a.failed, name)
}

// exhausted says that none could be opened. All of them may be tried again after a pause.
func (a *attempts) exhausted(now time.Duration) {
	a.open, a.failed, a.retryAt = false, nil, now+retryAfter
}

// closed says that nobody needs it anymore.
func (a *attempts) closed() { a.open = false }

// may says whether an encoder may be opened without a trial.
func (a *attempts) may(name string) bool { return name != "" && !slices.Contains(a.failed, name) }
