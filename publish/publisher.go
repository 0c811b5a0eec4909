// Package publish shares the screen in a LiveKit room and has the backend record it.
//
// A Publisher reads the packets that the capture engine has encoded anyway, sends them as one video and one sound
// track, and keeps a replay of exactly these two running on the server. It comes back by itself after every loss of
// connection; the server's ids of the tracks then change, and the same replay is continued with the new ones.
//
// It owns two goroutines: the supervisor, which holds the connection and the state of the recording and makes all calls
// to the backend, and the pump, which moves packets from the engine's fan-out to the session. The pump's reader is
// bounded: a slow network costs this reader packets, counted, and never holds up the engine. Close stops the recording,
// leaves the room and waits for both; Leave does without ending the replay, with which the next Publisher goes on.
package publish

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hindsight-app/hindsight/capture/fanout"
	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/client"
	"github.com/hindsight-app/hindsight/publish/livekit"
)

// Source is the capture engine as the publisher sees it. If it is a media.Clock as well, that clock dates the packets
// for the receivers.
type Source interface {
	// NewReader gives a bounded reader of the named tracks.
	NewReader(capacity int, tracks ...media.Track) *fanout.Reader
	// RequestKeyframe asks for an IDR frame soon.
	RequestKeyframe()
	// SetBitrate changes the bitrate of the video, in kb/s.
	SetBitrate(kbps int)
	// Video describes the video and its configured bitrate.
	Video() media.TrackInfo
	// HasSound reports whether there is a sound track.
	HasSound() bool
}

// Config says where to share.
type Config struct {
	// BackendURL and UserToken are the access to the backend; Room is the LiveKit room's name.
	BackendURL, UserToken, Room string
	// PlainHTTP consents to sending the token unencrypted to a backend on another machine.
	PlainHTTP bool
	// Passphrase encrypts what is shared from end to end: viewers need the same one. The server then cannot record, so
	// it is not asked to. Empty shares in plain.
	Passphrase string
	// AllowClip decides on a viewer's request for a clip that ends when it was asked for; nil refuses all. It may take its
	// time: the context ends when the viewer no longer waits. A *ClipRefusal reaches the viewer, of other errors only that
	// there was one.
	AllowClip func(ctx context.Context, viewer string, r api.ClipRequest, asked time.Time) (ClipMaker, error)
	// OnViewerClip is called once such a clip is ready and the viewer has its link; it must not block.
	OnViewerClip func(api.RoomClip)
	// VideoMuted and SoundMuted are what a moderator muted while another Publisher shared it: it stays so.
	VideoMuted, SoundMuted bool
	// Continue is the replay that goes on with this share, as another Publisher of the same user in the same room has left
	// it; nil begins a new one. Where Start fails, it stays as it is.
	Continue *Replay
	// Low is published beside the source, as another layer of the same track, for viewers whose connection does not carry
	// the source. It is read only while the server has use for it. Nil publishes one layer.
	Low Source
	// Log receives what the publisher has to say; nil discards it.
	Log *slog.Logger
}

// Status is a snapshot of a Publisher.
type Status struct {
	State    State  `json:"state"`
	Room     string `json:"room"`
	Identity string `json:"identity"`
	VideoSID string `json:"video_sid"`
	AudioSID string `json:"audio_sid"`
	// VideoMuted and SoundMuted say that a moderator muted a track, so that nothing of it is sent.
	VideoMuted bool `json:"video_muted"`
	SoundMuted bool `json:"sound_muted"`
	// SoundTaken says that a moderator has taken the right to share sound, so that none is sent.
	SoundTaken bool `json:"sound_taken"`
	// Recording is the state of the replay on the server, ReplayID and EgressID its names there.
	Recording RecordingState `json:"recording"`
	ReplayID  string         `json:"replay_id"`
	EgressID  string         `json:"egress_id"`
	// ServerSeconds is how much the server could save now, Asked how many viewers of watch links ask for a clip.
	ServerSeconds float64 `json:"server_seconds"`
	Asked         int     `json:"asked"`
	// Error is what is wrong at present, as a message.
	Error string `json:"error"`
	// BitrateKbps is what the video is encoded with at present.
	BitrateKbps int `json:"bitrate_kbps"`
	// Layers says which layers of the video are sent at present.
	Layers Layers `json:"layers"`
	// DeliveredKbps is how much of it reaches the server, headers included.
	DeliveredKbps int `json:"delivered_kbps"`
	// DroppedPackets counts packets that were not sent because the network was too slow.
	DroppedPackets uint64 `json:"dropped_packets"`
}

