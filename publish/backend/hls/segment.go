package hls

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"

	"github.com/hindsight-app/hindsight/capture/media"
)

// tsClock is the rate of PTS and DTS in Hz, and they have 33 bits (ISO/IEC 13818-1, 2.4.3.7).
const (
	tsClock = 90000
	turn    = 1 << 33 // ticks after which they begin anew
	tsWrap  = time.Duration(turn*1e9) / tsClock
)

// Sample is one access unit. Its times are those of the segment: of PES headers, or of fragments.
type Sample struct {
	PTS, DTS time.Duration
	// Duration is how long it lasts; 0 for a frame of which the segment does not say it.
	Duration time.Duration
	// Sync marks an IDR frame.
	Sync bool
	// NALs are the NAL units of a frame; Data is an AAC access unit or an Opus packet.
	NALs [][]byte
	Data []byte
}

// Segment is the content of one file.
type Segment struct {
	// Video may be empty in a fragment of still video, Audio in any segment, never both.
	Video, Audio []Sample
	// AACConfig is the AudioSpecificConfig of sound in AAC; Opus, at 48 kHz, has none.
	AACConfig []byte
	Opus      bool
	// SampleRate in Hz and Channels of sound in AAC.
	SampleRate, Channels int
}

// packetSize is the length of a transport packet in bytes (ISO/IEC 13818-1, 2.4.3.2).
const packetSize = 188

// readAhead is how much is read at a time, in bytes.
const readAhead = 64 << 10

// mostDamage is how many damaged packets are left out before a file counts as broken.
const mostDamage = 100

// ReadSegment reads a whole MPEG-TS file. Damaged packets are left out, and a stream that is announced but has no
// packet is silent: a recorder short of CPU writes such segments. A file without any video is an error.
func ReadSegment(r io.Reader) (*Segment, error) {
	in := newTransport(r)
	s := &Segment{}
	for damage := 0; ; {
		u, err := in.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if errors.Is(err, errPacket) {
			if damage++; damage <= mostDamage {
				continue
			}
		}
		if err != nil {
			return nil, fmt.Errorf("the segment is not readable as MPEG-TS: %w", err)
		}
		s.add(u)
	}
	if len(s.Video) == 0 {
		return nil, errors.New("the segment holds no video")
	}
	return s, nil
}

// add takes one PES packet: an access unit of H.264, or AAC frames in ADTS.
func (s *Segment) add(u unit) {
	switch u.kind {
	case typeH264:
		var nals h264.AnnexB
		if nals.Unmarshal(u.data) == nil {
			s.addFrame(u.pts, u.dts, nals)
		}
	case typeAAC:
		var frames mpeg4audio.ADTSPackets
		if frames.Unmarshal(u.data) == nil {
			s.addSound(u.pts, frames)
		}
	}
}

func (s *Segment) addFrame(pts, dts int64, nals [][]byte) {
	if len(nals) > 0 {
		s.Video = append(s.Video, Sample{PTS: media.FromTicks(pts, tsClock), DTS: media.FromTicks(dts, tsClock),
			Sync: h264.IsRandomAccess(nals), NALs: nals})
	}
}

func (s *Segment) addSound(pts int64, frames mpeg4audio.ADTSPackets) {
	at := media.FromTicks(pts, tsClock)
	for _, f := range frames {
		if s.AACConfig == nil {
			config, err := mpeg4audio.AudioSpecificConfig{Type: f.Type, SampleRate: f.SampleRate,
				ChannelConfig: f.ChannelConfig}.Marshal()
			if err != nil {
				return // a frame that no player could decode
			}
			s.AACConfig, s.SampleRate, s.Channels = config, f.SampleRate, int(f.ChannelConfig)
		}
		unit := media.FromTicks(mpeg4audio.SamplesPerAccessUnit, int64(s.SampleRate))
		s.Audio = append(s.Audio, Sample{PTS: at, DTS: at, Duration: unit, Data: f.AU})
		at += unit
	}
}

// Unwrap moves all times by whole turns of the 33-bit counter (26.5 h), so that each is as near as possible to near.
// The counter may turn over within the segment.
func (s *Segment) Unwrap(near time.Duration) {
	for _, list := range [][]Sample{s.Video, s.Audio} {
		for i := range list {
			list[i].PTS, list[i].DTS = unwrap(list[i].PTS, near), unwrap(list[i].DTS, near)
		}
	}
}
