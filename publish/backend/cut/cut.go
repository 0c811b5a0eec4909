// Package cut makes a movie of a stretch of time out of HLS segments, without transcoding. It has no goroutines and
// keeps nothing open.
//
// Time: the recorder stamps a packet with its running time, which is zero at the moment the first packet of the
// recording arrived; mpegtsmux writes running time plus one hour (its clock base) into sound and picture alike. With
// the wall clock of that first moment, which LiveKit reports, a picture's PTS is a wall-clock moment of its arrival at
// the recorder. Measured with flashes and clicks published at known moments (backendtest), on LiveKit Egress 1.8: in four
// segments read raw, 3 ms off; in finished clips the picture -16 to -6 ms (the recorder moves pictures to a grid of its
// frame rate), sound against picture +18 to +30 ms of the allowed 45. The program times of the playlist are no help: they
// are the moment of writing, 0.5 to 3 s later. Segments of one clip may come from several recordings.
package cut

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/hindsight-app/hindsight/capture/mp4"
	"github.com/hindsight-app/hindsight/publish/backend/hls"
)

// ClockBase is the PTS that mpegtsmux gives to running time zero.
const ClockBase = time.Hour

// ErrNothing means that no segment holds a picture of the time asked for.
var ErrNothing = errors.New("nothing was recorded in the time asked for")

// Source is one segment, in the order of time.
type Source struct {
	// Open opens the file.
	Open func() (io.ReadCloser, error)
	// Zero is the wall clock at PTS zero of the segment's recording.
	Zero time.Time
	// Wall is about when the segment begins, on the same clock.
	Wall time.Time
}

// line collects samples on one time line whose zero is origin.
type line struct {
	origin       time.Time
	video, audio []mp4.Sample
	config       []byte
	channels     int
	unit         time.Duration
	end          time.Duration // of the last picture
}

// Movie reads the segments and answers what they hold of [from, to). from and to of the movie are what there was: later
// or earlier where the recording began late or ended early. primed is by how much the recorder's AAC encoder delays the
// sound against its time stamps.
func Movie(ctx context.Context, sources []Source, from, to time.Time, primed time.Duration) (mp4.Movie, error) {
	l := &line{origin: from}
	for _, s := range sources {
		if err := ctx.Err(); err != nil {
			return mp4.Movie{}, err
		}
		seg, err := read(s)
		if err != nil {
			return mp4.Movie{}, err
		}
		l.add(seg, s.Zero)
	}
	l.dropLeadIn()
	if len(l.video) == 0 {
		return mp4.Movie{}, ErrNothing
	}
	first := l.video[0].PTS
	for _, s := range l.video {
		first = min(first, s.PTS)
	}
	m := mp4.Movie{Start: max(0, first), End: min(to.Sub(from), l.end), Created: from}
	if m.End <= m.Start {
		return mp4.Movie{}, ErrNothing
	}
	m.Tracks = []mp4.Track{{Kind: mp4.H264, Samples: l.video}}
	if len(l.audio) > 0 {
		m.Tracks = append(m.Tracks, mp4.Track{Kind: mp4.AAC, Samples: l.audio, AACConfig: l.config, Priming: primed})
	}
	l.trim(&m)
	return m, nil
}

func read(s Source) (*hls.Segment, error) {
	f, err := s.Open()
	if err != nil {
		return nil, fmt.Errorf("a segment of the clip is gone: %w", err)
	}
	defer f.Close()
	seg, err := hls.ReadSegment(f)
	if err != nil {
		return nil, err
	}
	seg.Unwrap(s.Wall.Sub(s.Zero))
	return seg, nil
}

