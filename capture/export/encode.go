package export

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/hindsight-app/hindsight/capture/clip"
	"github.com/hindsight-app/hindsight/capture/encode"
	"github.com/hindsight-app/hindsight/capture/gst"
	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/capture/mp4"
)

// job is one export in the worker. It belongs to one goroutine.
type job struct {
	order
	progress *progress
	source   *mp4.Source
	info     Info
	video    video
	spool    *spool
	result   Result
}

func (j *job) run(ctx context.Context) (Result, error) {
	var err error
	if j.source, err = mp4.OpenEnded(j.Path); err != nil {
		return Result{}, inputError("%s cannot be exported: %v", filepath.Base(j.Path), err)
	}
	defer j.source.Close()
	if j.Request, err = j.checked(j.source); err != nil {
		return Result{}, err
	}
	if j.info, err = look(j.source, j.Path); err != nil {
		return Result{}, err
	}
	if j.video, err = openVideo(j.source, j.From, j.To); err != nil {
		return Result{}, inputError("%s cannot be exported: %v", filepath.Base(j.Path), err)
	}
	if j.spool, err = newSpool(filepath.Join(j.Folder, "packets")); err != nil {
		return Result{}, err
	}
	defer j.spool.close()
	j.result.Seconds = j.video.length().Seconds()
	switch j.Preset {
	case GIF:
		err = j.gif(ctx)
	case WebP:
		err = j.webp(ctx)
	case Audio:
		err = j.sound(ctx)
	case Fits:
		err = j.fits(ctx)
	default:
		err = j.scaled(ctx)
	}
	if err != nil {
		return Result{}, j.explain(err)
	}
	st, err := os.Stat(j.made())
	if err != nil {
		return Result{}, err
	}
	j.result.Bytes = st.Size()
	return j.result, nil
}

// made is the path of the file to make.
func (j *job) made() string { return filepath.Join(j.Folder, made) }

// explain finds out whether a full disk is behind an error, which libraries do not say.
func (j *job) explain(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return err
	}
	probe := filepath.Join(j.Folder, "probe")
	full := os.WriteFile(probe, make([]byte, 64<<10), 0o600)
	_ = os.Remove(probe)
	if full != nil {
		return full
	}
	return err
}

// track is encoded video or sound whose samples are in the spool.
type track struct {
	mp4.Track
	bytes int64
}

// rate is how bits are spent.
type rate struct {
	// quality is a quantizer that stays as long as kbps, then the most, suffices; 0 spends kbps.
	quality, kbps int
	// pass is 1 or 2 of an encoder that looks at the whole video first; 0 is another.
	pass int
}

// keySeconds is the longest time between two keyframes in s.
const keySeconds = 4

// x264 is the element's description: with B-frames and a lookahead, as nobody waits for its frames.
func (j *job) x264(fps int, r rate) string {
	how := ""
	switch {
	case r.pass > 0:
		how = fmt.Sprintf("pass=pass%d vbv-buf-capacity=0 speed-preset=fast multipass-cache-file=\"%s\"", r.pass,
			filepath.Join(j.Folder, "passes"))
	case r.quality > 0:
		how = fmt.Sprintf("pass=qual quantizer=%d vbv-buf-capacity=3000 speed-preset=faster", r.quality)
	default:
		how = "vbv-buf-capacity=3000 speed-preset=faster"
	}
	return fmt.Sprintf("x264enc %s bitrate=%d threads=%d bframes=2 rc-lookahead=24 key-int-max=%d byte-stream=true ! "+
		"video/x-h264,stream-format=byte-stream,alignment=au,profile=high", how, r.kbps, threads(), keySeconds*fps)
}

// encoder chooses the H.264 encoder: x264, which encodes best for its bits, else the first that passes its trial.
func (j *job) encoder(ctx context.Context, s shape, fps int) (string, error) {
	c := encode.VideoConfig{Width: s.width, Height: s.height, FrameRate: fps, Preset: media.Quality, Encoder: x264}
	if name, err := encode.Choose(ctx, c); err == nil {
		return name, nil
	}
	c.Encoder = ""
	return encode.Choose(ctx, c)
}

// x264 is the name of the encoder that has two passes.
const x264 = "x264enc"

// bytesInside is how many bytes of frames wait for an encoder.
const bytesInside = 16 << 20

var frameRate = regexp.MustCompile(`framerate=\(fraction\)\d+/\d+`)

// withRate says in the caps of frames how many of them there are a second.
func withRate(caps string, fps int) string {
	rate := fmt.Sprintf("framerate=(fraction)%d/1", fps)
	if frameRate.MatchString(caps) {
		return frameRate.ReplaceAllString(caps, rate)
	}
	return caps + ", " + rate
}

// encode encodes the part's frames; picks is their rate, 0 for all.
func (j *job) encode(ctx context.Context, encoder string, s shape, picks float64, r rate) (track, error) {
	fps := max(int(math.Round(j.video.rate)), 1)
	if picks > 0 {
		fps = int(math.Round(picks))
	}
	if encoder != x264 {
		return j.encodeByEngine(ctx, encoder, s, picks, fps, r)
	}
	out := track{Track: mp4.Track{Kind: mp4.H264}}
	take := func(x *gst.Sample) error {
		b, err := x.Bytes()
		if err != nil {
			return err
		}
		return out.add(j.spool, b, x.PTS())
	}
	if err := j.through(ctx, j.x264(fps, r), s, picks, fps, take); err != nil {
		return track{}, err
	}
	return out, out.order()
}