// NotRecordedEncrypted is why the server keeps no replay of an encrypted share.
const NotRecordedEncrypted = "not recorded on the server: the share is end-to-end encrypted"

// ErrEncrypted is what Save returns for an encrypted share.
var ErrEncrypted = errors.New(NotRecordedEncrypted)

// Layers are those of the video that are sent: the full one and, with Config.Low, the low-resolution one. With two, one
// is off while the server has no use for it, and the full one while the connection does not carry it.
type Layers struct {
	Full bool `json:"full"`
	Low  bool `json:"low"`
}

// ErrNotRecording is what Save returns while the server keeps no replay.
var ErrNotRecording = errors.New("the server is not recording yet, so it has nothing to save")

// service is the backend as the publisher uses it; *client.Client is one.
type service interface {
	Token(context.Context, api.TokenRequest) (*api.TokenResponse, error)
	Start(context.Context, api.StartRequest) (*api.StartResponse, error)
	Stop(context.Context, api.StopRequest) (*api.Replay, error)
	Replay(ctx context.Context, id string) (*api.Replay, error)
	Pause(ctx context.Context, replay string, paused bool, at time.Time) error
	Save(context.Context, api.SaveRequest) (*api.SaveResponse, error)
	Clip(ctx context.Context, id string) (*api.Clip, error)
	CreateLink(ctx context.Context, clip string, life time.Duration) (*api.Link, error)
	DeleteClip(ctx context.Context, id string) error
}

const (
	// readerCapacity is how many packets wait for the network at most: about 2 s of 60 frames and 50 sound packets.
	readerCapacity = 256
	// fallbackKbps stands in for a source that does not say its bitrate.
	fallbackKbps = 6000
	// floorShare of the configured bitrate is the least a slow network may bring the video down to. The same encode
	// fills the local replay, so this bounds what the network can cost a local clip.
	floorShare = 4
	// clipPoll is the pause between two looks at a clip that is not ready.
	clipPoll = 500 * time.Millisecond
)

// Publisher shares one source in one room until Close.
type Publisher struct {
	cfg     Config
	log     *slog.Logger
	src     Source
	backend service
	http    *http.Client
	reader  *fanout.Reader
	session atomic.Pointer[livekit.Session]
	unsent  atomic.Uint64 // packets that the sessions did not take

	cancel   context.CancelFunc
	closing  sync.Once
	stopping atomic.Bool
	silent   atomic.Bool     // nothing is sent anymore
	closeCtx context.Context // valid once stopping
	done     chan struct{}
	news     chan struct{} // signals that roomState has changed
	pauses   *pauseLog
	left     atomic.Value // the id of the replay that is not to be ended

	mu           sync.Mutex
	status       Status
	roomState    api.RoomState // what the room is to know
	recordingErr string        // what is wrong with the recording; Status.Error is about the connection first
}

// Start shares src. It returns once the tracks are published and the recording has been asked for. It fails for what
// the user must put right: a wrong URL or token, an unreachable backend, a refused room. If LiveKit cannot be reached,
// the screen gives no frame or the recorder refuses, sharing keeps trying and Status says so. ctx bounds only the
// start.
func Start(ctx context.Context, cfg Config, src Source) (*Publisher, error) {
	if cfg.Room = strings.TrimSpace(cfg.Room); cfg.Room == "" {
		return nil, fmt.Errorf("%w: no room is set; enter its name in Settings, Sharing", client.ErrRoom)
	}
	hc := &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 2,
		TLSHandshakeTimeout: 10 * time.Second, IdleConnTimeout: time.Minute,
	}}
	options := []client.Option{client.WithHTTPClient(hc)}
	if cfg.PlainHTTP {
		options = append(options, client.WithPlainHTTP())
	}
	backend, err := client.New(cfg.BackendURL, cfg.UserToken, options...)
	if err != nil {
		return nil, err
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Passphrase != "" && cfg.Low != nil {
		// LiveKit's Go client does not announce several layers as encrypted, so viewers could not show them.
		cfg.Log.Info("an end-to-end encrypted share has one layer")
		cfg.Low = nil
	}
	p := &Publisher{cfg: cfg, log: cfg.Log.With("room", cfg.Room), src: src, backend: backend, http: hc,
		done: make(chan struct{}), news: make(chan struct{}, 1), pauses: &pauseLog{}}
	p.status = Status{State: StateConnecting, Room: cfg.Room, Recording: p.notRecording(),
		BitrateKbps: src.Video().BitrateKbps, VideoMuted: cfg.VideoMuted, SoundMuted: cfg.SoundMuted}
	if cfg.Continue != nil {
		p.status.ReplayID, p.pauses = cfg.Continue.id, cfg.Continue.pauses
	}
	life, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	p.reader = src.NewReader(readerCapacity, media.Video, media.Opus)
	s := newSupervisor(p)
	go s.run(life)
	select {
	case err = <-s.started:
	case <-ctx.Done():
		err = fmt.Errorf("sharing was not started: %w", ctx.Err())
		if p.Status().State == StateLive {
			err = nil // only the response about the recording is missing; Status will have it
		}
	}
	if err != nil {
		p.leaveContinued()
		cancel()
		<-p.done
		return nil, err
	}
	return p, nil
}

