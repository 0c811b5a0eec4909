package hls

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/opus"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"

	"github.com/hindsight-app/hindsight/capture/media"
)

// opusClock is the rate that Opus counts in, in Hz, whatever it was sampled at (RFC 6716, 2).
const opusClock = 48000

// ReadFragment reads a whole segment of fragmented MP4 (RFC 8216, 3.3) and its header. Tracks of other codecs than
// H.264 and Opus are left out.
func ReadFragment(header, media io.Reader) (*Segment, error) {
	head, err := io.ReadAll(header)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(media)
	if err != nil {
		return nil, err
	}
	var init fmp4.Init
	if err := init.Unmarshal(bytes.NewReader(head)); err != nil {
		return nil, fmt.Errorf("the segment's header is not readable as MP4: %w", err)
	}
	var parts fmp4.Parts
	if err := parts.Unmarshal(body); err != nil {
		return nil, fmt.Errorf("the segment is not readable as MP4: %w", err)
	}
	s := &Segment{}
	for _, p := range parts {
		for _, t := range p.Tracks {
			if err := s.addFragment(init.Tracks, t); err != nil {
				return nil, err
			}
		}
	}
	if len(s.Video)+len(s.Audio) == 0 {
		return nil, errors.New("the segment holds neither video nor sound")
	}
	return s, nil
}

// addFragment takes the samples of one track.
func (s *Segment) addFragment(tracks []*fmp4.InitTrack, t *fmp4.PartTrack) error {
	for _, track := range tracks {
		if track.ID != t.ID {
			continue
		}
		at, rate := int64(t.BaseTime), int64(track.TimeScale)
		for _, sample := range t.Samples {
			v := Sample{DTS: media.FromTicks(at, rate), Duration: media.FromTicks(int64(sample.Duration), rate)}
			v.PTS = v.DTS + media.FromTicks(int64(sample.PTSOffset), rate)
			at += int64(sample.Duration)
			if err := s.addSample(track.Codec, sample, v); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Segment) addSample(codec codecs.Codec, sample *fmp4.Sample, v Sample) error {
	switch codec := codec.(type) {
	case *codecs.H264:
		nals, err := sample.GetH264()
		if err != nil {
			return fmt.Errorf("the segment holds a broken frame: %w", err)
		}
		v.Sync = h264.IsRandomAccess(nals)
		if v.Sync { // its parameter sets are in the header (ISO/IEC 14496-15, 5.3.3)
			nals = append([][]byte{codec.SPS, codec.PPS}, nals...)
		}
		v.NALs = nals
		s.Video = append(s.Video, v)
	case *codecs.Opus:
		v.Data, s.Opus = sample.Payload, true
		if d := opus.PacketDuration2(v.Data); d > 0 {
			v.Duration = media.FromTicks(int64(d), opusClock)
		}
		s.Audio = append(s.Audio, v)
	}
	return nil
}
