package play

import (
	"context"
	"errors"
	"image"
	"slices"
	"sort"
	"time"

	"github.com/hindsight-app/hindsight/capture/clip"
	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/capture/mp4"
)

// Clip is a clip's file opened for looking at it. Its methods may be called from any goroutine until Close.
type Clip struct {
	source *mp4.Source
	frames []mp4.Sample    // in decoding order
	shown  []time.Duration // PTS of the frames that are shown, rising
	times  []time.Duration // when they are: the first may have begun earlier
	sounds []mp4.StoredSound
	begins []int // indexes of keyframes in frames
}

// Sound is a track of sound.
type Sound struct {
	// Name is what the file calls it.
	Name string
	// Adjustable says that it has a volume in clip.TrimRequest, in the order of those that have one.
	Adjustable bool
}

// OpenClip reads a clip's tables. The error is a message. Close it.
func OpenClip(path string) (*Clip, error) {
	source, err := mp4.OpenEnded(path)
	if err != nil {
		return nil, err
	}
	c := &Clip{source: source, frames: source.Frames(), sounds: source.Sounds()}
	end := source.ShownUntil()
	first := time.Duration(-1 << 62) // the last frame at or before the begin
	for i, x := range c.frames {
		if x.Sync {
			c.begins = append(c.begins, i)
		}
		if x.PTS <= 0 {
			first = max(first, x.PTS)
		}
	}
	for _, x := range c.frames {
		if x.PTS >= first && x.PTS < end {
			c.shown = append(c.shown, x.PTS)
		}
	}
	slices.Sort(c.shown)
	if len(c.shown) == 0 || len(c.begins) == 0 || c.begins[0] != 0 {
		return nil, errors.Join(errors.New("it has no frame that can be shown"), source.Close())
	}
	for _, pts := range c.shown {
		c.times = append(c.times, max(pts, 0))
	}
	return c, nil
}

// Close closes the file; nothing that reads it may be at work.
func (c *Clip) Close() error { return c.source.Close() }

// Length is the playing time.
func (c *Clip) Length() time.Duration { return c.source.Length() }

// Size is the size of the frames in pixels.
func (c *Clip) Size() (width, height int) { return c.source.Size() }

// Chapters are the clip's markers.
func (c *Clip) Chapters() []mp4.Chapter { return c.source.Chapters() }

// Frames is how many frames are shown.
func (c *Clip) Frames() int { return len(c.times) }

// At is when a frame begins; from Frames on it is Length.
func (c *Clip) At(frame int) time.Duration {
	if frame >= len(c.times) {
		return c.Length()
	}
	return c.times[max(frame, 0)]
}

// FrameAt is the frame that is on the screen at a moment.
func (c *Clip) FrameAt(at time.Duration) int {
	return max(sort.Search(len(c.times), func(i int) bool { return c.times[i] > at })-1, 0)
}

// Sounds are the tracks of sound.
func (c *Clip) Sounds() []Sound {
	out := make([]Sound, len(c.sounds))
	for i, s := range c.sounds {
		out[i].Name = s.Name
	}
	for _, i := range clip.AdjustableSounds(c.sounds) {
		out[i].Adjustable = true
	}
	return out
}

// fit is the largest size within the bounds that has the shape of the frames, and none larger than they are. Both are
// even.
func (c *Clip) fit(width, height int) (int, int) {
	w, h := c.Size()
	scale := min(1, float64(width)/float64(max(w, 1)), float64(height)/float64(max(h, 1)))
	return max(int(float64(w)*scale)&^1, 2), max(int(float64(h)*scale)&^1, 2)
}

// exactUntil is how far apart the frames of a strip may be so that each is decoded exactly; others show the keyframe
// before, which costs one frame instead of all since then.
const exactUntil = time.Second

// Strip decodes n frames that are spread over a part of the clip, within a size in pixels, and hands them to each,
// until the context ends.
func (c *Clip) Strip(ctx context.Context, from, to time.Duration, n, width, height int,
	each func(n int, img image.Image),
) error {
	width, height = c.fit(width, height)
	r := &reader{clip: c, width: width, height: height}
	defer r.close()
	for i := range n {
		at := from + time.Duration((float64(i)+0.5)/float64(n)*float64(to-from))
		pts := c.shown[c.FrameAt(at)]
		if (to-from)/time.Duration(n) > exactUntil {
			pts = max(c.frames[c.keyBefore(pts)].PTS, c.shown[0])
		}
		img, err := r.at(ctx, pts, nil)
		if err != nil {
			return err
		}
		each(i, img)
	}
	return nil
}

// keyBefore is the index of the last keyframe that is shown at or before a PTS.
func (c *Clip) keyBefore(pts time.Duration) int {
	best := 0
	for _, i := range c.begins {
		if c.frames[i].PTS <= pts {
			best = i
		}
	}
	return best
}

// PeakEvery is how much sound one value of Peaks stands for.
const PeakEvery = 10 * time.Millisecond

// Peaks decodes a track of sound and returns its highest samples, 0 to 1, one for each PeakEvery of the clip. It calls
// each now and then with what there is.
func (c *Clip) Peaks(ctx context.Context, sound int, each func(peaks []float32)) error {
	const length = int(PeakEvery * media.SampleRate / time.Second)
	total := media.DurationToSamples(c.Length())
	peaks := make([]float32, (total+length-1)/length)
	t := newTap(c, sound)
	defer t.close()
	const block = 100 * length // 1 s
	buffer := make([]float32, block*media.Channels)
	if err := t.seek(0); err != nil {
		return err
	}
	for at := 0; at < total; at += block {
		clear(buffer)
		if err := t.add(ctx, buffer, 1); err != nil {
			return err
		}
		for i, v := range buffer {
			if n := (at + i/media.Channels) / length; n < len(peaks) {
				peaks[n] = max(peaks[n], v, -v)
			}
		}
		if at/block%30 == 29 || at+block >= total {
			each(slices.Clone(peaks))
		}
	}
	return nil
}

// numberOf is the frame with a PTS.
func (c *Clip) numberOf(pts time.Duration) int {
	return max(sort.Search(len(c.shown), func(i int) bool { return c.shown[i] > pts+near })-1, 0)
}
