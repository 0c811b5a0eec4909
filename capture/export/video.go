package export

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/hindsight-app/hindsight/capture/gst"
	"github.com/hindsight-app/hindsight/capture/mp4"
)

// nearFrame is how far a frame's begin may be from a moment that means it.
const nearFrame = time.Millisecond

// video is the part of a clip's video to export.
type video struct {
	source   *mp4.Source
	track    mp4.Track
	from, to time.Duration // on the clip's time line
	shown    int           // frames between them
	rate     float64       // their mean in frames a second
	chapters []mp4.Chapter // from the part's begin
	created  time.Time
}

// openVideo finds the frames that a player shows between two moments.
func openVideo(s *mp4.Source, from, to time.Duration) (video, error) {
	m, err := s.Cut(from, to)
	if err != nil {
		return video{}, err
	}
	v := video{source: s, from: m.Start, to: m.End, created: m.Created}
	i := slices.IndexFunc(m.Tracks, func(t mp4.Track) bool { return t.Kind == mp4.H264 })
	v.track = m.Tracks[i]
	first, last := v.to, v.from
	for _, x := range v.track.Samples {
		if x.PTS >= v.from && x.PTS < v.to {
			v.shown++
			first, last = min(first, x.PTS), max(last, x.PTS)
		}
	}
	if v.shown == 0 {
		return video{}, mp4.ErrEmpty
	}
	v.rate = 30
	if v.shown > 1 {
		v.rate = float64(v.shown-1) / (last - first).Seconds()
	}
	if v.rate > 240 || !(v.rate >= 1) {
		v.rate = min(max(v.rate, 1), 240)
	}
	for _, c := range m.Chapters {
		c.At -= v.from
		v.chapters = append(v.chapters, c)
	}
	return v, nil
}

// length is how long the part is.
func (v *video) length() time.Duration { return v.to - v.from }

// parts are short pieces from the whole of the video, each beginning with a keyframe.
func (v *video) parts(most int, each time.Duration) []video {
	var keys []int
	for i, x := range v.track.Samples {
		if x.Sync && x.PTS >= v.from && x.PTS < v.to {
			keys = append(keys, i)
		}
	}
	if len(keys) == 0 {
		return []video{*v}
	}
	var out []video
	for n := range min(most, len(keys)) {
		p := *v
		k := keys[n*len(keys)/min(most, len(keys))]
		p.from = v.track.Samples[k].PTS
		p.to = min(p.from+each, v.to)
		end := k
		for end < len(v.track.Samples) && (end == k || v.track.Samples[end].DTS < p.to) {
			end++
		}
		p.track.Samples = v.track.Samples[k:end]
		p.shown = 0
		for _, x := range p.track.Samples {
			if x.PTS >= p.from && x.PTS < p.to {
				p.shown++
			}
		}
		out = append(out, p)
	}
	return out
}

// picked chooses the frames of a lower frame rate; a rate of 0 takes all.
type picked struct {
	rate float64
	slot float64
	any  bool
}

// take says whether a frame that is shown at a moment is one of them.
func (p *picked) take(at time.Duration) bool {
	if p.rate == 0 {
		return true
	}
	slot := math.Floor(at.Seconds()*p.rate + 0.25)
	if p.any && slot <= p.slot {
		return false
	}
	p.any, p.slot = true, slot
	return true
}

// decoder is the element that decodes H.264.
func decoder() (string, error) {
	if gst.HasElement("avdec_h264") {
		return "avdec_h264 max-threads=" + strconv.Itoa(threads()), nil
	}
	if gst.HasElement("openh264dec") {
		return "openh264dec", nil
	}
	return "", errors.New("no decoder for H.264 is installed; install gstreamer1.0-libav")
}

// elements cut out, scale and convert frames.
func (s shape) elements(format string) string {
	text := ""
	if s.crop.Dx() != s.from.X || s.crop.Dy() != s.from.Y {
		text = fmt.Sprintf("videocrop left=%d top=%d right=%d bottom=%d ! ", s.crop.Min.X, s.crop.Min.Y,
			s.from.X-s.crop.Max.X, s.from.Y-s.crop.Max.Y)
	}
	return text + fmt.Sprintf("videoscale method=lanczos add-borders=false ! videoconvert ! "+
		"video/x-raw,format=%s,width=%d,height=%d,pixel-aspect-ratio=1/1", format, s.width, s.height)
}

// frame is a decoded frame. Its data are valid until the call returns.
type frame struct {
	caps string
	data []byte
	at   time.Duration // from the part's begin
}

// mostBehind is how many frames the decoder may be behind before nothing more is given to it for a while.
const mostBehind = 24

// decoderPatience is how long a decoder may take for a frame, on a machine that has no time to spare.
const decoderPatience = 5 * time.Minute

// frames decodes the part and hands its frames over in the order in which they are shown, at most rate a second; 0 is
// all of them. done is how far it is.
func (v *video) frames(ctx context.Context, s shape, format string, rate float64, done func(float64),
	f func(frame) error) error {
	decode, err := decoder()
	if err != nil {
		return err
	}
	d, err := gst.OpenStage("video/x-h264,stream-format=byte-stream,alignment=au", "h264parse ! "+decode+" ! "+
		s.elements(format))
	if err != nil {
		return err
	}
	defer d.Close()
	d.Patience = decoderPatience
	// GStreamer's stamps are not negative, and hidden frames may be older than the movie.
	zero := time.Duration(0)
	for _, x := range v.track.Samples {
		zero = min(zero, x.PTS)
	}
	pick := picked{rate: rate}
	given, came, shown := 0, 0, 0
	show := func(x *gst.Sample) error {
		came++
		at := x.PTS() + zero - v.from
		if at < -nearFrame || at >= v.length() {
			return nil
		}
		shown++
		done(float64(shown) / float64(v.shown))
		if at = max(at, 0); !pick.take(at) {
			return nil
		}
		b, err := x.Bytes()
		if err != nil {
			return err
		}
		return f(frame{x.Caps(), b, at})
	}
	for i := range v.track.Samples {
		x, err := v.source.AnnexB(&v.track, i)
		if err != nil {
			return err
		}
		if err := d.Push(x.Data, x.PTS-zero, x.Duration); err != nil {
			return err
		}
		if err := d.Ready(show); err != nil {
			return err
		}
		if given++; given-came > mostBehind {
			if err := d.Wait(behindWait, show); err != nil {
				return err
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	if err := d.Drain(ctx, show); err != nil {
		return err
	}
	if shown == 0 {
		return errors.New("its video cannot be decoded")
	}
	return nil
}

// behindWait is how long a decoder that is behind gets for a frame: damaged video gives none.
const behindWait = 250 * time.Millisecond
