// Package config holds the user's settings: their types, limits, defaults and the file they live in.
//
// Settings come from four places, each over the one before: Defaults, the TOML file, the environment (HINDSIGHT_ and
// the key in capitals, HINDSIGHT_VIDEO_FRAME_RATE for video.frame_rate), and what the user changes in the window. A
// value that cannot be used never stops the app: it is named with what is allowed, the default stands in for it, and
// the file is left as it is until the user saves new settings, when a copy of it is kept beside it (.bak).
//
// Settings change in one way only: a Patch names those that change, Check says which of them are wrong, and a session,
// or ApplyToFile where none runs, puts the patch to work and returns a Result with what came of each field.
//
// The limits are struct tags, so that reading, checking and the texts about them cannot drift apart. The package has no
// goroutines; a Store guards its file with a mutex.
package config

import (
	"image"
	"path/filepath"
	"time"

	"github.com/adrg/xdg"

	"github.com/hindsight-app/hindsight/capture"
	"github.com/hindsight-app/hindsight/capture/clip"
	"github.com/hindsight-app/hindsight/capture/media"
)

// Config is every setting. The tags oneof, min, max and check say what a value may be.
type Config struct {
	Sound   Sound   `toml:"sound" comment:"Desktop audio and microphone are mixed into one track."`
	Video   Video   `toml:"video"`
	Replay  Replay  `toml:"replay"`
	Clips   Clips   `toml:"clips"`
	Sharing Sharing `toml:"sharing" comment:"Sharing in a LiveKit room, buffered by a backend. Local replays need none."`
	Hotkeys Hotkeys `toml:"hotkeys"`
	App     App     `toml:"app"`
}

// Sound is the two sources of the mix.
type Sound struct {
	Desktop    Source `toml:"desktop"`
	Microphone Source `toml:"microphone"`
	// Separate adds both sources to clips as separate tracks, for editing.
	Separate bool `toml:"separate_tracks" comment:"clips also contain desktop audio and microphone as separate tracks"`
	// SuppressNoise removes steady noise from the microphone.
	SuppressNoise bool `toml:"suppress_noise" comment:"removes steady noise, for example of fans, from the microphone"`
	// MonoMicrophone plays a microphone that is recorded on one side only on both.
	MonoMicrophone bool `toml:"mono_microphone" comment:"plays a microphone that is on one side only on both"`
	// EchoCancellation removes what the desktop plays from the microphone.
	EchoCancellation bool `toml:"echo_cancellation" comment:"removes what the speakers play; needs desktop audio"`
}

// Source is one source of sound.
type Source struct {
	Enabled bool `toml:"enabled"`
	// Device is the sound server's name of the device; empty follows the system's default.
	Device string `toml:"device" comment:"empty is the default; app:NAME|NAME are only these apps, not:NAME all but that"`
	// GainDB is in dB.
	GainDB float64 `toml:"gain_db" min:"-60" max:"20" comment:"volume in dB"`
	Muted  bool    `toml:"muted"`
}

// Video is what is captured and how.
type Video struct {
	// Backend is how the screen is captured: "auto" is "portal" on Wayland and "x11" elsewhere.
	Backend capture.Method `toml:"capture_method" was:"way" oneof:"auto,x11,portal" comment:"Wayland has portal only"`

	Source VideoSource `toml:"source" comment:"What is captured on X11. hindsightctl screens lists monitors and windows."`
	// FrameRate is in frames a second.
	FrameRate int `toml:"frame_rate" oneof:"30,60,90,120,144,165,240" comment:"frames a second, at most the screen's"`
	// Quality is how much work the encoder spends.
	Quality capture.Preset `toml:"quality" oneof:"performance,balanced,quality" comment:"encoder preset"`
	// Height is in rows; 0 keeps the size as captured.
	Height int `toml:"height" oneof:"0,480,720,900,1080,1440,2160" comment:"resolution in rows; 0 is native"`
	// FollowSize changes the size of clips with that of what is captured, for example a window that is resized.
	FollowSize bool `toml:"follow_size" comment:"true: a resized window changes the video's size; false: it is fitted in"`
	// BitrateKbps is in kb/s; 0 chooses it from size and frame rate.
	BitrateKbps int `toml:"bitrate_kbps" max:"200000" check:"bitrate" comment:"0 is automatic"`
	// ConstantQuality is a quantiser: 18 (high) to 28 (small files); the bitrate is then the most that may be spent.
	ConstantQuality int    `toml:"constant_quality" oneof:"0,18,23,28" comment:"0 is the target bitrate; 18 is best"`
	Cursor          bool   `toml:"cursor" comment:"captures the cursor"`
	Encoder         string `toml:"encoder" comment:"GStreamer element, for example x264enc; empty is the best that works"`
}

