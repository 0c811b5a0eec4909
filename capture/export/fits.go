package export

import (
	"context"
	"fmt"
	"image"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/hindsight-app/hindsight/capture/gst"
	"github.com/hindsight-app/hindsight/capture/mp4"
)

func imagePoint(i Info) image.Point { return image.Pt(i.Width, i.Height) }

func rectangle(size image.Point) image.Rectangle { return image.Rectangle{Max: size} }

const (
	// sampleSide, sampleParts and sampleLength are what the clip's complexity is measured with.
	sampleSide, sampleParts, sampleLength = 360, 8, time.Second
	// sampleRate is the most frames a second of it.
	sampleRate = 30
	// mostAttempts is how often a video is encoded for its size.
	mostAttempts = 7
)

// fits makes a video of at most so many bytes, and not much less where more bits make it better.
func (j *job) fits(ctx context.Context) error {
	if copied, err := j.fitsAlready(ctx); copied || err != nil {
		return err
	}
	size, length, limit := imagePoint(j.info), j.video.length().Seconds(), j.limit()
	total := float64(limit) * 8 / 1000 / length
	j.progress.part(0.05)
	kbps := soundFor(total)
	sounds, err := j.sounds(ctx, kbps)
	if err != nil {
		return err
	}
	fps := max(int(math.Round(j.video.rate)), 1)
	encoder, err := j.encoder(ctx, shapeOf(size, rectangle(size), 0), fps)
	if err != nil {
		return err
	}
	budget := float64(limit)*aim - j.overhead(sounds)
	need := complexity{kbps: 0.05 * float64(size.X*size.Y) * j.video.rate / 1000, pixels: float64(size.X * size.Y),
		rate: j.video.rate}
	j.progress.part(0.05)
	if encoder == x264 {
		if need, err = j.measure(ctx); err != nil {
			return err
		}
	}
	video := max(budget*8/1000/length, leastKbps/2)
	short, picks := need.carry(video, size, j.video.rate)
	s := shapeOf(size, rectangle(size), short)
	if picks >= j.video.rate*0.99 {
		picks = 0
	}
	f := fitting{job: j, encoder: encoder, shape: s, picks: picks, sounds: sounds, start: j.spool.at}
	if need.need(fine-2, float64(s.width*s.height), max(picks, min(j.video.rate, 240))) < video {
		done, err := f.fine(ctx)
		if done || err != nil {
			return err
		}
	}
	if err := f.passes(ctx, video); err != nil {
		return err
	}
	f.kept.Attempts = j.result.Attempts
	j.result = f.kept
	return os.Rename(f.bestPath(), f.made())
}

// markRoom is space for the mark that a finished file gets.
const markRoom = 1 << 10

// fitsAlready copies the samples of a whole clip that is small enough as it is, and says whether it did. Files with
// frames that nobody sees, of several sizes, or with sound that not every player knows are encoded.
func (j *job) fitsAlready(ctx context.Context) (bool, error) {
	if j.From > 0 || j.To < j.source.Length() {
		return false, nil
	}
	m, err := j.source.Cut(j.From, j.To)
	if err != nil {
		return false, err
	}
	sizes, err := j.source.PictureSizes()
	if err != nil || len(sizes) > 1 || j.video.shown < len(j.video.track.Samples) {
		return false, nil // what is wrong shows when it is decoded
	}
	var v track
	var sounds []track
	mix := -1
	for _, t := range m.Tracks {
		switch {
		case t.Kind == mp4.H264:
			v.Track = t
			continue
		case t.Kind != mp4.AAC:
			return false, nil
		case mix < 0 && !t.Off:
			mix = len(sounds)
		}
		sounds = append(sounds, track{Track: t})
	}
	if mix = max(mix, 0); len(sounds) > 0 && !j.AllTracks {
		sounds = sounds[mix : mix+1]
	}
	bytes := int64(0)
	for _, t := range append([]track{v}, sounds...) {
		for _, x := range t.Samples {
			bytes += int64(x.Size)
		}
	}
	if bytes > j.limit() {
		return false, nil
	}
	if len(sounds) == 1 {
		sounds[0].Off = false
	}
	if err := j.write(ctx, &v, sounds); err != nil {
		return false, err
	}
	if size(j.made()) > j.limit()-markRoom {
		return false, nil // and is written over
	}
	j.describe("", shape{width: j.info.Width, height: j.info.Height}, j.video.shown)
	return true, nil
}

// overhead is about how many bytes a file has beside the encoded video: its sound, and some for each frame.
func (j *job) overhead(sounds []track) float64 {
	bytes := 3000.0 + float64(j.video.shown)*14
	for _, t := range sounds {
		bytes += float64(t.bytes) + float64(len(t.Samples))*5
	}
	return bytes
}

// measuring is the encoder that measures.
var measuring = fmt.Sprintf("x264enc pass=quant quantizer=%d speed-preset=veryfast tune=zerolatency threads=1 "+
	"key-int-max=10000 byte-stream=true", good)

