package mp4

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/hindsight-app/hindsight/capture/media"
)

// GOP is the video that a smart cut encodes anew: the frames from From on, of which some before are needed to decode
// them.
type GOP struct {
	// Frames are in decoding order; the first is an IDR with parameter sets, and all have Data in Annex B form. PTS are
	// on a time line that begins at 0 or later.
	Frames []Sample
	// From is the PTS of the first frame to encode.
	From time.Duration
	// ParameterSetID is what the new SPS and PPS must have as seq_parameter_set_id and pic_parameter_set_id (ITU-T
	// H.264, 7.4.2.1.1 and 7.4.2.2): those of the frames behind them stay in use, in the same sample description.
	ParameterSetID uint
}

// Encode encodes the frames of a GOP anew: an IDR with parameter sets first, no frame that is shown in another order
// than it is decoded, and the same size and color. The samples have the PTS of the frames.
type Encode func(ctx context.Context, g GOP) ([]Sample, error)

// ErrOpenGOP says that frames before a keyframe need it, so that a cut cannot leave out or replace what is before.
var ErrOpenGOP = errors.New("its frames before a keyframe need that keyframe (open GOP)")

// mostGOP is how many frames a smart cut decodes at most: a minute at 60 a second.
const mostGOP = 3600

// mostHead bounds the size of what is encoded anew in bytes: a minute at 34 Mb/s.
const mostHead = 256 << 20

// SmartCut is Cut for players that ignore edit lists: nothing is hidden before the first frame. The frames from the
// begin to the next keyframe are encoded anew; all others are those of the source, byte by byte. Sound begins with the
// access unit that holds the begin, at most one earlier than the video.
func (s *Source) SmartCut(ctx context.Context, from, to time.Duration, encode Encode) (Movie, error) {
	m, err := s.Cut(from, to)
	if err != nil {
		return Movie{}, err
	}
	for i := range m.Tracks {
		t := &m.Tracks[i]
		if t.Kind == H264 {
			err = s.recodeHead(ctx, t, m.Start, encode)
		} else {
			t.Samples = slices.DeleteFunc(t.Samples, func(x Sample) bool { return x.PTS+x.Duration <= m.Start })
		}
		if err != nil {
			return Movie{}, err
		}
	}
	return m, nil
}

// recodeHead replaces the frames of a track before its first keyframe at or behind start.
func (s *Source) recodeHead(ctx context.Context, t *Track, start time.Duration, encode Encode) error {
	if len(t.Samples) == 0 {
		return ErrEmpty
	}
	if t.Samples[0].PTS >= start {
		return nil // a keyframe, which nothing is hidden before
	}
	k := len(t.Samples)
	for i, x := range t.Samples {
		if x.Sync && x.PTS > start {
			k = i
			break
		}
	}
	if k > mostGOP {
		return fmt.Errorf("its keyframes are too far apart: %d frames", k)
	}
	head, tail := t.Samples[:k], t.Samples[k:]
	size := int64(0)
	for _, x := range head {
		if size += int64(x.Size); size > mostHead {
			return errors.New("its keyframes are too far apart")
		}
	}
	var delay time.Duration
	if len(tail) > 0 {
		key := tail[0]
		delay = key.PTS - key.DTS
		for _, x := range tail {
			if x.PTS < key.PTS {
				return ErrOpenGOP
			}
		}
		for _, x := range head {
			if x.PTS >= key.PTS {
				return ErrOpenGOP
			}
		}
	}
	entry := uint32(1)
	if len(tail) > 0 {
		entry = tail[0].entry
	}
	known, err := t.sets[entry-1].byID()
	if err != nil {
		return err
	}
	id, err := known.free()
	if err != nil {
		return err
	}
	g := GOP{From: start, ParameterSetID: id}
	if g.Frames, err = s.annexB(t, head); err != nil {
		return err
	}
	// Hidden frames may be older than the movie.
	if earliest := slices.MinFunc(g.Frames, func(a, b Sample) int { return int(a.PTS - b.PTS) }).PTS; earliest < 0 {
		for i := range g.Frames {
			g.Frames[i].PTS -= earliest
		}
		g.From -= earliest
	}
	made, err := encode(ctx, g)
	if err != nil {
		return err
	}
	return t.prepend(made, tail, entry, start-g.From, delay)
}