// VideoSource is what is captured. What belongs to other kinds is kept, so that changing back is easy.
type VideoSource struct {
	Kind SourceKind `toml:"kind" oneof:"screen,monitor,window,area" comment:"screen is the entire desktop, area a region"`
	// Monitor is the name of an output, for example HDMI-1.
	Monitor string `toml:"monitor"`
	// WindowClass and WindowTitle choose a window: the topmost with both, else the topmost with the class.
	WindowClass string `toml:"window_class"`
	WindowTitle string `toml:"window_title"`
	// X, Y, Width and Height are a rectangle of the screen in pixels.
	X      int `toml:"x" min:"0" max:"32767"`
	Y      int `toml:"y" min:"0" max:"32767"`
	Width  int `toml:"width" min:"0" max:"32767"`
	Height int `toml:"height" min:"0" max:"32767"`
}

// Target is what the recorder captures.
func (p VideoSource) Target() capture.Target {
	switch p.Kind {
	case OneMonitor:
		return capture.Target{Monitor: p.Monitor}
	case OneWindow:
		return capture.Target{Class: p.WindowClass, Title: p.WindowTitle}
	case Rectangle:
		return capture.Target{Area: image.Rect(p.X, p.Y, p.X+p.Width, p.Y+p.Height)}
	}
	return capture.Target{}
}

// Replay is the local buffer.
type Replay struct {
	AtLaunch bool `toml:"at_launch"`
	Seconds  int  `toml:"seconds" min:"5" max:"1200" comment:"length of the replay buffer"`
	// Folder is where clips go; empty is Hindsight in the user's videos folder.
	Folder string `toml:"folder" check:"folder" comment:"where clips are saved; empty is Hindsight in the videos folder"`
	// WhenLocked is what happens while the screen is locked.
	WhenLocked WhenLocked `toml:"when_locked" oneof:"pause,record" comment:"on a locked screen; pause keeps the buffer"`
	// KeepAfterCrash also writes the buffer to the user's cache folder, from where the next start saves it.
	KeepAfterCrash bool `toml:"keep_after_crash" comment:"backs up the buffer to disk, so that it survives a crash"`
}

// Clips is how clips are kept.
type Clips struct {
	// Name is the template of files' names; empty is clip.DefaultName.
	Name string `toml:"name" check:"filename" comment:"{date}, {time}, {app}, {seconds}; empty is Hindsight {date} {time}"`
	// Poster puts a JPEG image beside each clip; there is one inside in any case.
	Poster bool `toml:"poster" comment:"saves a JPEG thumbnail next to each clip"`
	// NoOverlap begins a clip where the one before ended.
	NoOverlap bool `toml:"no_overlap" comment:"a clip starts where the previous one ended, at the earliest"`
	// QuotaGB is in 10^9 bytes; 0 deletes nothing.
	QuotaGB int `toml:"quota_gb" min:"0" max:"100000" comment:"in GB; 0 is no limit; the oldest unstarred clips go first"`
	// UploadKbps is what uploads of clips may take while the screen is shared; 0 is a quarter of the stream's bitrate.
	UploadKbps int `toml:"upload_kbps" check:"upload" comment:"limit of uploads while sharing, in kb/s; 0 is automatic"`
	// Screenshot is the format of screenshots.
	Screenshot clip.Format `toml:"screenshot" oneof:"png,jpeg"`
}

