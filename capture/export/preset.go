package export

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/hindsight-app/hindsight/capture/media"
)

// Preset is a kind of file to make.
type Preset string

// The presets.
const (
	// Fits is a video of at most Request.Limit bytes.
	Fits Preset = "fits"
	// P720 and P1080 are videos of so many rows at most.
	P720  Preset = "720p"
	P1080 Preset = "1080p"
	// Vertical is a video of 9 : 16, cut out of the clip.
	Vertical Preset = "vertical"
	// GIF and WebP are animated images without sound.
	GIF  Preset = "gif"
	WebP Preset = "webp"
	// Audio is the sound alone.
	Audio Preset = "audio"
)

// String is what ParsePreset reads, for Fits without its limit.
func (p Preset) String() string { return string(p) }

// MB is a megabyte, 10^6 bytes. Services that mean 2^20 take files a little larger.
const MB = 1000 * 1000

// DefaultLimit is the limit of Fits that a Request without one means: what Discord takes for free.
const DefaultLimit = 10 * MB

const (
	// leastLimit and mostLimit bound the size that a clip is made to fit, in bytes.
	leastLimit, mostLimit = 50_000, 100_000 * MB
)

// Position is a part of the frame.
type Position string

// The positions that a vertical video may be cut from. In clips that are upright already, Left is the upper part.
const (
	Left   Position = "left"
	Center Position = "center"
	Right  Position = "right"
)

// Positions are all of them, from the left to the right.
func Positions() []Position { return []Position{Left, Center, Right} }

func (p Position) String() string { return string(p) }

// ParsePosition returns the position of that name; the error names those that there are.
func ParsePosition(s string) (Position, error) { return media.ParseName("position", s, Positions()) }

// Codec is how video is encoded.
type Codec string

// The codecs. Files of HEVC and AV1 are smaller, take longer to make, and do not play everywhere.
const (
	H264 Codec = "h264"
	HEVC Codec = "hevc"
	AV1  Codec = "av1"
)

// codecs are all of them, whether they are installed or not.
var codecs = []Codec{H264, HEVC, AV1}

func (c Codec) String() string { return string(c) }

// ParseCodec returns the codec of that name; the error names those that there are.
func ParseCodec(s string) (Codec, error) { return media.ParseName("codec", s, codecs) }

// SoundFormat is a kind of sound file.
type SoundFormat string

// The formats of sound files.
const (
	M4A  SoundFormat = "m4a"
	WAV  SoundFormat = "wav"
	Opus SoundFormat = "opus"
)

// SoundFormats are all of them, in the order in which they are offered.
func SoundFormats() []SoundFormat { return []SoundFormat{M4A, Opus, WAV} }

func (f SoundFormat) String() string { return string(f) }

// ParseSoundFormat returns the format of that name; the error names those that there are.
func ParseSoundFormat(s string) (SoundFormat, error) {
	return media.ParseName("audio format", s, SoundFormats())
}

// ParsePreset reads a preset as people write it: "720p", "gif", and "fits-10mb", where it returns the limit in bytes as
// well.
func ParsePreset(text string) (Preset, int64, error) {
	wrong := fmt.Errorf("%q is not a preset; use fits-10mb (or another size), 720p, 1080p, vertical, gif, webp or audio",
		text)
	plain := strings.ToLower(text)
	if size, ok := strings.CutPrefix(plain, "fits-"); ok {
		n, unit := strings.TrimSuffix(size, "mb"), float64(MB)
		if n == size {
			n, unit = strings.TrimSuffix(size, "kb"), 1000
		}
		v, err := strconv.ParseFloat(n, 64)
		if n == size || err != nil || !(v > 0) || v > mostLimit {
			return "", 0, wrong
		}
		limit := v * unit
		if limit < leastLimit || limit > mostLimit {
			return "", 0, fmt.Errorf("%q is not a size that clips can be made to fit; use at least 50kb", text)
		}
		return Fits, int64(limit), nil
	}
	p := Preset(plain)
	if p == Fits {
		return Fits, DefaultLimit, nil
	}
	if !slices.Contains([]Preset{P720, P1080, Vertical, GIF, WebP, Audio}, p) {
		return "", 0, wrong
	}
	return p, 0, nil
}

// HasCodecs says whether a Request with the preset may choose a codec.
func (p Preset) HasCodecs() bool { return p == P720 || p == P1080 || p == Vertical }

// video says whether the preset makes a video file.
func (p Preset) video() bool { return p == Fits || p == P720 || p == P1080 || p == Vertical }

// limit is the most bytes of Fits.
func (r Request) limit() int64 {
	if r.Limit == 0 {
		return DefaultLimit
	}
	return r.Limit
}

// suffix is added to the clip's name, ending is the file name's ending.
func (r Request) suffix() string {
	switch r.Preset {
	case Fits:
		if r.limit() < MB {
			return fmt.Sprintf(" (%d KB)", r.limit()/1000)
		}
		return " (" + strconv.FormatFloat(math.Round(float64(r.limit())/MB*10)/10, 'f', -1, 64) + " MB)"
	case P720, P1080, Vertical:
		if r.Codec == HEVC || r.Codec == AV1 {
			return fmt.Sprintf(" (%s %s)", r.Preset, strings.ToUpper(r.Codec.String()))
		}
		return fmt.Sprintf(" (%s)", r.Preset)
	}
	return ""
}

func (r Request) ending() string {
	switch r.Preset {
	case GIF, WebP:
		return "." + string(r.Preset)
	case Audio:
		if r.Sound == "" {
			return ".m4a"
		}
		return "." + string(r.Sound)
	}
	return ".mp4"
}

// Name is what the new file is called where the request does not say it, unless that name is taken.
func (r Request) Name() string {
	base := filepath.Base(r.Path)
	return strings.TrimSuffix(base, filepath.Ext(base)) + r.suffix() + r.ending()
}
