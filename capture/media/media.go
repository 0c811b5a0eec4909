// Package media is the vocabulary of the capture engine: frames, sound, encoded packets and the clock that stamps
// them. It imports only the standard library and holds no state; every other package of capture uses its terms.
//
// All times are durations on one monotonic clock (Clock), which on Linux is CLOCK_MONOTONIC, the clock GStreamer's
// system clock reads as well. Nothing downstream of a source stamps anything again.
package media

import (
	"fmt"
	"time"
)

// Sound is handled in one shape only: interleaved stereo at 48 kHz, float32 in [-1, 1].
const (
	// SampleRate is the number of sample frames a second, in Hz. Opus and WebRTC work at 48 kHz (RFC 7587, 4.1).
	SampleRate = 48000
	// Channels is the number of interleaved channels, left first.
	Channels = 2
)

// Clock reads the one monotonic clock that stamps everything.
type Clock interface {
	// Now is the time since an arbitrary fixed moment (on Linux: since boot, without sleep).
	Now() time.Duration
}

// Track names one of the encoded streams of a capture.
type Track uint8

// The tracks of a capture.
const (
	// Video is H.264 in access units.
	Video Track = iota
	// Opus is the mixed sound for WebRTC.
	Opus
	// AAC is the same mixed sound for clips.
	AAC
	// DesktopAAC and MicAAC are the two sources each for itself, where clips are to hold them beside the mix.
	DesktopAAC
	MicAAC
	// TrackCount is the number of tracks.
	TrackCount
)

// String is the track's name in logs and JSON.
func (t Track) String() string {
	switch t {
	case Video:
		return "video"
	case Opus:
		return "opus"
	case AAC:
		return "aac"
	case DesktopAAC:
		return "desktop aac"
	case MicAAC:
		return "microphone aac"
	}
	return fmt.Sprintf("track %d", uint8(t))
}

// ForClips says whether the track is sound that clips hold: the mix, or one of the sources beside it.
func (t Track) ForClips() bool { return t == AAC || t == DesktopAAC || t == MicAAC }

// BandRows is the height of a band of a Frame in rows.
const BandRows = 16

// Frame is one raw frame. Data and Bands are valid until Release is called, and must not be written to.
type Frame struct {
	// PTS is the moment the frame was taken.
	PTS time.Duration
	// Width and Height are in pixels.
	Width, Height int
	// Stride is the length of one row in bytes.
	Stride int
	// Data is packed BGRx, 4 bytes a pixel, top row first.
	Data []byte
	// Serial numbers the frames of all sources, rising. Bands holds for each band, top first, the serial with which it
	// last changed: who has what an earlier frame showed needs the bands with a higher one only. Nil says nothing of
	// changes.
	Serial uint64
	Bands  []uint64
	// Same says that nothing has changed since the frame before: there is no Data.
	Same bool
	// Release gives Data back to its owner; it may be nil.
	Release func()
}

// Rows is a range of rows of a frame; To is not in it.
type Rows struct{ From, To int }

// AppendRows appends the rows of all bands of which stale holds, those next to each other as one, and those with up to
// gap bands between them, too.
func AppendRows(to []Rows, height, gap int, stale func(band int) bool) []Rows {
	began := len(to)
	for i := 0; i*BandRows < height; i++ {
		if !stale(i) {
			continue
		}
		from, end := i*BandRows, min((i+1)*BandRows, height)
		if n := len(to) - 1; n >= began && from-to[n].To <= gap*BandRows {
			to[n].To = end
		} else {
			to = append(to, Rows{from, end})
		}
	}
	return to
}

// PCM is a block of sound, interleaved stereo float32 at SampleRate.
type PCM struct {
	// PTS is the moment the first sample was captured.
	PTS time.Duration
	// Samples holds Channels values for each sample frame.
	Samples []float32
	// Discont says that sound is missing before this block: the device was opened again, or a buffer overflowed.
	Discont bool
}

// Duration is the block's length in time.
func (p PCM) Duration() time.Duration { return SamplesToDuration(len(p.Samples) / Channels) }

// SamplesToDuration converts a number of sample frames to time, to the nearest nanosecond.
func SamplesToDuration(n int) time.Duration { return FromTicks(int64(n), SampleRate) }

// DurationToSamples converts time to a number of sample frames, rounding to the nearest.
func DurationToSamples(d time.Duration) int { return int(ToTicks(d, SampleRate)) }

// Packet is one encoded access unit. A Packet and its Data are immutable once written to a fan-out: readers share
// them without copying.
type Packet struct {
	// Track says which stream the packet belongs to.
	Track Track
	// PTS and DTS are the presentation and decoding times; equal, for there are no B-frames.
	PTS, DTS time.Duration
	// Duration is the packet's nominal length.
	Duration time.Duration
	// Key marks an IDR frame (ITU-T H.264, 7.4.1.2.4). Every sound packet is a key packet.
	Key bool
	// Data is one H.264 access unit in Annex B form with SPS and PPS before each IDR, one Opus packet (RFC 6716),
	// or one AAC access unit without ADTS header (ISO/IEC 14496-3).
	Data []byte
	// NALs are the NAL units within a video packet's Data, so that they need not be searched for again; nil for sound.
	NALs [][]byte
	// Config is the AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1) of an AAC packet, shared by all packets of an
	// encoder.
	Config []byte
}

// TrackInfo describes an encoded stream.
type TrackInfo struct {
	Track Track
	// Encoder is the name of the encoder, for example "x264enc".
	Encoder string
	// Width, Height (pixels) and FrameRate (frames a second) are set for video.
	Width, Height, FrameRate int
	// BitrateKbps is the target bitrate in kb/s.
	BitrateKbps int
}
