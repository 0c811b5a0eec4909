package clip

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/hindsight-app/hindsight/capture/encode"
	"github.com/hindsight-app/hindsight/capture/gst"
	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/capture/mp4"
)

// JoinRequest is which clips become one, in their order.
type JoinRequest struct {
	Paths []string
	// Out is the new file. Empty is a free name beside the first clip: "NAME (joined).mp4".
	Out string
}

// joined is added to the name of the first clip.
const joined = " (joined)"

// Join saves several clips as one, without encoding their video anew but for the frames before a first keyframe, and
// with sound that runs through. They must be of one size. Each begins with a chapter of its name. An existing file is
// never overwritten, and after an error there is no new file. The error is a message, an InputError where the request
// is at fault.
func Join(ctx context.Context, r JoinRequest) (Clip, error) {
	if len(r.Paths) < 2 {
		return Clip{}, inputError("choose at least two clips to join")
	}
	var sources []*mp4.Source
	defer func() {
		for _, s := range sources {
			_ = s.Close() // was only read
		}
	}()
	for _, path := range r.Paths {
		s, err := mp4.Open(path)
		if err != nil {
			return Clip{}, inputError("%s cannot be joined: %w", filepath.Base(path), err)
		}
		sources = append(sources, s)
	}
	j, err := mp4.Join(ctx, sources, recode)
	if err != nil && ctx.Err() == nil {
		return Clip{}, inputError("these clips cannot be joined: %w", err)
	}
	if err != nil {
		return Clip{}, err
	}
	m := j.Movie
	m.Origin = string(Trimmed)
	for i, path := range r.Paths {
		title := filepath.Base(path)
		m.Chapters = append(m.Chapters, mp4.Chapter{At: j.Begins[i], Title: title[:len(title)-len(filepath.Ext(title))]})
	}
	tracks, err := joinSounds(ctx, sources, j)
	if err != nil {
		return Clip{}, fmt.Errorf("the sound of these clips cannot be joined: %w", err)
	}
	m.Tracks = append(m.Tracks, tracks...)
	if st, err := os.Stat(r.Paths[0]); err == nil && m.Created.IsZero() {
		m.Created = st.ModTime()
	}
	c := Clip{Created: m.Created, Seconds: m.End.Seconds(), Ours: true, Kind: Trimmed}
	if c.Path, c.Bytes, err = writeNew(ctx, r.Paths[0], joined, r.Out, m); err != nil {
		return Clip{}, err
	}
	finish(ctx, &c)
	return c, nil
}

// joinSounds makes the sound tracks: the first of every clip, and those beside it that all clips have by name. Where a
// clip has none there is silence.
func joinSounds(ctx context.Context, sources []*mp4.Source, j mp4.Joint) ([]mp4.Track, error) {
	var all [][]mp4.StoredSound
	var longest []mp4.StoredSound
	for _, s := range sources {
		sounds := s.Sounds()
		all = append(all, sounds)
		if len(sounds) > len(longest) {
			longest = sounds
		}
	}
	var out []mp4.Track
	for n, like := range longest {
		parts := make([]*mp4.StoredSound, len(sources))
		everywhere := true
		for i, sounds := range all {
			for k := range sounds {
				if n == 0 && k == 0 || n > 0 && k > 0 && sounds[k].Name == like.Name {
					parts[i] = &sounds[k]
				}
			}
			everywhere = everywhere && parts[i] != nil
		}
		if n > 0 && !everywhere {
			continue
		}
		t, err := joinSound(ctx, sources, parts, j)
		if err != nil {
			return nil, err
		}
		t.Name, t.Off = like.Name, n > 0
		out = append(out, t)
	}
	return out, nil
}

// joinSound encodes one sound track of all clips in one run, so that it neither clicks nor drifts where they meet.
func joinSound(ctx context.Context, sources []*mp4.Source, parts []*mp4.StoredSound, j mp4.Joint) (mp4.Track, error) {
	t := mp4.Track{Kind: mp4.AAC}
	e, err := encode.OpenSound(media.AAC, func(p *media.Packet) {
		if len(t.AACConfig) == 0 {
			t.AACConfig = p.Config
		}
		t.Samples = append(t.Samples, sample(p))
	})
	if err != nil {
		return t, err
	}
	defer func() { _ = e.Close() }() // all its packets are here
	line := &soundLine{encode: func(p media.PCM) error {
		if err := e.Flush(ctx, mostInside); err != nil {
			return err
		}
		return e.Encode(p)
	}}
	for i, s := range sources {
		if parts[i] == nil {
			continue
		}
		if err := decodeSound(ctx, s, *parts[i], j.Begins[i], line); err != nil {
			return t, err
		}
	}
	// What follows the end fills the last access unit, and is not in the window.
	if err := line.silence(media.DurationToSamples(j.Movie.End) + 2*1024); err != nil {
		return t, err
	}
	return t, e.Flush(ctx, 0)
}