// measure encodes a few short parts of the clip, quickly and small, to know what its frames need.
func (j *job) measure(ctx context.Context) (complexity, error) {
	size := imagePoint(j.info)
	s := shapeOf(size, rectangle(size), sampleSide)
	rate := min(j.video.rate, sampleRate)
	picks := 0.0
	if j.video.rate > sampleRate*1.1 {
		picks = sampleRate
	}
	parts := j.video.parts(sampleParts, sampleLength)
	bits, seconds := 0.0, 0.0
	for i, p := range parts {
		first, rest, frames := 0, 0, 0
		var e *gst.Stage
		take := func(x *gst.Sample) error {
			b, err := x.Bytes()
			if err != nil {
				return err
			}
			if frames++; frames == 1 {
				first = len(b)
			} else {
				rest += len(b)
			}
			return nil
		}
		err := p.frames(ctx, s, "I420", picks, func(f float64) { j.progress.at((float64(i) + f) / float64(len(parts))) },
			func(f frame) (err error) {
				if e == nil {
					e, err = gst.OpenSink(withRate(f.caps, int(math.Ceil(rate))), measuring, bytesInside)
					if err != nil {
						return err
					}
					e.Patience = decoderPatience
				}
				return e.Push(f.data, f.at, time.Duration(float64(time.Second)/rate))
			})
		if err == nil && e != nil {
			err = e.Drain(ctx, take)
		}
		if e != nil {
			e.Close()
		}
		if err != nil {
			return complexity{}, err
		}
		length := max(float64(frames)/rate, 1/rate)
		bits += 8 * (float64(first)/keySeconds*length + float64(rest))
		seconds += length
	}
	return complexity{kbps: max(bits/1000/max(seconds, 0.01), 1), pixels: float64(s.width * s.height), rate: rate}, nil
}

// fitting is the search for the bitrate that makes a file of the right size.
type fitting struct {
	*job
	encoder string
	shape   shape
	picks   float64
	sounds  []track
	start   int64 // in the spool: what is before stays
	best    int64 // the size of the best file so far, 0 without one
	kept    Result
}

// attempt encodes the video, writes the file, and returns its size and that of its video.
func (f *fitting) attempt(ctx context.Context, r rate) (whole, video int64, err error) {
	if err := f.spool.rewind(f.start); err != nil {
		return 0, 0, err
	}
	f.result.Attempts++
	v, err := f.encode(ctx, f.encoder, f.shape, f.picks, r)
	if err != nil {
		return 0, 0, err
	}
	if r.pass == 1 {
		f.result.Attempts--
		return 0, v.bytes, nil
	}
	f.describe(f.encoder, f.shape, len(v.Samples))
	if err := f.write(ctx, &v, f.sounds); err != nil {
		return 0, 0, err
	}
	return size(f.made()), v.bytes, nil
}

// fine makes a file that looks like the original, if that is small enough.
func (f *fitting) fine(ctx context.Context) (bool, error) {
	f.progress.part(0.4)
	size, _, err := f.attempt(ctx, rate{quality: fine, kbps: 200_000})
	if err != nil || size > f.limit() {
		return false, err
	}
	return true, nil
}

// bestPath is where the best file so far lies.
func (f *fitting) bestPath() string { return filepath.Join(f.Folder, "best") }

// keep makes the file that was written last the best one.
func (f *fitting) keep(size int64) error {
	f.best, f.kept = size, f.result
	return os.Rename(f.made(), f.bestPath())
}

// passes looks at the whole video first where the encoder can, and then encodes it until its size is right: the first
// time is nearly always, a short clip may take some more.
func (f *fitting) passes(ctx context.Context, kbps float64) error {
	pass := 0
	if f.encoder == x264 {
		pass = 2
		f.progress.part((1 - f.progress.until) * 0.35)
		if _, _, err := f.attempt(ctx, rate{pass: 1, kbps: whole(kbps)}); err != nil {
			return err
		}
	}
	limit := float64(f.limit())
	under, over := 0.0, math.Inf(1) // bitrates whose files were too small, and too large
	before, last := 0.0, int64(0)   // bitrate and size of the video of the attempt before
	for range mostAttempts {
		f.progress.part((1 - f.progress.until) * 0.8)
		size, video, err := f.attempt(ctx, rate{pass: pass, kbps: whole(kbps)})
		if err != nil {
			return err
		}
		if size <= f.limit() && size > f.best {
			if err := f.keep(size); err != nil {
				return err
			}
		}
		if float64(size) <= limit && float64(size) >= limit*least {
			return nil
		}
		if more := kbps/before - 1; before > 0 && size < f.limit() && more > 0.03 &&
			float64(video)/float64(last)-1 < more/4 {
			return nil // it has no use for more bits: it looks as good as it can
		}
		want := limit*aim - float64(size-video)
		next := kbps * want / float64(max(video, 1))
		if slope := float64(video-last) / (kbps - before); before > 0 && slope > 0 {
			next = kbps + (want-float64(video))/slope
		}
		before, last = kbps, video
		if float64(size) > limit {
			over = min(over, kbps)
		} else {
			under = max(under, kbps)
		}
		next = min(max(next, kbps/4), kbps*4)
		if next <= under || next >= over { // it jumps: halve the way
			next = (under + min(over, kbps*2)) / 2
		}
		kbps = max(next, 1)
	}
	if f.best == 0 {
		return inputError("the clip cannot be made to fit %s; choose a part of it, or allow a larger file",
			sizeText(f.limit()))
	}
	return nil
}

func whole(kbps float64) int { return max(int(math.Round(kbps)), 1) }
