package clip

import (
	"context"
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

// JoinRequest is which parts of clips become one, in their order.
type JoinRequest struct {
	Parts []Part
	// Out is the new file. Empty is a free name beside the first clip: "NAME (joined).mp4".
	Out string
}

// Part is a part of a clip between two moments of its playing time; a To of 0 is the clip's end.
type Part struct {
	Path     string
	From, To time.Duration
}

// Whole are clips as they are.
func Whole(paths ...string) []Part {
	out := make([]Part, len(paths))
	for i, path := range paths {
		out[i].Path = path
	}
	return out
}

// joined is added to the name of the first clip.
const joined = " (joined)"

// Join saves parts of several clips as one, without encoding their video anew but for the frames before a first
// keyframe, and with sound that runs through. They must be of one size. Each begins with a chapter of its name. An
// existing file is never overwritten, and after an error there is no new file. The error is a message, an InputError
// where the request is at fault.
func Join(ctx context.Context, r JoinRequest) (Clip, error) {
	if len(r.Parts) < 2 {
		return Clip{}, inputError("choose at least two clips to join")
	}
	var parts []mp4.Part
	defer func() {
		for _, p := range parts {
			_ = p.Source.Close() // was only read
		}
	}()
	for _, p := range r.Parts {
		s, err := mp4.OpenEnded(p.Path)
		if err != nil {
			return Clip{}, inputError("%s cannot be joined: %w", filepath.Base(p.Path), err)
		}
		parts = append(parts, mp4.Part{Source: s, From: p.From, To: p.To})
		if parts[len(parts)-1].To, err = within(p.Path, s.Length(), p.From, p.To); err != nil {
			return Clip{}, err
		}
	}
	j, err := mp4.Join(ctx, parts, recode)
	if err != nil && ctx.Err() == nil {
		return Clip{}, inputError("these clips cannot be joined: %w", err)
	}
	if err != nil {
		return Clip{}, err
	}
	m := j.Movie
	m.Origin = string(Trimmed)
	for i, p := range r.Parts {
		title := filepath.Base(p.Path)
		m.Chapters = append(m.Chapters, mp4.Chapter{At: j.Begins[i], Title: title[:len(title)-len(filepath.Ext(title))]})
	}
	tracks, err := joinSounds(ctx, parts, j)
	if err != nil {
		return Clip{}, fmt.Errorf("the sound of these clips cannot be joined: %w", err)
	}
	m.Tracks = append(m.Tracks, tracks...)
	if st, err := os.Stat(r.Parts[0].Path); err == nil && m.Created.IsZero() {
		m.Created = st.ModTime()
	}
	c := Clip{Created: m.Created, Seconds: m.End.Seconds(), Ours: true, Kind: Trimmed}
	if c.Path, c.Bytes, err = writeNew(ctx, r.Parts[0].Path, joined, r.Out, m); err != nil {
		return Clip{}, err
	}
	finish(ctx, &c)
	return c, nil
}

// joinSounds makes the sound tracks: the first of every clip, and those beside it that all clips have by name. Where a
// clip has none there is silence.
func joinSounds(ctx context.Context, from []mp4.Part, j mp4.Joint) ([]mp4.Track, error) {
	var all [][]mp4.StoredSound
	var longest []mp4.StoredSound
	for i, p := range from {
		sounds := p.Source.Sounds()
		for k := range sounds {
			sounds[k] = cutSound(sounds[k], j.Windows[i].Start, j.Windows[i].End)
		}
		all = append(all, sounds)
		if len(sounds) > len(longest) {
			longest = sounds
		}
	}
	var out []mp4.Track
	for n, like := range longest {
		parts := make([]*mp4.StoredSound, len(from))
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
		t, err := joinSound(ctx, from, parts, j)
		if err != nil {
			return nil, err
		}
		t.Name, t.Off = like.Name, n > 0
		out = append(out, t)
	}
	return out, nil
}

// joinSound encodes one sound track of all clips in one run, so that it neither clicks nor drifts where they meet.
func joinSound(ctx context.Context, from []mp4.Part, parts []*mp4.StoredSound, j mp4.Joint) (mp4.Track, error) {
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
	for i, p := range from {
		if parts[i] == nil {
			continue
		}
		if err := decodeSound(ctx, p.Source, *parts[i], j.Begins[i]-j.Windows[i].Start, line); err != nil {
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

// SoundDecoder is what decodes a stored track of sound: the caps of its samples and the elements that make interleaved
// stereo of them, float32 at 48 kHz.
func SoundDecoder(t mp4.Track) (caps, elements string, err error) {
	caps, decoder := "audio/x-opus,channel-mapping-family=(int)0,channels=(int)2,rate=(int)48000", "opusdec"
	if t.Kind == mp4.AAC {
		if len(t.AACConfig) < 2 {
			return "", "", errors.New("a sound track does not say how it is to be decoded")
		}
		channels := t.AACConfig[1] >> 3 & 0xf // ISO/IEC 14496-3, 1.6.2.1, for the usual object types
		caps, decoder = fmt.Sprintf("audio/mpeg,mpegversion=(int)4,framed=(boolean)true,stream-format=(string)raw,"+
			"rate=(int)48000,channels=(int)%d,codec_data=(buffer)%s", max(channels, 1), hex.EncodeToString(t.AACConfig)),
			"avdec_aac"
	}
	return caps, decoder + " ! audioconvert ! audio/x-raw,format=F32LE,rate=48000,channels=2,layout=interleaved", nil
}

// soundLead is how much sound before a moment is decoded for it, so that the decoder has settled: Opus needs 80 ms (RFC
// 7845, 4.6), AAC one access unit.
const soundLead = 100 * time.Millisecond

// cutSound is what is heard of a track between two moments.
func cutSound(t mp4.StoredSound, start, end time.Duration) mp4.StoredSound {
	t.Start, t.End = max(t.Start, start), min(t.End, end)
	var kept []mp4.Sample
	for _, x := range t.Samples {
		if x.PTS+x.Duration > t.Start-soundLead && x.PTS < t.End {
			kept = append(kept, x)
		}
	}
	t.Samples = kept
	return t
}

// decodeSound puts what is heard of a track on the line, where the movie begins at a moment of it.
func decodeSound(ctx context.Context, s *mp4.Source, t mp4.StoredSound, begin time.Duration, line *soundLine) error {
	if len(t.Samples) == 0 || t.End <= t.Start {
		return nil
	}
	caps, elements, err := SoundDecoder(t.Track)
	if err != nil {
		return err
	}
	d, err := gst.OpenStage(caps, elements)
	if err != nil {
		return err
	}
	defer d.Close()
	// GStreamer's stamps are not negative, and what an edit list hides may be older than the movie.
	zero := min(t.Samples[0].PTS, 0)
	from, to := media.DurationToSamples(begin+t.Start), media.DurationToSamples(begin+t.End)
	heard := func(x *gst.Sample) error {
		samples, err := x.Floats()
		if err != nil {
			return err
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
		if err := d.Push(data, x.PTS-zero, x.Duration); err != nil {
			return err
		}
		if err := d.Ready(heard); err != nil {
			return err
		}
	}
	return d.Drain(ctx, heard)
}
