// Package cut makes a movie of a stretch of time out of HLS segments, without transcoding. It has no goroutines and
// keeps nothing open. Segments are read twice, one after the other: once for their times and sizes, and once more while
// the movie is written. So a long clip takes no more memory than a segment or two and 200 bytes for each sample.
//
// Time: the recorder stamps a packet with its running time, which is zero at the moment the first packet of the
// recording arrived; mpegtsmux writes running time plus one hour (its clock base) into sound and video alike. With
// the wall clock of that first moment, which LiveKit reports, a frame's PTS is a wall-clock moment of its arrival at
// the recorder. Measured with flashes and clicks published at known moments (backendtest), on LiveKit Egress 1.8: in
// four clips the video 2 to 4 ms late, sound against video +0.2 to +0.4 ms. The recorder moves frames to a grid of
// its frame rate, so that single ones are off by up to half its frame time. The program times of the playlist are no
// help: they are the moment of writing, 0.5 to 3 s later. All this is about segments in MPEG-TS. Those of the embedded
// recorder, in fragmented MP4, say themselves when they were taken.
//
// Opus is assumed to be stamped with the time its sound is played, as the app's does; browsers' is late by what their
// encoder looks ahead, 6.5 ms. Segments of one clip may come from several recordings, of either recorder; a file has
// one codec for sound, so that the sound is silent where it is of another codec than the last.
package cut

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"math"
	"slices"
	"time"

	"github.com/hindsight-app/hindsight/capture/mp4"
	"github.com/hindsight-app/hindsight/publish/backend/hls"
)

// ClockBase is the PTS that mpegtsmux gives to running time zero.
const ClockBase = time.Hour

// ErrLost means that a segment is missing or damaged.
var ErrLost = errors.New("a stored segment is missing or damaged")

// ErrNothing means that no segment holds a frame of the requested time.
var ErrNothing = errors.New("nothing was recorded in the time asked for")

// Source is one segment, in the order of time.
type Source struct {
	// Open opens the file.
	Open func() (io.ReadCloser, error)
	// Header opens the header of a segment in fragmented MP4; nil for MPEG-TS.
	Header func() (io.ReadCloser, error)
	// Zero is the wall clock at PTS zero of the segment's recording; not used for fragmented MP4.
	Zero time.Time
	// Wall is about when the segment begins, on the same clock; exactly for fragmented MP4.
	Wall time.Time
	// Lost is called when the segment is missing or damaged; the movie is made without it. It may be nil.
	Lost func(error)
}

// line collects samples on one time line whose zero is origin.
type line struct {
	origin       time.Time
	video, audio []mp4.Sample
	config       []byte // of AAC; Opus has none
	opus         bool
	channels     int
	unit         time.Duration // of sound
	end          time.Duration // of the last frame
	sets         [][]byte      // the parameter sets seen last, shared by all frames that repeat them
	torn         bool          // a segment is missing: frames up to the next IDR cannot be decoded
}

// Movie reads the segments and returns what they hold of [from, to). from and to of the movie are what there was: later
// or earlier where the recording began late or ended early. primed is by how much the recorder's AAC encoder delays the
// sound against its time stamps. The samples are read again when the movie is written, which must be done once.
//
// A segment that is missing or damaged is a gap: time continues, the video stands still and the sound is silent. Where
// nothing else is left the error is ErrLost.
func Movie(ctx context.Context, sources []Source, from, to time.Time, primed time.Duration) (mp4.Movie, error) {
	l := &line{origin: from}
	in := &fetcher{sources: sources}
	var lost error
	for i, s := range sources {
		if err := ctx.Err(); err != nil {
			return mp4.Movie{}, err
		}
		seg, zero, err := in.read(s)
		if errors.Is(err, ErrLost) {
			lost, l.torn = cmp.Or(lost, err), true
			if s.Lost != nil {
				s.Lost(err)
			}
			continue
		}
		if err != nil {
			return mp4.Movie{}, err
		}
		l.addVideo(seg, zero.Sub(from), i)
		l.addAudio(seg, zero.Sub(from), i)
	}
	l.dropLeadIn()
	if len(l.video) == 0 {
		return mp4.Movie{}, cmp.Or(lost, ErrNothing)
	}
	m := mp4.Movie{Start: l.open(), End: min(to.Sub(from), l.end), Created: from, Fetch: in.fetch}
	if m.End <= m.Start {
		return mp4.Movie{}, ErrNothing
	}
	m.Tracks = []mp4.Track{{Kind: mp4.H264, Samples: l.video}}
	sound := mp4.Track{Kind: mp4.AAC, Samples: l.audio, AACConfig: l.config, Priming: primed}
	if l.opus {
		sound = mp4.Track{Kind: mp4.Opus, Samples: l.audio}
	}
	if len(l.audio) > 0 {
		m.Tracks = append(m.Tracks, sound)
	}
	l.trim(&m)
	return m, nil
}

// read returns a segment and the wall clock at its PTS zero. The error is ErrLost where the segment is missing or
// damaged; all others may pass.
func (in *fetcher) read(s Source) (seg *hls.Segment, zero time.Time, err error) {
	in.collect()
	f, err := in.open(s.Open)
	if err != nil {
		return nil, zero, err
	}
	defer f.Close()
	if s.Header == nil {
		seg, err = hls.ReadSegment(f)
		if err = f.verdict(err); err == nil {
			seg.Unwrap(s.Wall.Sub(s.Zero))
		}
		return seg, s.Zero, err
	}
	header, err := in.open(s.Header)
	if err != nil {
		return nil, zero, err
	}
	defer header.Close()
	seg, err = hls.ReadFragment(header, f)
	if err = cmp.Or(header.err, f.verdict(err)); err != nil {
		return nil, zero, err
	}
	first := slices.Concat(seg.Video, seg.Audio)[0].PTS
	return seg, s.Wall.Add(-first), nil
}

