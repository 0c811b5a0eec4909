package hls

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/codecs"
)

// tsClock is the rate of PTS and DTS in Hz, and they have 33 bits (ISO/IEC 13818-1, 2.4.3.7).
const (
	tsClock = 90000
	tsWrap  = time.Duration((1<<33)*1e9) / tsClock
)

// Sample is one access unit. Its times are those of the segment's PES headers.
type Sample struct {
	PTS, DTS time.Duration
	// Sync marks an IDR picture.
	Sync bool
	// NALs are the NAL units of a picture; Data is an AAC access unit.
	NALs [][]byte
	Data []byte
}

// Segment is the content of one MPEG-TS file.
type Segment struct {
	Video, Audio []Sample
	// AACConfig is the AudioSpecificConfig; empty without sound.
	AACConfig []byte
	// SampleRate in Hz and Channels of the sound.
	SampleRate, Channels int
}

// ReadSegment reads a whole file. Damaged packets are left out; a file without any picture is an error.
func ReadSegment(r io.Reader) (*Segment, error) {
	reader := &mpegts.Reader{R: r}
	if err := reader.Initialize(); err != nil {
		return nil, fmt.Errorf("the segment is not readable as MPEG-TS: %w", err)
	}
	s := &Segment{}
	for _, track := range reader.Tracks() {
		switch codec := track.Codec.(type) {
		case *codecs.H264:
			reader.OnDataH264(track, s.addPicture)
		case *codecs.MPEG4Audio:
			config, err := codec.Config.Marshal()
			if err != nil {
				return nil, fmt.Errorf("the segment's sound is of an unknown kind: %w", err)
			}
			s.AACConfig, s.SampleRate, s.Channels = config, codec.SampleRate, int(codec.ChannelConfig)
			reader.OnDataMPEG4Audio(track, s.addSound)
		}
	}
	for {
		err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("the segment breaks off: %w", err)
		}
	}
	if len(s.Video) == 0 {
		return nil, errors.New("the segment holds no picture")
	}
	return s, nil
}

func ticks(v int64) time.Duration {
	return time.Duration(v/tsClock)*time.Second + time.Duration(v%tsClock)*time.Second/tsClock
}

func (s *Segment) addPicture(pts, dts int64, nals [][]byte) error {
	if len(nals) > 0 {
		s.Video = append(s.Video, Sample{PTS: ticks(pts), DTS: ticks(dts), Sync: h264.IsRandomAccess(nals), NALs: nals})
	}
	return nil
}

func (s *Segment) addSound(pts int64, units [][]byte) error {
	at := ticks(pts)
	for _, u := range units {
		s.Audio = append(s.Audio, Sample{PTS: at, DTS: at, Data: u})
		at += s.UnitDuration()
	}
	return nil
}

// UnitDuration is the length of one AAC access unit.
func (s *Segment) UnitDuration() time.Duration {
	if s.SampleRate == 0 {
		return 0
	}
	return mpeg4audio.SamplesPerAccessUnit * time.Second / time.Duration(s.SampleRate)
}

// Unwrap moves all times by whole turns of the 33-bit counter (26.5 h), so that the first picture is as near as
// possible to near.
func (s *Segment) Unwrap(near time.Duration) {
	turns := (near - s.Video[0].PTS + tsWrap/2) / tsWrap
	if near-s.Video[0].PTS+tsWrap/2 < 0 {
		turns--
	}
	for _, list := range [][]Sample{s.Video, s.Audio} {
		for i := range list {
			list[i].PTS += turns * tsWrap
			list[i].DTS += turns * tsWrap
		}
	}
}
