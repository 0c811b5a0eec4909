package capture

import (
	"log/slog"

	"github.com/hindsight-app/hindsight/capture/source"
)

// canceller is an echo canceller that leaves the sound as it is once it has failed.
type canceller struct {
	*source.Echo
	suppress bool
	log      *slog.Logger
	failed   bool
}

func (c *canceller) Cancel(near, far []float32) {
	if c.failed {
		return
	}
	if err := c.Echo.Cancel(near, far); err != nil {
		c.failed = true
		c.log.Error("echo is not cancelled any more; turn that off and on again in the settings", "err", err)
	}
}

// cancelEcho begins or ends to take the desktop's sound out of the microphone, suppressing noise with it or not. Where it
// cannot be done the microphone is heard as it is.
func (s *sound) cancelEcho(on, suppress bool) {
	if on == (s.echo != nil) && (!on || suppress == s.echo.suppress) {
		return
	}
	if old := s.echo; old != nil {
		s.mixer.CancelEcho(s.mic.mix, s.desktop.mix, 0, nil)
		_ = old.Close()
		s.echo = nil
	}
	if !on {
		return
	}
	e, err := source.NewEcho(suppress)
	if err != nil {
		s.log.Error("the microphone is heard with its echo", "err", err)
		return
	}
	s.echo = &canceller{Echo: e, suppress: suppress, log: s.log}
	s.mixer.CancelEcho(s.mic.mix, s.desktop.mix, source.EchoLead, s.echo)
}