// mostInside bounds how far the decoder may be ahead of the encoder, in samples: 5 s.
const mostInside = 5 * media.SampleRate

// soundLine is a run of sound without gaps, in blocks for an encoder. It belongs to one goroutine.
type soundLine struct {
	encode func(media.PCM) error
	at     int // in samples: what has been given
}

// blockSamples is how long blocks are: 20 ms.
const blockSamples = 960

// put adds sound that begins at a sample; what overlaps earlier sound is left out, and a gap is silent.
func (l *soundLine) put(at int, samples []float32) error {
	if at > l.at {
		if err := l.silence(at); err != nil {
			return err
		}
	}
	skip := min((l.at-at)*media.Channels, len(samples))
	for samples = samples[skip:]; len(samples) > 0; {
		n := min(blockSamples*media.Channels, len(samples))
		if err := l.encode(media.PCM{PTS: media.SamplesToDuration(l.at), Samples: samples[:n]}); err != nil {
			return err
		}
		l.at += n / media.Channels
		samples = samples[n:]
	}
	return nil
}

// silence fills up to a sample.
func (l *soundLine) silence(to int) error {
	for l.at < to {
		if err := l.put(l.at, make([]float32, min(blockSamples, to-l.at)*media.Channels)); err != nil {
			return err
		}
	}
	return nil
}

// decodeSound puts what is heard of a track on the line, where the movie begins at a moment of it.
func decodeSound(ctx context.Context, s *mp4.Source, t mp4.StoredSound, begin time.Duration, line *soundLine) error {
	if len(t.Samples) == 0 || t.End <= t.Start {
		return nil
	}
	caps, decoder := "audio/x-opus,channel-mapping-family=(int)0,channels=(int)2,rate=(int)48000", "opusdec"
	if t.Kind == mp4.AAC {
		if len(t.AACConfig) < 2 {
			return errors.New("a sound track does not say how it is to be decoded")
		}
		channels := t.AACConfig[1] >> 3 & 0xf // ISO/IEC 14496-3, 1.6.2.1, for the usual object types
		caps, decoder = fmt.Sprintf("audio/mpeg,mpegversion=(int)4,framed=(boolean)true,stream-format=(string)raw,"+
			"rate=(int)48000,channels=(int)%d,codec_data=(buffer)%s", max(channels, 1), hex.EncodeToString(t.AACConfig)),
			"avdec_aac"
	}
	d, err := openStage(caps, decoder+" ! audioconvert ! audio/x-raw,format=F32LE,rate=48000,channels=2,"+
		"layout=interleaved")
	if err != nil {
		return err
	}
	defer d.close()
	// GStreamer's stamps are not negative, and what an edit list hides may be older than the movie.
	zero := min(t.Samples[0].PTS, 0)
	from, to := media.DurationToSamples(begin+t.Start), media.DurationToSamples(begin+t.End)
	heard := func(x *gst.Sample) error {
		b, err := x.Bytes()
		if err != nil {
			return err
		}
		samples := make([]float32, len(b)/4/media.Channels*media.Channels)
		for i := range samples {
			samples[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
		}
		at := int(math.Round((x.PTS() + zero + begin).Seconds() * media.SampleRate))
		if cut := min(max(from-at, 0)*media.Channels, len(samples)); cut > 0 {
			at, samples = at+cut/media.Channels, samples[cut:]
		}
		if over := at + len(samples)/media.Channels - to; over > 0 {
			samples = samples[:max(len(samples)-over*media.Channels, 0)]
		}
		if len(samples) == 0 {
			return nil
		}
		return line.put(at, samples)
	}
	for _, x := range t.Samples {
		data, err := s.Read(x)
		if err != nil {
			return err
		}
		if err := d.push(data, x.PTS-zero, x.Duration); err != nil {
			return err
		}
		if err := d.ready(heard); err != nil {
			return err
		}
	}
	return d.drain(ctx, heard)
}
