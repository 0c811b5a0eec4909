package clip

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hindsight-app/hindsight/capture/encode"
	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/capture/mix"
	"github.com/hindsight-app/hindsight/capture/mp4"
)

// MostVolume bounds a factor: 4 is 12 dB louder.
const MostVolume = 4

// SoundTracks are the names of the tracks of sound that a clip's volumes are for: those beside the mix where it has
// separate ones, else the first. The error is an InputError.
func SoundTracks(path string) ([]string, error) {
	s, err := mp4.OpenEnded(path)
	if err != nil {
		return nil, inputError("%s cannot be read: %w", filepath.Base(path), err)
	}
	defer s.Close()
	sounds := s.Sounds()
	var names []string
	for _, n := range AdjustableSounds(sounds) {
		names = append(names, sounds[n].Name)
	}
	return names, nil
}

// AdjustableSounds are the indexes of the tracks that volumes are for. Files of other programs may have no mix, and
// then the first track, which plays by itself, is on its own.
func AdjustableSounds(sounds []mp4.StoredSound) (indexes []int) {
	if len(sounds) > 0 && (len(sounds) == 1 || sounds[0].Name != trackNames[media.AAC]) {
		return []int{0}
	}
	for i := 1; i < len(sounds); i++ {
		indexes = append(indexes, i)
	}
	return indexes
}

// remix gives a part of a source the volumes that a request names.
func remix(ctx context.Context, s *mp4.Source, m *mp4.Movie, r TrimRequest) error {
	if !slices.ContainsFunc(r.Volumes, func(v float64) bool { return v != 1 }) {
		return nil
	}
	sounds := s.Sounds()
	adjustable := AdjustableSounds(sounds)
	if len(r.Volumes) > len(adjustable) {
		return inputError("%s has no such audio track; a clip has separate ones where that was set when it was recorded",
			filepath.Base(r.Path))
	}
	var parts []mp4.StoredSound
	var volumes []float64
	silent := map[int]bool{} // by index of the sound
	for n, volume := range r.Volumes {
		if !(volume >= 0 && volume <= MostVolume) {
			return inputError("a volume must be between 0 and %d times what it was", MostVolume)
		}
		silent[adjustable[n]] = volume == 0
	}
	from := max(m.Start-soundLead, 0)
	for n, index := range adjustable {
		volume := 1.0
		if n < len(r.Volumes) {
			volume = r.Volumes[n]
		}
		if volume > 0 {
			parts, volumes = append(parts, cutSound(sounds[index], from, m.End)), append(volumes, volume)
		}
	}
	made, err := mixSounds(ctx, s, parts, volumes, from, m.End)
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("the sound of %s cannot be mixed anew: %w", filepath.Base(r.Path), err)
	}
	if err != nil {
		return err
	}
	if r.Smart {
		made.Samples = slices.DeleteFunc(made.Samples, func(x mp4.Sample) bool { return x.PTS+x.Duration <= m.Start })
	}
	var tracks []mp4.Track
	sound := 0
	for _, t := range m.Tracks {
		switch {
		case t.Kind == mp4.H264:
			tracks = append(tracks, t)
			continue
		case sound == 0 && len(parts) > 0:
			made.Name, made.Off = t.Name, t.Off
			tracks = append(tracks, made)
		case sound > 0 && !silent[sound]:
			tracks = append(tracks, t)
		}
		sound++
	}
	m.Tracks = tracks
	return nil
}

// mixSounds encodes the sum of tracks, each times its volume, from one moment to another.
func mixSounds(ctx context.Context, s *mp4.Source, parts []mp4.StoredSound, volumes []float64, from, to time.Duration,
) (mp4.Track, error) {
	out := mp4.Track{Kind: mp4.AAC}
	if len(parts) == 0 {
		return out, nil
	}
	e, err := encode.OpenSound(media.AAC, func(p *media.Packet) {
		if len(out.AACConfig) == 0 {
			out.AACConfig = p.Config
		}
		out.Samples = append(out.Samples, sample(p))
	})
	if err != nil {
		return out, err
	}
	defer func() { _ = e.Close() }() // all its packets are here
	g, running := errgroup.WithContext(ctx)
	begin, end := media.DurationToSamples(from), media.DurationToSamples(to)+2*1024 // fills the last access unit
	var voices []*voice
	for i, p := range parts {
		v := &voice{volume: float32(volumes[i]), blocks: make(chan []float32)}
		voices = append(voices, v)
		g.Go(func() error { return v.play(running, s, p, begin, end) })
	}
	g.Go(func() error { return sum(running, voices, begin, end, e) })
	if err := g.Wait(); err != nil {
		return out, err
	}
	return out, e.Flush(ctx, 0)
}

// sum mixes the voices as the recorder mixes its sources, below the same ceiling, and encodes what comes of it.
func sum(ctx context.Context, voices []*voice, begin, end int, e *encode.Sound) error {
	late := media.DurationToSamples(mix.Latency)
	var limiter mix.Limiter
	for at := begin; at < end+late; at += blockSamples {
		block := make([]float32, blockSamples*media.Channels)
		for _, v := range voices {
			if err := v.add(ctx, block); err != nil {
				return err
			}
		}
		limiter.Process(block)
		// What comes out is late by the limiter's look-ahead, which is nothing at the begin.
		if skip := min(begin+late-at, blockSamples); skip > 0 {
			block = block[skip*media.Channels:]
		}
		if len(block) == 0 {
			continue
		}
		if err := e.Flush(ctx, mostInside); err != nil {
			return err
		}
		if err := e.Encode(media.PCM{PTS: media.SamplesToDuration(max(at-late, begin)), Samples: block}); err != nil {
			return err
		}
	}
	return nil
}

// voice is a track on its way from its decoder to the mix, each on a goroutine of its own.
type voice struct {
	volume float32
	blocks chan []float32
	left   []float32 // of the last block
}

// play decodes the track and ends when all of it was taken.
func (v *voice) play(ctx context.Context, s *mp4.Source, t mp4.StoredSound, begin, end int) error {
	defer close(v.blocks)
	line := &soundLine{at: begin, encode: func(p media.PCM) error {
		select {
		case v.blocks <- slices.Clone(p.Samples):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}}
	if err := decodeSound(ctx, s, t, 0, line); err != nil {
		return err
	}
	return line.silence(end)
}

// add adds as much as there is place for; behind the end is silence.
func (v *voice) add(ctx context.Context, block []float32) error {
	for n := 0; n < len(block); {
		if len(v.left) == 0 {
			select {
			case b, more := <-v.blocks:
				if !more {
					return nil
				}
				v.left = b
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		k := min(len(v.left), len(block)-n)
		for i, x := range v.left[:k] {
			block[n+i] += x * v.volume
		}
		n, v.left = n+k, v.left[k:]
	}
	return nil
}