// add puts a segment at the end of the line. Where it overlaps with what is there, as two recordings may around a
// reconnect, the newer one wins.
func (l *line) add(seg *hls.Segment, zero time.Time) {
	shift := zero.Sub(l.origin)
	start := seg.Video[0].PTS + shift
	// Pictures are cut in decoding order, so that none is kept that needs a dropped one.
	if i := slices.IndexFunc(l.video, func(s mp4.Sample) bool { return s.PTS >= start }); i >= 0 {
		l.video = l.video[:i]
	}
	for i, s := range seg.Video {
		step := frameTime(seg.Video, i)
		l.video = append(l.video, mp4.Sample{DTS: s.DTS + shift, PTS: s.PTS + shift, Duration: step, Sync: s.Sync,
			NALs: s.NALs})
		l.end = max(l.end, s.PTS+shift+step)
	}
	if len(seg.Audio) == 0 {
		return
	}
	l.config, l.channels, l.unit = seg.AACConfig, seg.Channels, seg.UnitDuration()
	begin := seg.Audio[0].PTS + shift
	if i := slices.IndexFunc(l.audio, func(s mp4.Sample) bool { return s.PTS > begin-l.unit/2 }); i >= 0 {
		l.audio = l.audio[:i]
	}
	for _, s := range seg.Audio {
		l.fillSilence(s.PTS + shift)
		l.audio = append(l.audio, mp4.Sample{DTS: s.DTS + shift, PTS: s.PTS + shift, Duration: l.unit, Sync: true,
			Data: s.Data})
	}
}

// frameTime is how long picture i is shown: the time to the next one in decoding order, or as long as the one before.
func frameTime(v []hls.Sample, i int) time.Duration {
	if i+1 < len(v) {
		return v[i+1].DTS - v[i].DTS
	}
	if i > 0 {
		return v[i].DTS - v[i-1].DTS
	}
	return time.Second / 30
}

// silence is an AAC-LC access unit of 1024 silent samples: one single_channel_element or channel_pair_element with no
// spectral data (ISO/IEC 14496-3, 4.4.2); the bytes that hls.js plays too.
var silence = map[int][]byte{
	1: {0x00, 0xc8, 0x00, 0x80, 0x23, 0x80},
	2: {0x21, 0x00, 0x49, 0x90, 0x02, 0x19, 0x00, 0x23, 0x80},
}

// fillSilence bridges a gap in the sound up to a moment, for players dislike samples of odd lengths. Gaps lie between
// recordings, and where a segment lacks some of its sound or all of it.
func (l *line) fillSilence(until time.Duration) {
	unit, known := silence[l.channels]
	if len(l.audio) == 0 || !known {
		return
	}
	for at := l.audio[len(l.audio)-1].PTS + l.unit; at+l.unit/2 < until; at += l.unit {
		l.audio = append(l.audio, mp4.Sample{DTS: at, PTS: at, Duration: l.unit, Sync: true, Data: unit})
	}
}

// dropLeadIn drops pictures before the first IDR.
func (l *line) dropLeadIn() {
	i := slices.IndexFunc(l.video, func(s mp4.Sample) bool { return s.Sync })
	if i < 0 {
		i = len(l.video)
	}
	l.video = l.video[i:]
}

// trim drops whole groups of pictures and sound that the window does not need.
func (l *line) trim(m *mp4.Movie) {
	video := m.Tracks[0].Samples
	first := 0
	for i, s := range video {
		if s.Sync && s.PTS <= m.Start {
			first = i
		}
	}
	last := len(video)
	for last > first+1 && video[last-1].DTS >= m.End {
		last--
	}
	m.Tracks[0].Samples = video[first:last]
	if len(m.Tracks) == 1 {
		return
	}
	// A decoder needs the access unit before the first one that is heard (ISO/IEC 14496-3, 4.5.2.1.1: overlapping
	// windows), and the encoder's delay moves everything back.
	audio, lead := m.Tracks[1].Samples, 2*l.unit
	a := slices.IndexFunc(audio, func(s mp4.Sample) bool { return s.PTS+l.unit > m.Start-lead })
	b := slices.IndexFunc(audio, func(s mp4.Sample) bool { return s.PTS > m.End+lead })
	if b < 0 {
		b = len(audio)
	}
	if a < 0 || a >= b {
		m.Tracks = m.Tracks[:1]
		return
	}
	m.Tracks[1].Samples = audio[a:b]
}