// Sharing is how a room is joined. The user's token is not here: see Tokens.
type Sharing struct {
	AtLaunch   bool   `toml:"at_launch"`
	BackendURL string `toml:"backend_url" check:"url" comment:"https://host of the backend"`
	// AllowHTTP consents to http:// to other machines, where everybody on the way can read the token.
	AllowHTTP bool `toml:"allow_http" comment:"allows http:// to others: anyone on the way can read the token"`

	Room string `toml:"room" comment:"a change starts a running share again; its watch links show only what was before"`

	// Encrypt encrypts what is shared from end to end, with the passphrase that the keyring has.
	Encrypt bool `toml:"encrypt" comment:"end-to-end; set the passphrase with hindsightctl settings set-passphrase. Like the room, a change starts a running share again"`

	StreamQuality StreamQuality `toml:"stream_quality" oneof:"same,lower,both" comment:"lower suits a slow upload, both slow viewers"`
	// LinkSaved uploads each saved clip and puts its link into the clipboard.
	LinkSaved bool `toml:"link_saved" comment:"uploads each saved clip, and copies a link to it"`
	// ViewerClips is who in the room may have clips made, and ViewerClipFrom where that is done. TellRoom tells the room
	// of each saved clip with a link that everybody there can watch.
	ViewerClips    ViewerClips `toml:"viewer_clips" oneof:"nobody,ask,anyone" comment:"who else may have clips made"`
	ViewerClipFrom ClipsFrom   `toml:"viewer_clip_from" oneof:"server,local" comment:"where those are made"`
	TellRoom       TellRoom    `toml:"tell_room" oneof:"nothing,apps,chat" comment:"gives the room a link to each clip"`
}

// Hotkeys are the global keys; an empty one is off.
type Hotkeys struct {
	Save  string `toml:"save" check:"keys"`
	Share string `toml:"share" check:"keys"`
	// Mute mutes and unmutes the microphone. With Talk set it is open only while that key is held.
	Mute string `toml:"mute" check:"keys"`
	Talk string `toml:"talk" check:"talkkeys" comment:"push-to-talk: the microphone is open only while this key is held"`
	// Record starts and ends a recording, Mark makes a chapter, Screenshot saves the current frame.
	Record     string `toml:"record" check:"keys"`
	Mark       string `toml:"mark" check:"keys"`
	Screenshot string `toml:"screenshot" check:"keys"`
	// Saves are further lengths on further keys.
	Saves []SaveKey `toml:"saves,omitempty"`
}

// SaveKey saves its own number of seconds.
type SaveKey struct {
	Keys string `toml:"keys" json:"keys" check:"keys"`
	// Seconds are the past; 0 is everything that is buffered. After are those still to come.
	Seconds int `toml:"seconds" json:"seconds" check:"length"`
	After   int `toml:"after" json:"after" min:"0" max:"600" comment:"seconds after the press"`
}

// App is how the app itself behaves.
type App struct {
	Notifications bool `toml:"notifications"`
	SaveSound     bool `toml:"save_sound" comment:"plays a sound when a clip is saved, and when something fails"`
	// StateSounds also plays one when the buffer, a recording or sharing starts or stops.
	StateSounds bool `toml:"state_sounds" comment:"plays a sound when capture starts or stops, and when something fails"`
	// StartAtLogin keeps a file in the desktop's autostart folder; see package autostart.
	StartAtLogin bool  `toml:"start_at_login" comment:"starts Hindsight in the tray when you log in"`
	Theme        Theme `toml:"theme" oneof:"system,light,dark"`
	// Language is the BCP 47 tag of one of Languages; empty follows the system.
	Language string `toml:"language" check:"language" comment:"of the window, like en or de; empty is the system's"`
	// FirstRunDone is whether the user has seen what is recorded and has chosen; nothing is captured before. A settings
	// file that does not say so counts as such a choice. The environment cannot make it.
	FirstRunDone bool `toml:"first_run_done" env:"-" comment:"false asks again; nothing is captured before the answer"`
}

