package capture

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/hindsight-app/hindsight/capture/audio"
	"github.com/hindsight-app/hindsight/capture/clip"
	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/capture/mute"
	"github.com/hindsight-app/hindsight/capture/source"
	"github.com/hindsight-app/hindsight/capture/video"
)

// Limits and default of the replay's length.
const (
	minReplay     = 5 * time.Second
	MaxReplay     = 20 * time.Minute
	DefaultReplay = 60 * time.Second
)

// Method is how the screen is captured, Preset how much work the encoder spends; source and media hold their values
// and parse them.
type (
	Method = source.Method
	Preset = media.Preset
)

// Auto is the Method that fits the desktop.
const Auto = source.Auto

// Methods are all of them, in the order in which they are offered.
func Methods() []Method { return source.Methods() }

// ScreenConfig says what is captured. A change of it, but for the frame rate, does not reopen the encoder, unless the
// size of the stream changes with it.
type ScreenConfig struct {
	// Backend is how the screen is captured. Empty is Auto.
	Backend Method
	// Asked counts how often the user wanted to choose again, in the desktop's dialog or the same window once more:
	// when it changes, the kept choice is forgotten.
	Asked int
	// TokenFile keeps the desktop's permission, so that its dialog comes once; empty asks at each start.
	TokenFile string
	// Display is the X display, for example ":0"; empty for the environment's.
	Display string
	// Target is what of the display is captured.
	Target Target
	// HideCursor leaves the pointer out of the frame.
	HideCursor bool
	// FrameRate is in frames a second, one of FrameRates.
	FrameRate int
}

// another says whether something else is captured than before, or the same was chosen anew.
func (c ScreenConfig) another(before ScreenConfig) bool {
	c.HideCursor, c.FrameRate, c.TokenFile = before.HideCursor, before.FrameRate, before.TokenFile
	return c != before
}

// reopens says whether the source has to be opened anew after a change. Where the permission is kept is of use only
// then.
func (c ScreenConfig) reopens(before ScreenConfig) bool {
	c.TokenFile = before.TokenFile
	return c != before
}

// Encoding says how frames are encoded. A change of it does not reopen the source.
type Encoding = video.Encoding

// VideoConfig says what is captured and how it is encoded.
type VideoConfig struct {
	ScreenConfig
	Encoding
}

// SoundConfig configures one sound source of the mix.
type SoundConfig = audio.Config

// Mutes act at once, beside Apply.
type Mutes = mute.Mutes

// Config is everything a Recorder needs.
type Config struct {
	Video        VideoConfig
	Desktop, Mic SoundConfig
	// SeparateSound also keeps desktop and microphone as separate tracks in clips.
	SeparateSound bool
	// Replay is the length of the buffer, 5 s to 20 min; 0 keeps none.
	Replay time.Duration
	// ClipFolder is where clips go; it is made when missing.
	ClipFolder string
	// ClipMount and ClipFallback are the rest of a clip.Place: where the folder's drive is mounted, and where clips go
	// that the folder does not take. Both may be empty.
	ClipMount, ClipFallback string
	// ClipName is the template of clips' names, see clip.CheckName; empty is clip.DefaultName.
	ClipName string
	// Poster puts a JPEG image beside each clip as well.
	Poster bool
	// Continue begins a clip no earlier than the one before it ended.
	Continue bool
	// MaxClipBytes is how much the clips may take before the oldest without a star are deleted; 0 deletes none.
	MaxClipBytes int64
	// JournalFolder is where the replay is kept against a crash of the process; empty keeps it in memory only.
	JournalFolder string
	// Paused closes screen and sound sources. The replay keeps what it has; readers of packets get the last frame,
	// held.
	Paused bool
	// SoundOnly opens neither the screen nor an encoder of video, as level meters need it: nothing can be saved or read
	// then.
	SoundOnly bool
	// Sharing says that others see what is captured. A window that is closed is not replaced then with another one of
	// its program: its last frame stays until VideoConfig.Target or Asked changes.
	Sharing bool
	// Mutes act at once, beside Apply; nil mutes nothing. Open takes them, Apply does not look at them.
	Mutes *Mutes
	// Log receives what the recorder has to say; nil discards it.
	Log *slog.Logger
}

