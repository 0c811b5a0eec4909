package mp4

import (
	"slices"
	"time"
)

// Frames are the video's samples in decoding order, to be read with Frame, on the movie's time line. Those with a PTS
// before 0 or behind Length are not shown but where another one needs them: the last one at or before 0 is on the
// screen when the movie begins.
func (s *Source) Frames() (out []Sample) {
	t := s.video()
	_ = t.each(func(x storedSample) bool { // the tables were found good
		out = append(out, t.sample(x))
		return true
	})
	return out
}

// Frame reads a sample of Frames in Annex B form, a keyframe with its parameter sets. It may be called from any
// goroutine.
func (s *Source) Frame(x Sample) ([]byte, error) {
	out, err := s.annexB(&s.video().Track, []Sample{x})
	if err != nil {
		return nil, err
	}
	return out[0].Data, nil
}

// ShownUntil is where the last frame ends: Length, or before it where the video is shorter than the movie.
func (s *Source) ShownUntil() time.Duration { return min(s.video().end, s.length) }

// Size is the video's, in pixels.
func (s *Source) Size() (width, height int) { return s.info.Width, s.info.Height }

// Chapters are the named moments, without the one that stands for the movie's begin alone.
func (s *Source) Chapters() []Chapter {
	return slices.DeleteFunc(slices.Clone(s.chapters), func(c Chapter) bool { return c.At == 0 && c.Title == firstTitle })
}

// video is the one track of video.
func (s *Source) video() *stored {
	return s.tracks[slices.IndexFunc(s.tracks, func(t *stored) bool { return t.Kind == H264 })]
}
