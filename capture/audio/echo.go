package audio

import (
	"fmt"

	"github.com/hindsight-app/hindsight/capture/source"
)

// canceller is an echo canceller that leaves the sound as it is once it has failed.
type canceller struct {
	*source.Echo
	suppress bool
	tell     func(error)
	failed   bool
}

func (c *canceller) Cancel(near, far []float32) {
	if c.failed {
		return
	}
	if err := c.Echo.Cancel(near, far); err != nil {
		c.failed = true
		c.tell(fmt.Errorf("echo cancellation stopped (%w); turn it off and on again in Settings, Audio", err))
	}
}

// cancelEcho starts or stops removing the desktop's sound from the microphone, suppressing noise with it or not. Where
// it cannot be done the microphone is used as it is.
func (s *Pipeline) cancelEcho(on, suppress bool) {
	old := s.echo
	if on && old != nil && suppress == old.suppress {
		return
	}
	if old != nil {
		s.mixer.CancelEcho(s.mic.mix, s.desktop.mix, 0, nil)
		_ = old.Close()
		s.echo = nil
	}
	s.setEchoError(nil)
	if !on {
		return
	}
	e, err := source.NewEcho(suppress)
	if err != nil {
		s.setEchoError(err)
		return
	}
	s.echo = &canceller{Echo: e, suppress: suppress, tell: s.setEchoError}
	s.mixer.CancelEcho(s.mic.mix, s.desktop.mix, source.EchoLead, s.echo)
}

func (s *Pipeline) setEchoError(err error) {
	if err != nil {
		s.Log.Error("echo cancellation is off", "err", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.echoErr = err
}
