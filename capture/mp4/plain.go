package mp4

import (
	"fmt"
	"image"

	"github.com/Eyevinn/mp4ff/avc"
)

// Plain is the whole movie with nothing but its samples, its date and its chapters, to be written while the source is
// open: for files that come from elsewhere. Tracks other than its video and sound, stars and covers stay behind.
func (s *Source) Plain() (Movie, error) {
	m, err := s.Cut(0, s.length)
	m.ReserveCover, m.starred = false, false
	return m, err
}

// PictureSizes are the sizes of the video in pixels, one for each of its sample descriptions. They are those of the
// parameter sets, which count for decoders, whatever the header says.
func (s *Source) PictureSizes() ([]image.Point, error) {
	var out []image.Point
	for _, t := range s.tracks {
		for _, e := range t.sets {
			for _, n := range e.sps {
				sps, err := avc.ParseSPSNALUnit(n, false)
				if err != nil {
					return nil, fmt.Errorf("the video's parameter sets cannot be read: %w", err)
				}
				out = append(out, image.Pt(int(min(sps.Width, 1<<30)), int(min(sps.Height, 1<<30))))
			}
		}
	}
	return out, nil
}