// Defaults are the settings of a new user: replay on, no backend.
func Defaults() Config {
	return Config{
		Sound: Sound{Desktop: Source{Enabled: true}, Microphone: Source{Enabled: true}},
		Video: Video{Backend: capture.Auto, Source: VideoSource{Kind: WholeScreen}, FrameRate: 30, Quality: media.Balanced,
			Cursor: true},
		Sharing: Sharing{StreamQuality: SameQuality, ViewerClips: NobodyClips, ViewerClipFrom: FromServer,
			TellRoom: TellNothing},
		Replay: Replay{AtLaunch: true, Seconds: int(capture.DefaultReplay / time.Second), WhenLocked: PauseLocked,
			KeepAfterCrash: true},
		Clips:   Clips{Screenshot: clip.PNG},
		Hotkeys: Hotkeys{Save: "Alt+F10", Share: "Alt+F9"},
		App:     App{Notifications: true, Theme: SystemTheme, FirstRunDone: true},
	}
}

// ClipFolder is where clips go.
func (c Config) ClipFolder() string {
	if c.Replay.Folder != "" {
		return c.Replay.Folder
	}
	return DefaultClipFolder()
}

// DefaultClipFolder is Hindsight in the user's videos folder.
func DefaultClipFolder() string {
	videos := xdg.UserDirs.Videos
	if videos == "" {
		videos = filepath.Join(xdg.Home, "Videos")
	}
	return filepath.Join(videos, "Hindsight")
}

// JournalFolder is where the buffer survives a crash.
func JournalFolder() string { return filepath.Join(xdg.CacheHome, "hindsight", "replay") }

// ScreenToken is the file that remembers what the desktop's portal may show us.
func ScreenToken() string { return filepath.Join(xdg.StateHome, "hindsight", "screen") }

// Capture is what the recorder needs to know; keep is whether it holds a local buffer.
func (c Config) Capture(keep bool) capture.Config {
	source := func(s Source) capture.SoundConfig {
		return capture.SoundConfig{Enabled: s.Enabled, Device: s.Device, GainDB: s.GainDB, Muted: s.Muted}
	}
	out := capture.Config{
		Video: capture.VideoConfig{
			ScreenConfig: capture.ScreenConfig{
				Backend: c.Video.Backend, TokenFile: ScreenToken(), Target: c.Video.Source.Target(),
				HideCursor: !c.Video.Cursor, FrameRate: c.Video.FrameRate,
			},
			Encoding: capture.Encoding{
				Height: c.Video.Height, FollowSize: c.Video.FollowSize, BitrateKbps: c.Video.BitrateKbps,
				ConstantQuality: c.Video.ConstantQuality, Preset: c.Video.Quality, Encoder: c.Video.Encoder,
			},
		},
		Desktop:    source(c.Sound.Desktop),
		Mic:        source(c.Sound.Microphone),
		ClipFolder: c.ClipFolder(),
		ClipName:   c.Clips.Name, Poster: c.Clips.Poster, Continue: c.Clips.NoOverlap,
		MaxClipBytes: int64(c.Clips.QuotaGB) * 1e9,
	}
	out.Mic.Mono = c.Sound.MonoMicrophone
	out.Mic.Suppress, out.Mic.CancelEcho, out.SeparateSound = c.Sound.SuppressNoise, c.Sound.EchoCancellation,
		c.Sound.Separate
	if keep {
		out.Replay = time.Duration(c.Replay.Seconds) * time.Second
		if c.Replay.KeepAfterCrash {
			out.JournalFolder = JournalFolder()
		}
	}
	return out
}

// Clone copies the settings, sharing nothing.
func (c Config) Clone() Config {
	c.Hotkeys.Saves = append([]SaveKey(nil), c.Hotkeys.Saves...)
	return c
}