// Status is where the Publisher is now.
func (p *Publisher) Status() Status {
	p.mu.Lock()
	st, recordingErr := p.status, p.recordingErr
	p.mu.Unlock()
	if st.Error == "" {
		st.Error = recordingErr
	}
	st.DroppedPackets = p.reader.Dropped() + p.unsent.Load()
	if s := p.session.Load(); s != nil {
		st.BitrateKbps, st.DeliveredKbps = s.BitrateKbps(), s.DeliveredKbps()
		st.Layers.Full, st.Layers.Low = s.Layers()
	}
	return st
}

func (p *Publisher) update(change func(*Status)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.status)
}

// Save asks the server for a clip of the last seconds before the press and returns its id. A zero pressedAt is now.
// The title may be empty; the marks become its chapters.
func (p *Publisher) Save(ctx context.Context, seconds float64, pressedAt time.Time, title string,
	marks ...api.Mark) (clipID string, err error) {
	return p.save(ctx, api.SaveRequest{Seconds: seconds, Title: title, Marks: marks}, pressedAt)
}

// save is Save with all but the replay and the moment in the request.
func (p *Publisher) save(ctx context.Context, req api.SaveRequest, pressedAt time.Time) (clipID string, err error) {
	id := p.Status().ReplayID
	switch {
	case p.cfg.Passphrase != "":
		return "", ErrEncrypted
	case id == "":
		return "", ErrNotRecording
	}
	req.ReplayID, req.Title = id, api.FitTitle(req.Title)
	if !pressedAt.IsZero() {
		req.PressedAt = &pressedAt
	}
	answer, err := p.backend.Save(ctx, req)
	if err != nil {
		return "", err
	}
	return answer.ClipID, nil
}

// WaitClip waits until a clip is ready and returns it. If the clip fails, the error is the server's reason. A backend
// that cannot be reached in the meantime is asked again until ctx is done.
func (p *Publisher) WaitClip(ctx context.Context, clipID string) (api.Clip, error) {
	for {
		clip, err := p.backend.Clip(ctx, clipID)
		switch {
		case err != nil && !errors.Is(err, client.ErrUnreachable):
			return api.Clip{}, err
		case err == nil && clip.State == api.ClipReady:
			return *clip, nil
		case err == nil && clip.State == api.ClipFailed:
			return *clip, fmt.Errorf("the server could not make the clip: %s", clip.Reason)
		}
		select {
		case <-time.After(clipPoll):
		case <-ctx.Done():
			return api.Clip{}, fmt.Errorf("the server's clip was not ready in time: %w", ctx.Err())
		}
	}
}

// Silence sends nothing from now on, whatever waits to be sent. It returns at once; only Close is of use after it.
func (p *Publisher) Silence() {
	p.silent.Store(true)
	if s := p.session.Load(); s != nil {
		s.Silence()
	}
}

// Leave is Close where the share goes on with another Publisher: the replay on the server is not ended, so that those
// who watch it wait for more. It returns the replay, nil where there is none.
func (p *Publisher) Leave(ctx context.Context) (*Replay, error) {
	id := p.Status().ReplayID
	p.left.Store(id)
	err := p.Close(ctx)
	if id == "" {
		return nil, err
	}
	return &Replay{id: id, backend: p.backend, pauses: p.pauses}, err
}

// leaveContinued is for a start that failed.
func (p *Publisher) leaveContinued() {
	if p.cfg.Continue != nil {
		p.left.Store(p.cfg.Continue.id)
	}
}

// Close stops the recording, leaves the room and waits, at most until ctx is done. It may be called twice.
func (p *Publisher) Close(ctx context.Context) error {
	p.closing.Do(func() {
		p.closeCtx = ctx
		p.stopping.Store(true)
		p.cancel()
	})
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("sharing is still stopping: %w", ctx.Err())
	}
}