// through sends the part's frames through an encoder's elements and hands what comes out to take.
func (j *job) through(ctx context.Context, elements string, s shape, picks float64, fps int,
	take func(*gst.Sample) error) error {
	var e *gst.Stage
	defer func() {
		if e != nil {
			e.Close()
		}
	}()
	err := j.video.frames(ctx, s, "I420", picks, j.progress.at, func(f frame) (err error) {
		if e == nil {
			if e, err = gst.OpenSink(withRate(f.caps, fps), elements, bytesInside); err != nil {
				return err
			}
			e.Patience = decoderPatience
		}
		if err := e.Push(f.data, f.at, time.Second/time.Duration(fps)); err != nil {
			return err
		}
		return e.Ready(take)
	})
	if err != nil {
		return err
	}
	return e.Drain(ctx, take)
}

// add writes an access unit to the spool.
func (t *track) add(s *spool, data []byte, pts time.Duration) error {
	x, err := s.video(data)
	if err != nil {
		return err
	}
	x.PTS = pts
	t.bytes += int64(x.Size)
	t.Samples = append(t.Samples, x)
	return nil
}

// order gives the samples, which are in decoding order, decoding times: those of the frames as they are shown, so much
// earlier that no frame is shown before it is decoded.
func (t *track) order() error {
	if len(t.Samples) == 0 {
		return errors.New("the encoder gave no video")
	}
	shown := make([]time.Duration, len(t.Samples))
	for i, x := range t.Samples {
		shown[i] = x.PTS
	}
	slices.Sort(shown)
	delay := time.Duration(0)
	for i, x := range t.Samples {
		delay = max(delay, shown[i]-x.PTS)
	}
	for i := range t.Samples {
		t.Samples[i].DTS = shown[i] - delay
	}
	return nil
}

// encodeByEngine encodes with an encoder that capture uses as well, which takes BGRx.
func (j *job) encodeByEngine(ctx context.Context, encoder string, s shape, picks float64, fps int, r rate) (track,
	error) {
	out := track{Track: mp4.Track{Kind: mp4.H264}}
	packets := make(chan *media.Packet, 256)
	v, err := encode.OpenVideo(encode.VideoConfig{Width: s.width, Height: s.height, FrameRate: fps,
		BitrateKbps: r.kbps, ConstantQuality: r.quality, Preset: media.Quality, Encoder: encoder},
		func(p *media.Packet) { packets <- p })
	if err != nil {
		return track{}, err
	}
	defer v.Close()
	inside := 0
	// settle takes what has come out until at most so many frames are inside.
	settle := func(most int) error {
		last := time.NewTimer(decoderPatience)
		defer last.Stop()
		for inside > most {
			select {
			case p := <-packets:
				inside--
				if err := out.add(j.spool, p.Data, p.PTS); err != nil {
					return err
				}
			case <-last.C:
				return fmt.Errorf("the encoder %s does not respond", encoder)
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	}
	err = j.video.frames(ctx, s, "BGRx", picks, j.progress.at, func(f frame) error {
		if err := settle(2); err != nil {
			return err
		}
		inside++
		return v.Encode(media.Frame{Width: s.width, Height: s.height, Stride: s.width * 4, Data: f.data}, f.at)
	})
	if err == nil {
		err = settle(0)
	}
	if err != nil {
		return track{}, err
	}
	return out, out.order()
}

// write writes the file.
func (j *job) write(ctx context.Context, v *track, sounds []track) error {
	if err := j.spool.out.Flush(); err != nil {
		return err
	}
	m := mp4.Movie{End: j.video.length(), Created: j.video.created, Fetch: j.spool.fetch, SoundOnly: v == nil,
		Origin: string(clip.Trimmed)}
	if m.Created.IsZero() {
		if st, err := os.Stat(j.Path); err == nil {
			m.Created = st.ModTime()
		}
	}
	if v != nil {
		m.Tracks, m.Chapters = append(m.Tracks, v.Track), j.video.chapters
	}
	for _, t := range sounds {
		m.Tracks = append(m.Tracks, t.Track)
	}
	return writeFile(j.made(), func(f *os.File) error {
		_, err := mp4.Write(ctx, f, m)
		return err
	})
}

// writeFile makes a file and writes it to the disk.
func writeFile(path string, write func(*os.File) error) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// describe notes what the video is.
func (j *job) describe(encoder string, s shape, frames int) {
	j.result.Encoder, j.result.Width, j.result.Height = encoder, s.width, s.height
	j.result.FrameRate = math.Round(float64(frames)/j.result.Seconds*100) / 100
}

// scaled makes a video of a size in rows, whose quality stays.
func (j *job) scaled(ctx context.Context) error {
	size := imagePoint(j.info)
	s := shapeOf(size, rectangle(size), map[Preset]int{P720: 720, P1080: 1080}[j.Preset])
	if j.Preset == Vertical {
		s = shapeOf(size, upright(size, j.Crop), 1080)
	}
	j.progress.part(0.06)
	sounds, err := j.sounds(ctx, soundKbps)
	if err != nil {
		return err
	}
	fps := max(int(math.Round(j.video.rate)), 1)
	most := mostKbps(s, j.video.rate)
	var encoder string
	var v track
	if other, is := others[j.Codec]; is {
		encoder = other.encoder
		j.progress.part(0.9)
		v, err = j.encodeOther(ctx, other, s, fps, most)
	} else if encoder, err = j.encoder(ctx, s, fps); err == nil {
		j.progress.part(0.9)
		v, err = j.encode(ctx, encoder, s, 0, rate{quality: 22, kbps: most})
	}
	if err != nil {
		return err
	}
	j.progress.part(0.04)
	j.describe(encoder, s, len(v.Samples))
	return j.write(ctx, &v, sounds)
}

func le16(b []byte, v uint16) []byte { return binary.LittleEndian.AppendUint16(b, v) }
func le32(b []byte, v uint32) []byte { return binary.LittleEndian.AppendUint32(b, v) }
