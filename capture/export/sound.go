package export

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"github.com/hindsight-app/hindsight/capture/clip"
	"github.com/hindsight-app/hindsight/capture/encode"
	"github.com/hindsight-app/hindsight/capture/gst"
	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/capture/mp4"
)

// chosen are the sound tracks to export: the mix, and with AllTracks the others behind it.
func (j *job) chosen() []mp4.StoredSound {
	all := j.source.Sounds()
	mix := 0
	for i, t := range all {
		if !t.Off {
			mix = i
			break
		}
	}
	if len(all) == 0 {
		return nil
	}
	out := []mp4.StoredSound{all[mix]}
	for i, t := range all {
		if i != mix && j.AllTracks {
			out = append(out, t)
		}
	}
	return out
}

// pcm hands over what is heard of a track in the part.
func (j *job) pcm(ctx context.Context, t mp4.StoredSound, give func(media.PCM) error) error {
	length := j.video.length().Seconds()
	return clip.PCM(ctx, j.source, t, j.video.from, j.video.to, func(p media.PCM) error {
		j.progress.at(p.PTS.Seconds() / length)
		return give(p)
	})
}

// mostInside bounds how far the decoder may be ahead of the encoder, in samples: 5 s.
const mostInside = 5 * media.SampleRate

// sounds encodes the sound tracks as AAC. What an edit list hides is not in them.
func (j *job) sounds(ctx context.Context, kbps int) ([]track, error) {
	var out []track
	for i, t := range j.chosen() {
		e, err := j.encodeSound(ctx, t, kbps)
		if err != nil {
			return nil, fmt.Errorf("the clip's sound cannot be encoded: %w", err)
		}
		e.Name, e.Off = t.Name, i > 0
		out = append(out, e)
	}
	return out, nil
}

func (j *job) encodeSound(ctx context.Context, t mp4.StoredSound, kbps int) (track, error) {
	out := track{Track: mp4.Track{Kind: mp4.AAC}}
	if kbps == soundKbps {
		kbps = 0
	}
	var failed error
	e, err := encode.OpenSoundAt(media.AAC, kbps, func(p *media.Packet) {
		if len(out.AACConfig) == 0 {
			out.AACConfig = p.Config
		}
		x, err := j.spool.packet(mp4.AAC, p.Data)
		if err != nil {
			failed = err
		}
		x.DTS, x.PTS, x.Duration, x.Sync = p.DTS, p.PTS, p.Duration, true
		out.bytes += int64(len(p.Data))
		out.Samples = append(out.Samples, x)
	})
	if err != nil {
		return out, err
	}
	defer e.Close()
	end := time.Duration(0)
	give := func(p media.PCM) error {
		end = p.PTS + media.SamplesToDuration(len(p.Samples)/media.Channels)
		if err := e.Flush(ctx, mostInside); err != nil {
			return err
		}
		return e.Encode(p)
	}
	if err := j.pcm(ctx, t, give); err != nil {
		return out, err
	}
	// What follows the end fills the last access unit, and is not shown.
	const access = 1024
	if err := give(media.PCM{PTS: end, Samples: make([]float32, 2*access*media.Channels)}); err != nil {
		return out, err
	}
	if err := e.Flush(ctx, 0); err != nil {
		return out, err
	}
	return out, failed
}

// sound makes a file of the sound alone.
func (j *job) sound(ctx context.Context) error {
	j.progress.part(0.97)
	switch j.Sound {
	case WAV:
		return j.wav(ctx)
	case Opus:
		return j.opus(ctx)
	}
	sounds, err := j.sounds(ctx, soundKbps)
	if err != nil {
		return err
	}
	return j.write(ctx, nil, sounds)
}

// sixteen turns samples into 16 bits, little-endian.
func sixteen(dst []byte, samples []float32) []byte {
	for _, v := range samples {
		x := min(max(float64(v)*(math.MaxInt16+1), math.MinInt16), math.MaxInt16)
		dst = le16(dst, uint16(int16(math.RoundToEven(x))))
	}
	return dst
}

// wav writes 16 bits at 48 kHz (Microsoft, "Multimedia Programming Interface and Data Specifications 1.0", RIFF WAVE).
func (j *job) wav(ctx context.Context) error {
	const frameBytes = 2 * media.Channels
	size := int64(media.DurationToSamples(j.video.length())) * frameBytes
	if size > math.MaxUint32-64 {
		return inputError("the sound is too long for a WAV file; use m4a or opus")
	}
	return writeFile(j.made(), func(f *os.File) error {
		w := bufio.NewWriterSize(f, 256<<10)
		head := le32([]byte("RIFF"), uint32(36+size))
		head = le32(append(head, "WAVEfmt "...), 16)
		head = le16(le16(head, 1), media.Channels)
		head = le32(le32(head, media.SampleRate), media.SampleRate*frameBytes)
		head = le16(le16(head, frameBytes), 16)
		head = le32(append(head, "data"...), uint32(size))
		if _, err := w.Write(head); err != nil {
			return err
		}
		var block []byte
		err := j.pcm(ctx, j.chosen()[0], func(p media.PCM) error {
			block = sixteen(block[:0], p.Samples)
			_, err := w.Write(block)
			return err
		})
		if err != nil {
			return err
		}
		return w.Flush()
	})
}

// opus writes an Ogg file (RFC 7845).
func (j *job) opus(ctx context.Context) error {
	for _, e := range []string{"opusenc", "oggmux"} {
		if !gst.HasElement(e) {
			return fmt.Errorf("GStreamer's element %s is missing; install gstreamer1.0-plugins-base", e)
		}
	}
	return writeFile(j.made(), func(f *os.File) error {
		e, err := gst.OpenSink("audio/x-raw,format=S16LE,rate=48000,channels=2,channel-mask=(bitmask)0x3,layout=interleaved",
			"opusenc bitrate=128000 audio-type=generic ! oggmux", 1<<20)
		if err != nil {
			return err
		}
		defer e.Close()
		e.Patience = decoderPatience
		take := func(x *gst.Sample) error { return copySample(f, x) }
		var block []byte
		err = j.pcm(ctx, j.chosen()[0], func(p media.PCM) error {
			block = sixteen(block[:0], p.Samples)
			if err := e.Push(block, p.PTS, media.SamplesToDuration(len(p.Samples)/media.Channels)); err != nil {
				return err
			}
			return e.Ready(take)
		})
		if err != nil {
			return err
		}
		return e.Drain(ctx, take)
	})
}

func copySample(w io.Writer, x *gst.Sample) error {
	b, err := x.Bytes()
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}