// addVideo puts a segment's frames at the end of the line. Where it overlaps with what is there, as two recordings may
// around a reconnect, the newer one wins.
func (l *line) addVideo(seg *hls.Segment, shift time.Duration, source int) {
	if len(seg.Video) == 0 {
		return
	}
	l.video = slices.Grow(l.video, len(seg.Video))
	start := seg.Video[0].PTS + shift
	// Frames are cut in decoding order, so that none is kept that needs a dropped one.
	if i := slices.IndexFunc(l.video, func(s mp4.Sample) bool { return s.PTS >= start }); i >= 0 {
		l.video = l.video[:i]
	}
	for i, s := range seg.Video {
		if l.torn = l.torn && !s.Sync; l.torn {
			continue
		}
		step := cmp.Or(s.Duration, frameTime(seg.Video, i))
		sets, size := mp4.PictureSize(s.NALs)
		l.video = append(l.video, mp4.Sample{DTS: s.DTS + shift, PTS: s.PTS + shift, Duration: step, Sync: s.Sync,
			NALs: l.shared(sets), Place: place(source, i, false), Size: size})
		l.end = max(l.end, s.PTS+shift+step)
	}
}

// shared returns the parameter sets as a separate copy, so that they do not hold the rest of the segment in memory.
func (l *line) shared(sets [][]byte) [][]byte {
	if sets != nil && !slices.EqualFunc(sets, l.sets, bytes.Equal) {
		l.sets = nil
		for _, n := range sets {
			l.sets = append(l.sets, bytes.Clone(n))
		}
	}
	if sets == nil {
		return nil
	}
	return l.sets
}

// addAudio does the same for sound.
func (l *line) addAudio(seg *hls.Segment, shift time.Duration, source int) {
	if len(seg.Audio) == 0 {
		return
	}
	if l.opus != seg.Opus {
		l.audio = nil // of another codec
	}
	l.config, l.opus, l.channels, l.unit = bytes.Clone(seg.AACConfig), seg.Opus, seg.Channels, seg.Audio[0].Duration
	begin := seg.Audio[0].PTS + shift
	if i := slices.IndexFunc(l.audio, func(s mp4.Sample) bool { return s.PTS > begin-l.unit/2 }); i >= 0 {
		l.audio = l.audio[:i]
	}
	for i, s := range seg.Audio {
		l.fillSilence(s.PTS + shift)
		l.audio = append(l.audio, mp4.Sample{DTS: s.DTS + shift, PTS: s.PTS + shift, Duration: s.Duration, Sync: true,
			Place: place(source, i, true), Size: uint32(len(s.Data))})
	}
	if len(seg.Video) == 0 {
		// The video stands still; the segment lasts as long as its sound.
		last := l.audio[len(l.audio)-1]
		l.end = max(l.end, last.PTS+last.Duration)
	}
}

// frameTime is how long frame i is shown: the time to the next one in decoding order, or as long as the one before.
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

// opusSilence is an Opus packet of one stereo CELT frame, full band, of 20 silent ms (RFC 6716, 3.1 and 4.3).
var opusSilence = []byte{0xfc, 0xff, 0xfe}

const (
	opusSilenceLength = 20 * time.Millisecond
	// opusPreroll is how long a decoder must run before what it plays is right (RFC 7845, 4.6).
	opusPreroll = 80 * time.Millisecond
)

// fillSilence bridges a gap in the sound up to a moment, for players dislike samples of odd lengths. Gaps lie between
// recordings, and where a segment lacks some of its sound or all of it.
func (l *line) fillSilence(until time.Duration) {
	data, known := silence[l.channels]
	length := l.unit
	if l.opus {
		data, known, length = opusSilence, true, opusSilenceLength
	}
	if len(l.audio) == 0 || !known {
		return
	}
	last := l.audio[len(l.audio)-1]
	for at := last.PTS + last.Duration; at+length/2 < until; at += length {
		l.audio = append(l.audio, mp4.Sample{DTS: at, PTS: at, Duration: length, Sync: true, Data: data})
	}
}

// dropLeadIn drops frames before the first IDR.
func (l *line) dropLeadIn() {
	i := slices.IndexFunc(l.video, func(s mp4.Sample) bool { return s.Sync })
	if i < 0 {
		i = len(l.video)
	}
	l.video = l.video[i:]
}

// open makes a clip begin with a frame, and returns when it does: the frame that is on show at the origin begins there,
// not before; or, where there is none or the next one is due within a millisecond, that one opens the clip. ffmpeg, and
// with it most players, shows the first frame of the window at once and moves all others by as much, though not the
// sound (mov_fix_index in its mov.c): up to the time of one frame.
func (l *line) open() time.Duration {
	shown, next := -1, time.Duration(math.MaxInt64)
	for i, s := range l.video {
		if s.PTS > 0 {
			next = min(next, s.PTS)
		} else if shown < 0 || s.PTS > l.video[shown].PTS {
			shown = i
		}
	}
	if shown >= 0 && next > time.Millisecond {
		l.video[shown].PTS = 0
		return 0
	}
	return next
}

// trim drops whole groups of frames and sound that the window does not need.
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
	// A decoder needs the access unit before the first one that is played (ISO/IEC 14496-3, 4.5.2.1.1: overlapping
	// windows), and the encoder's delay moves everything back.
	audio, lead := m.Tracks[1].Samples, 2*l.unit
	if l.opus {
		lead = opusPreroll + l.unit
	}
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
