package encode

import "sync"

// spareFactor is how many frames one that stays stands for, where so many were left out.
const spareFactor = 8

// spare counts what the encoder did not spend. Its rate control knows only of the frames that it is given: what is
// inserted without it lets it save up nothing. Every two seconds an IDR frame of a screen that stands still would be
// given the bits of a few frames, and be worse than the one before. So frames that were left out are paid out to those
// that stay, by a raised bitrate; both together spend no more than the usual one. It belongs to the goroutine of
// Encode and Repeat but for what mu guards.
type spare struct {
	frames, most int // left out and not paid out

	mu     sync.Mutex
	raised bool
}

func (s *spare) leftOut() { s.frames = min(s.frames+1, s.most) }

// take says whether there is enough for a frame that stays.
func (s *spare) take() bool {
	if s.frames < spareFactor-1 {
		return false
	}
	s.frames -= spareFactor - 1
	return true
}

// times is by how much the bitrate is raised.
func (s *spare) times() int {
	if s.raised {
		return spareFactor
	}
	return 1
}