// prepend puts new frames before those of the file. shift takes their PTS to the track's time line, and delay is by how
// much frames behind them are decoded before they are shown.
func (t *Track) prepend(made, tail []Sample, entry uint32, shift, delay time.Duration) error {
	if len(made) == 0 || !made[0].Sync {
		return errors.New("the encoder did not begin with a keyframe")
	}
	own, _ := splitFrame(media.SplitAnnexB(made[0].Data))
	if len(own.sps) == 0 || len(own.pps) == 0 {
		return errors.New("the encoder gave no parameter sets")
	}
	sets := &t.sets[entry-1]
	if len(tail) == 0 {
		*sets = own
	} else {
		*sets = parameterSets{sps: slices.Concat(sets.sps, own.sps), pps: slices.Concat(sets.pps, own.pps)}
	}
	for i := range made {
		made[i].PTS += shift
		made[i].DTS, made[i].entry, made[i].Place = made[i].PTS-delay, entry, 0
	}
	t.Samples = slices.Concat(made, tail)
	return nil
}

// AnnexB reads a frame of a movie's video track, whose samples are in the source, in Annex B form (ITU-T H.264), with
// parameter sets before a keyframe.
func (s *Source) AnnexB(t *Track, frame int) (Sample, error) {
	out, err := s.annexB(t, t.Samples[frame:frame+1])
	if err != nil {
		return Sample{}, err
	}
	return out[0], nil
}

// annexB reads frames from the file, with parameter sets before the keyframes.
func (s *Source) annexB(t *Track, frames []Sample) ([]Sample, error) {
	out := make([]Sample, len(frames))
	for i, x := range frames {
		frame, err := annexB(s.file, x)
		if err != nil {
			return nil, err
		}
		var data []byte
		if x.Sync {
			sets := t.sets[x.entry-1]
			data = appendAnnexB(data, slices.Concat(sets.sps, sets.pps)...)
		}
		out[i] = Sample{DTS: x.DTS, PTS: x.PTS, Duration: x.Duration, Sync: x.Sync, Data: append(data, frame...)}
	}
	return out, nil
}

// Keyframes are at most n keyframes, spread evenly over the playing time and in its order, in Annex B form with their
// parameter sets. Each can be decoded alone.
func (s *Source) Keyframes(n int) ([]Sample, error) {
	video := s.tracks[slices.IndexFunc(s.tracks, func(t *stored) bool { return t.Kind == H264 })]
	var all, hidden []Sample
	_ = video.each(func(x storedSample) bool { // the tables were found good
		switch y := video.sample(x); {
		case x.sync && y.PTS < 0:
			hidden = []Sample{y} // shows through the edit list as what follows from it
		case x.sync && y.PTS < min(video.end, s.length):
			all = append(all, y)
		}
		return true
	})
	if len(all) == 0 {
		all = hidden
	}
	var picked []Sample
	for i := range min(n, len(all)) {
		picked = append(picked, all[(2*i+1)*len(all)/(2*min(n, len(all)))])
	}
	return s.annexB(&video.Track, picked)
}

// annexB reads a frame and turns the lengths of its NAL units into start codes.
func annexB(file io.ReaderAt, x Sample) (data []byte, err error) {
	b := make([]byte, x.Size)
	if _, err := file.ReadAt(b, x.Place); err != nil {
		return nil, fmt.Errorf("what is stored cannot be read: %w", err)
	}
	for len(b) > 0 {
		if len(b) < 4 || uint64(len(b)-4) < uint64(binary.BigEndian.Uint32(b)) {
			return nil, fmt.Errorf("a frame is damaged: %w", io.ErrUnexpectedEOF)
		}
		n := 4 + binary.BigEndian.Uint32(b)
		data = appendAnnexB(data, b[4:n])
		b = b[n:]
	}
	return data, nil
}

func appendAnnexB(data []byte, nals ...[]byte) []byte {
	for _, n := range nals {
		data = append(append(data, 0, 0, 0, 1), n...)
	}
	return data
}
