package session

import (
	"context"
	"image"
	"time"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/capture"
	"github.com/hindsight-app/hindsight/capture/clip"
	"github.com/hindsight-app/hindsight/publish/api"
)

// Recorder is what the session needs of the capture engine.
type Recorder interface {
	// Apply changes what differs.
	Apply(capture.Config) error
	// Save writes the last seconds to a file. It gives up by itself where a drive does not take it.
	Save(context.Context, capture.SaveRequest) (clip.Clip, error)
	// Pin keeps the last length before a moment of Now in the replay until release is called.
	Pin(length, press time.Duration) (release func())
	// Record writes what follows to a file; app is what {app} in its name stands for.
	Record(app string) (Recording, error)
	// Mark makes a chapter of this moment.
	Mark(text string)
	// Screenshot saves the current frame and returns the file.
	Screenshot(ctx context.Context, app string, f clip.Format) (string, error)
	// Look returns a small copy of the frame of this moment, nil where there is none.
	Look(ctx context.Context, width, height int, still bool) image.Image
	// Status returns at once.
	Status() capture.Status
	// Line is this moment on the time line that SaveRequest.NotBefore is on.
	Line() time.Duration
	// Now reads the clock that SaveRequest.Press is on.
	Now() time.Duration
	// Close ends capture and waits.
	Close() error
}

// Recording is a file that is being recorded.
type Recording interface {
	// Status returns at once.
	Status() capture.RecordingStatus
	// Done is closed when it has ended, also by itself.
	Done() <-chan struct{}
	// Stop ends it and waits. An error beside a file says why it ended early.
	Stop() (clip.Clip, error)
}

// Publisher is what the session needs of a running share.
type Publisher interface {
	// Status returns at once.
	Status() ShareStatus
	// Save asks the backend for a clip that ends at pressedAt, with a title and marks as its chapters, and returns its id.
	Save(ctx context.Context, seconds float64, pressedAt time.Time, title string, marks ...api.Mark) (string, error)
	// WaitClip waits until the clip is ready or failed.
	WaitClip(ctx context.Context, clipID string) (api.Clip, error)
	// Tell has the room know what the replay does. It returns at once.
	Tell(api.RoomState)
	// Announce tells the room of a clip, with chat as a chat message too.
	Announce(clip api.RoomClip, chat bool) error
	// Silence sends nothing from now on. It returns at once.
	Silence()
	// Leave is Close where the share goes on with another Publisher, which continues what it returns: nil where the server
	// has nothing.
	Leave(ctx context.Context) (Replay, error)
	// Close leaves the room, ends the server's replay and waits.
	Close(ctx context.Context) error
}

// Replay is what the server has of a share that goes on, while it has no Publisher.
type Replay interface {
	// ID is its name on the server.
	ID() string
	// Tell is Publisher's: what is paused stays hidden from viewers.
	Tell(api.RoomState)
	// End ends it, and waits.
	End(ctx context.Context) error
}

// Engine opens the parts. Both calls may take seconds.
type Engine interface {
	// Record starts capture. An error means that trying again with the same configuration is no use.
	Record(context.Context, capture.Config) (Recorder, error)
	// Share joins the room and publishes what the recorder makes.
	Share(context.Context, Recorder, ShareConfig) (Publisher, error)
}

// Settings keeps what the user chose.
type Settings interface {
	Save(config.Config) error
}

// Secrets keeps the access token and knows which server it is for; see package token.
type Secrets interface {
	config.TokenStore
	// For returns the token for a server's URL, empty for none. One that was given for another server is an error.
	For(server string) (token string, err error)
	// Passphrase is that of end-to-end encryption, empty for none.
	Passphrase() (string, error)
}

// ShareConfig is where and as whom to publish.
type ShareConfig struct {
	BackendURL, UserToken, Room string
	// AllowHTTP consents to sending the token unencrypted.
	AllowHTTP bool
	// Quality is what is published of the replay's frames and the low-resolution layer.
	Quality config.StreamQuality
	// Encrypt encrypts it from end to end with Passphrase, which is never empty then.
	Encrypt    bool
	Passphrase string
	// Muted is what a moderator muted while it was shared before: it stays so.
	Muted Muted
	// Continue is the replay that goes on with this share, nil for a new one. A share that cannot be started leaves it as
	// it is.
	Continue Replay
}
