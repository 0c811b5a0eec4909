package export

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/hindsight-app/hindsight/capture/gst"
	"github.com/hindsight-app/hindsight/capture/mp4"
)

// other is a codec beside H.264, whose files are only written.
type other struct {
	kind            mp4.Kind
	encoder, parser string
	// settings are the encoder's for so many frames a second and at most so many kb/s, caps what the parser makes.
	settings func(fps, kbps int) string
	caps     string
}

// others are the codecs beside H.264. x265enc takes no quality with a limit, so its quantizer is fixed. av1enc has no
// quality either: it gets half of what H.264 may spend at most, and a quantizer that it need not go below.
var others = map[Codec]other{
	HEVC: {mp4.HEVC, "x265enc", "h265parse", func(fps, _ int) string {
		return fmt.Sprintf("qp=26 speed-preset=faster key-int-max=%d log-level=none option-string=\"pools=%d\"",
			keySeconds*fps, threads())
	}, "video/x-h265,stream-format=hvc1,alignment=au"},
	AV1: {mp4.AV1, "av1enc", "av1parse", func(fps, kbps int) string {
		return fmt.Sprintf("end-usage=vbr target-bitrate=%d min-quantizer=30 max-quantizer=56 cpu-used=6 row-mt=true "+
			"threads=%d keyframe-max-dist=%d", max(kbps/2, 1), threads(), keySeconds*fps)
	}, "video/x-av1,stream-format=obu-stream,alignment=tu"},
}

// Codecs are the codecs that are installed, H264 first.
func Codecs() []Codec {
	out := []Codec{H264}
	for _, c := range codecs[1:] {
		if o := others[c]; gst.HasElement(o.encoder) && gst.HasElement(o.parser) {
			out = append(out, c)
		}
	}
	return out
}

// checkCodec says what is wrong with the codec of a request.
func (r Request) checkCodec() error {
	switch {
	case r.Codec == "" || r.Codec == H264:
	case !slices.Contains(codecs, r.Codec):
		return inputError("%q is not a codec; use h264, hevc or av1", string(r.Codec))
	case !r.Preset.HasCodecs():
		return inputError("only the presets 720p, 1080p and vertical can be made with %s", r.Codec)
	case !slices.Contains(Codecs(), r.Codec):
		return inputError("no encoder for %s is installed; install gstreamer1.0-plugins-bad, or use h264", r.Codec)
	}
	return nil
}

// codecData is the sample description's content in caps.
var codecData = regexp.MustCompile(`codec_data=\(buffer\)([0-9a-f]+)`)

// config is what the sample description holds, by the first sample and its data; nil where it is not known.
func (o other) config(x *gst.Sample, data []byte) []byte {
	if o.kind == mp4.AV1 {
		return av1Config(data)
	}
	if found := codecData.FindStringSubmatch(x.Caps()); found != nil {
		if b, err := hex.DecodeString(found[1]); err == nil {
			return b
		}
	}
	return nil
}

// av1Config is the AV1CodecConfigurationRecord (AV1 Codec ISO Media File Format Binding, 2.3) of 8 bits 4:2:0, which
// the frames are, from a temporal unit that begins with a sequence header of one operating point; nil for others.
func av1Config(unit []byte) []byte {
	const sequenceHeader, hasSize = 1, 2 // of an OBU's first byte (AV1 specification, 5.3.2)
	if len(unit) < 2 || unit[0]>>3&15 != sequenceHeader || unit[0]&hasSize == 0 || unit[1]&0x80 != 0 ||
		len(unit) < 2+int(unit[1]) || unit[1] < 4 {
		return nil
	}
	header := unit[:2+unit[1]]
	// Sequence header (5.5.1): profile 3 bits, still and reduced header, timing and delay, one bit each, operating points
	// 5 bits, their scalability 12 bits, level 5 bits, and from level 8 on a tier.
	b := binary.BigEndian.Uint32(header[2:])
	profile, flags, points, level, tier := byte(b>>29), b>>25&15, b>>20&31, byte(b>>3&31), byte(b>>2&1)
	if profile != 0 || flags != 0 || points != 0 {
		return nil
	}
	if level < 8 {
		tier = 0
	}
	const marker, halved = 0x81, 0x0c // version 1; the colors have half the width and height
	return append([]byte{marker, profile<<5 | level, tier<<7 | halved, 0}, header...)
}

// delimiter is an OBU_TEMPORAL_DELIMITER, which files do not have (AV1 Codec ISO Media File Format Binding, 2.4).
var delimiter = []byte{0x12, 0x00}

// encodeOther encodes the part's frames with a codec beside H.264.
func (j *job) encodeOther(ctx context.Context, o other, s shape, fps, kbps int) (track, error) {
	out := track{Track: mp4.Track{Kind: o.kind, Width: s.width, Height: s.height}}
	take := func(x *gst.Sample) error {
		b, err := x.Bytes()
		if err != nil {
			return err
		}
		if o.kind == mp4.AV1 {
			b = bytes.TrimPrefix(b, delimiter)
		}
		if out.Config == nil {
			if out.Config = o.config(x, b); out.Config == nil {
				return errors.New("the encoder " + o.encoder + " does not describe its video")
			}
		}
		sample, err := j.spool.packet(o.kind, b)
		if err != nil {
			return err
		}
		sample.PTS, sample.Sync = x.PTS(), !x.Delta()
		out.bytes += int64(sample.Size)
		out.Samples = append(out.Samples, sample)
		return nil
	}
	elements := fmt.Sprintf("%s %s ! %s ! %s", o.encoder, o.settings(fps, kbps), o.parser, o.caps)
	if err := j.through(ctx, elements, s, 0, fps, take); err != nil {
		return track{}, err
	}
	return out, out.order()
}
