package mp4

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/Eyevinn/mp4ff/avc"
)

// Joint is several movies one after the other.
type Joint struct {
	// Movie has the video and the chapters, to be written while the sources are open. Sound tracks are to be added.
	Movie Movie
	// Begins are where the parts begin on its time line.
	Begins []time.Duration
	// Windows are the parts as they were cut, each on its own movie's time line.
	Windows []Window
}

// Window is from one moment to another.
type Window struct{ Start, End time.Duration }

// Part is what lies between two moments of a movie's playing time.
type Part struct {
	Source   *Source
	From, To time.Duration
}

// Join puts the video of parts of finished movies of one size behind each other. Frames that an edit list hides are
// left out: those from a part's begin to its next keyframe are encoded anew where it does not begin with one; all
// others are those of the sources, byte by byte.
func Join(ctx context.Context, parts []Part, encode Encode) (Joint, error) {
	var j Joint
	if len(parts) == 0 {
		return j, ErrEmpty
	}
	files := make(joinedFiles, len(parts))
	out := Track{Kind: H264, from: files}
	for i, p := range parts {
		s := p.Source
		files[i] = s.file
		if a, b := parts[0].Source.info, s.info; a.Width != b.Width || a.Height != b.Height {
			return j, fmt.Errorf("they are of different sizes, %d x %d and %d x %d; only clips of one size can be joined",
				a.Width, a.Height, b.Width, b.Height)
		}
		m, err := s.SmartCut(ctx, p.From, p.To, encode)
		if err != nil {
			return j, err
		}
		j.Begins, j.Windows = append(j.Begins, j.Movie.End), append(j.Windows, Window{m.Start, m.End})
		for _, t := range m.Tracks {
			if t.Kind == H264 {
				if err := out.join(t, int64(i), j.Movie.End-m.Start); err != nil {
					return j, err
				}
			}
		}
		for _, c := range m.Chapters {
			if c.At >= m.Start && c.At < m.End {
				j.Movie.Chapters = append(j.Movie.Chapters, Chapter{At: c.At - m.Start + j.Movie.End, Title: c.Title})
			}
		}
		j.Movie.End += m.End - m.Start
	}
	if len(out.sets) > 1 {
		out.inBand()
	}
	j.Movie.Created, j.Movie.ReserveCover = parts[0].Source.info.Created, true
	j.Movie.Program = parts[0].Source.info.Program
	j.Movie.Tracks = []Track{out}
	return j, nil
}

// join appends the samples of a track of file number n, shift later.
func (t *Track) join(from Track, n int64, shift time.Duration) error {
	entries := make([]uint32, len(from.sets))
	for i, sets := range from.sets {
		var err error
		if entries[i], err = t.describe(sets); err != nil {
			return err
		}
	}
	for _, x := range from.Samples {
		x.PTS, x.DTS = x.PTS+shift, x.DTS+shift
		if x.Place != 0 {
			x.Place |= n << fileShift
		}
		x.entry = entries[max(x.entry, 1)-1]
		t.Samples = append(t.Samples, x)
	}
	return nil
}

// describe is the number of the sample description with these parameter sets. One that has no other sets under the same
// ids takes them in.
func (t *Track) describe(sets parameterSets) (uint32, error) {
	own, err := sets.byID()
	if err != nil {
		return 0, err
	}
	for i := range t.sets {
		have, err := t.sets[i].byID()
		if err != nil {
			return 0, err
		}
		if !have.agrees(own) {
			continue
		}
		t.sets[i] = parameterSets{sps: union(t.sets[i].sps, sets.sps), pps: union(t.sets[i].pps, sets.pps)}
		return uint32(i + 1), nil
	}
	t.sets = append(t.sets, sets)
	return uint32(len(t.sets)), nil
}

func union(a, b [][]byte) [][]byte {
	out := slices.Clone(a)
	for _, n := range b {
		if !slices.ContainsFunc(out, func(have []byte) bool { return bytes.Equal(have, n) }) {
			out = append(out, n)
		}
	}
	return out
}

// setsByID are parameter sets by kind and id.
type setsByID map[[2]uint32][]byte

func (s parameterSets) byID() (setsByID, error) {
	out, known := setsByID{}, map[uint32]*avc.SPS{}
	for _, n := range s.sps {
		sps, err := avc.ParseSPSNALUnit(n, false)
		if err != nil {
			return nil, fmt.Errorf("the video's parameter sets cannot be read: %w", err)
		}
		known[sps.ParameterID] = sps
		out[[2]uint32{0, sps.ParameterID}] = n
	}
	for _, n := range s.pps {
		pps, err := avc.ParsePPSNALUnit(n, known)
		if err != nil {
			return nil, fmt.Errorf("the video's parameter sets cannot be read: %w", err)
		}
		out[[2]uint32{1, pps.PicParameterSetID}] = n
	}
	return out, nil
}

// agrees says whether no id means different sets in the two.
func (s setsByID) agrees(o setsByID) bool {
	for id, n := range o {
		if have, ok := s[id]; ok && !bytes.Equal(have, n) {
			return false
		}
	}
	return true
}

// free is an id that no set has.
func (s setsByID) free() (uint, error) {
	next := uint32(0)
	for id := range s {
		next = max(next, id[1]+1)
	}
	if next > 31 {
		return 0, errors.New("the video's parameter sets leave no number for others")
	}
	return uint(next), nil
}

// inBand has the parameter sets put into the keyframes as well: many players read the first description only.
func (t *Track) inBand() {
	for i := range t.Samples {
		t.Samples[i].inBand = t.Samples[i].Sync
	}
}

// fileShift leads from a file's number to the places in it: a place has 47 bits, which is 140 TB.
const fileShift = 47

// joinedFiles are files that are read as one, in which the places of file n begin at n << fileShift.
type joinedFiles []io.ReaderAt

// ReadAt implements io.ReaderAt; a read does not go beyond one file.
func (f joinedFiles) ReadAt(b []byte, at int64) (int, error) {
	n := at >> fileShift
	if n < 0 || n >= int64(len(f)) {
		return 0, io.EOF
	}
	return f[n].ReadAt(b, at&(1<<fileShift-1))
}

// Sounds are the sound tracks, whose samples are to be read with Read. Start and End of a track are where it is heard
// on the time line of the movie.
func (s *Source) Sounds() []StoredSound {
	var out []StoredSound
	for _, t := range s.tracks {
		if t.Kind == H264 {
			continue
		}
		x := StoredSound{Track: t.Track, Start: max(t.gap, 0), End: min(t.end, s.length)}
		_ = t.each(func(line storedSample) bool { // the tables were found good
			x.Samples = append(x.Samples, t.sample(line))
			return true
		})
		out = append(out, x)
	}
	return out
}

// StoredSound is a sound track of a Source. Its samples have a Place and a Size instead of Data.
type StoredSound struct {
	Track
	Start, End time.Duration
}

// Read reads a sample of a sound track.
func (s *Source) Read(x Sample) ([]byte, error) {
	b := make([]byte, x.Size)
	if _, err := s.file.ReadAt(b, x.Place); err != nil {
		return nil, fmt.Errorf("what is stored cannot be read: %w", err)
	}
	return b, nil
}