// Defaults is the configuration of a new user, but for the folder.
func Defaults() Config {
	return Config{
		Video:   VideoConfig{ScreenConfig{FrameRate: 30}, Encoding{Preset: media.Balanced}},
		Desktop: SoundConfig{Enabled: true},
		Mic:     SoundConfig{Enabled: true},
		Replay:  DefaultReplay,
	}
}

// Validate names the first setting that cannot be used, and what is allowed.
func (c Config) Validate() error {
	v := c.Video
	switch {
	case !slices.Contains(FrameRates, v.FrameRate):
		return fmt.Errorf("the frame rate is %d; it must be 30, 60, 90, 120, 144, 165 or 240", v.FrameRate)
	case v.Height != 0 && (v.Height < 144 || v.Height > 4320):
		return fmt.Errorf("the video height is %d; it must be 0 (as captured) or 144 to 4320", v.Height)
	case v.BitrateKbps != 0 && (v.BitrateKbps < 200 || v.BitrateKbps > 200_000):
		return fmt.Errorf("the bitrate is %d kb/s; it must be 0 (automatic) or 200 to 200000", v.BitrateKbps)
	case v.ConstantQuality < 0 || v.ConstantQuality > 51:
		return fmt.Errorf("the constant quality is %d; it must be 0 (off) or 1 to 51", v.ConstantQuality)
	case c.Replay != 0 && (c.Replay < minReplay || c.Replay > MaxReplay):
		return fmt.Errorf("the replay length is %v; it must be %v to %v", c.Replay, minReplay, MaxReplay)
	case c.ClipFolder == "":
		return errors.New("no folder for clips is set")
	}
	if _, err := media.ParsePreset(v.Preset.String()); err != nil {
		return err
	}
	if _, err := source.ParseMethod(v.Backend.String()); v.Backend != "" && err != nil {
		return err
	}
	if err := clip.CheckName(c.ClipName); err != nil {
		return err
	}
	for name, s := range map[string]SoundConfig{"desktop": c.Desktop, "microphone": c.Mic} {
		if s.GainDB < -60 || s.GainDB > 20 || s.GainDB != s.GainDB {
			return fmt.Errorf("the %s gain is %v dB; it must be -60 to 20", name, s.GainDB)
		}
	}
	return nil
}

// SourceState is what one device is doing.
type SourceState struct {
	State media.SourceState
	// Reason is why a screen waits. Error says it in words; it is no failure.
	Reason media.AwayReason
	// Device is what is open: a display or a device name.
	Device string
	// Error is the last failure as a message; while running it is of something that is done to its sound.
	Error string
	// PeakDB and RMSDB are the level of a sound source over the last 100 ms in dB of full scale; -100 is silence.
	PeakDB, RMSDB float64
}

// Status is a snapshot of a Recorder.
type Status struct {
	Screen, Desktop, Mic SourceState
	// Encoder is the H.264 encoder in use; Width, Height, FrameRate and BitrateKbps describe its stream.
	Encoder                               string
	Width, Height, FrameRate, BitrateKbps int
	// Buffered is how much could be saved now; BufferedBytes what it takes.
	Buffered      time.Duration
	BufferedBytes int64
	// Frames, Repeated and Dropped count frames encoded, repeated because the screen had none new, and lost.
	Frames, Repeated, Dropped uint64
}

// SaveRequest asks for a clip.
type SaveRequest struct {
	// Length is how much to save; 0 saves the configured replay length.
	Length time.Duration
	// Press is the moment of the key press on the recorder's clock; 0 is now. The clip ends there, or After later.
	Press, After time.Duration
	// NotBefore is a moment as Recorder.Line returned it; the file holds nothing older. 0 is no bound.
	NotBefore time.Duration
	// Flush ends the waiting for After early once it is closed; nil never does.
	Flush <-chan struct{}
	// App is what {app} in the file's name stands for.
	App string
	// Title is what people call the clip; see clip.Request.
	Title string
	// Apart is a clip for somebody else: where clips do not overlap, it has all that was asked for, and the user's next
	// clip still begins where the user's last one ended. Its file is complete, with its cover, once it is saved.
	Apart bool
}
