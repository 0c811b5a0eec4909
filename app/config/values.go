package config

import (
	"maps"
	"slices"

	"github.com/hindsight-app/hindsight/assets"
	"github.com/hindsight-app/hindsight/capture/media"
)

// SourceKind is a kind of what is captured on X11.
type SourceKind string

// The kinds of capture sources.
const (
	WholeScreen SourceKind = "screen"
	OneMonitor  SourceKind = "monitor"
	OneWindow   SourceKind = "window"
	Rectangle   SourceKind = "area"
)

// WhenLocked is what happens while the screen is locked.
type WhenLocked string

// What may happen while the screen is locked.
const (
	PauseLocked  WhenLocked = "pause"  // nothing is captured, the buffer stays
	RecordLocked WhenLocked = "record" // as if it were not
)

// StreamQuality is which layer a room gets.
type StreamQuality string

// The qualities of a stream.
const (
	SameQuality  StreamQuality = "same"  // the replay's frames
	LowerQuality StreamQuality = "lower" // the low-resolution layer
	BothQuality  StreamQuality = "both"  // each viewer gets what the connection carries
)

// ViewerClips is who of those who watch may have clips made.
type ViewerClips string

// Who may clip.
const (
	NobodyClips ViewerClips = "nobody"
	AskFirst    ViewerClips = "ask" // the publisher is asked each time
	AnyoneClips ViewerClips = "anyone"
)

// ClipsFrom is where viewers' clips are made.
type ClipsFrom string

// Where viewers' clips are made.
const (
	FromServer ClipsFrom = "server" // from the server's replay
	FromHere   ClipsFrom = "local"  // from the replay buffer here, and uploaded
)

// TellRoom is how the room hears of the publisher's own clips.
type TellRoom string

// The ways to tell.
const (
	TellNothing TellRoom = "nothing"
	TellApps    TellRoom = "apps" // in a data packet, which other programs read
	TellChat    TellRoom = "chat" // in the chat as well
)

// Theme is how the window looks.
type Theme string

// The themes.
const (
	SystemTheme Theme = "system"
	LightTheme  Theme = "light"
	DarkTheme   Theme = "dark"
)

// The values of these types in the order in which they are offered.
var (
	SourceKinds     = []SourceKind{WholeScreen, OneMonitor, OneWindow, Rectangle}
	WhenLockedAll   = []WhenLocked{PauseLocked, RecordLocked}
	StreamQualities = []StreamQuality{SameQuality, LowerQuality, BothQuality}
	ViewerClipsAll  = []ViewerClips{NobodyClips, AskFirst, AnyoneClips}
	ClipsFromAll    = []ClipsFrom{FromServer, FromHere}
	TellRoomAll     = []TellRoom{TellNothing, TellApps, TellChat}
	Themes          = []Theme{SystemTheme, LightTheme, DarkTheme}
)

// Languages are the tags of the languages that the window speaks, English first.
func Languages() []string {
	others := slices.Sorted(maps.Keys(assets.Translations()))
	return append([]string{"en"}, slices.DeleteFunc(others, func(tag string) bool { return tag == "en" })...)
}

// String is the value in the settings file.
func (k SourceKind) String() string { return string(k) }

// ParseSourceKind reads what String returns.
func ParseSourceKind(text string) (SourceKind, error) {
	return media.ParseName("kind of source", text, SourceKinds)
}

// String is the value in the settings file.
func (w WhenLocked) String() string { return string(w) }

// ParseWhenLocked reads what String returns.
func ParseWhenLocked(text string) (WhenLocked, error) {
	return media.ParseName("way to handle a locked screen", text, WhenLockedAll)
}

// String is the value in the settings file.
func (v ViewerClips) String() string { return string(v) }

// ParseViewerClips reads what String returns.
func ParseViewerClips(text string) (ViewerClips, error) {
	return media.ParseName("choice of who may clip", text, ViewerClipsAll)
}

// String is the value in the settings file.
func (f ClipsFrom) String() string { return string(f) }

// ParseClipsFrom reads what String returns.
func ParseClipsFrom(text string) (ClipsFrom, error) {
	return media.ParseName("choice of where viewers' clips are made", text, ClipsFromAll)
}

// String is the value in the settings file.
func (t TellRoom) String() string { return string(t) }

// ParseTellRoom reads what String returns.
func ParseTellRoom(text string) (TellRoom, error) {
	return media.ParseName("way to tell the room", text, TellRoomAll)
}

// String is the value in the settings file.
func (q StreamQuality) String() string { return string(q) }

// ParseStreamQuality reads what String returns.
func ParseStreamQuality(text string) (StreamQuality, error) {
	return media.ParseName("stream quality", text, StreamQualities)
}

// String is the value in the settings file.
func (t Theme) String() string { return string(t) }

// ParseTheme reads what String returns.
func ParseTheme(text string) (Theme, error) { return media.ParseName("theme", text, Themes) }
