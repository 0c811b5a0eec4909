// Package livekit is one stay in a LiveKit room: it joins with a token, publishes the screen and its sound, and sends
// the packets it is given, with RTP times and sender reports made from their PTS. It is the only package of the app
// that knows the LiveKit client.
//
// A Session belongs to its caller, who writes packets from one goroutine and watches Changed for what happens to the
// connection. The LiveKit client reconnects by itself for about a minute; after that, or when the server says so, the
// Session is Gone and a new one is needed. Goroutines are those of the LiveKit client and one pacer for each peer
// connection; Close leaves the room and waits until the peer connections are closed.
package livekit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	neturl "net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/hindsight-app/hindsight/capture/media"
)

// ErrRefused marks an error of Join that a retry does not fix: the server does not accept the token.
var ErrRefused = errors.New("the LiveKit server refused the token")

const (
	// connectTimeout bounds one attempt to connect.
	connectTimeout = 10 * time.Second
	// retransmitPackets is how many packets can be sent again on request: more than half a second at 30 Mb/s.
	retransmitPackets = 2048
	// deliveredFor is how long the server's word on what was delivered holds. It comes some ten times a second.
	deliveredFor = 2 * time.Second
	// keyframeEvery is the least time between two requests for a keyframe.
	keyframeEvery = 500 * time.Millisecond
)

// Options says what a Session needs.
type Options struct {
	// URL is the server's WebSocket address, Token the right to join.
	URL, Token string
	// Video describes the video track; Sound says that there is a sound track.
	Video media.TrackInfo
	Sound bool
	// VideoMuted and SoundMuted publish a track muted, as it was in an earlier stay.
	VideoMuted, SoundMuted bool
	// Clock is what stamps the packets; nil takes the first packet's PTS for the present.
	Clock media.Clock
	// MinKbps and MaxKbps bound what OnBitrate is asked for, in kb/s.
	MinKbps, MaxKbps int
	// OnKeyframe is called when a viewer needs an IDR frame, OnBitrate when the video should take another bitrate in
	// kb/s. They must not block, nor call the Session. Neither is called after Close.
	OnKeyframe func()
	OnBitrate  func(kbps int)
	// Passphrase encrypts all tracks from end to end: only who has it can see and hear them. Empty is in plain.
	Passphrase string
	// Low is published beside Video, as another layer of the track (simulcast), so that the server can give it to viewers
	// whose connection does not carry the other one. Nil, and with a Passphrase, one layer is published.
	Low *LowLayer
	// Methods are the RPC methods that others in the room can call, by name.
	Methods map[string]Method
	// Log gets the client's messages for debugging; nil discards them.
	Log *slog.Logger
}

// Phase is where a Session is in its life.
type Phase int

// The phases of a Session.
const (
	Joining Phase = iota
	Live
	Reconnecting // the client is on its way back
	Gone         // over; make a new Session unless Final
)

// State is a snapshot of a Session.
type State struct {
	Phase Phase
	// VideoSID and AudioSID are the server's ids of the tracks; they change when the client has to publish again.
	VideoSID, AudioSID string
	// VideoMuted and SoundMuted say that a moderator has muted a track, so that nothing of it is sent.
	VideoMuted, SoundMuted bool
	// SoundTaken says that a moderator has taken the right to share sound.
	SoundTaken bool
	// Starved says that the connection does not carry the full layer, so that only the low one is sent.
	Starved bool
	// Reason says as a message why the Session is Gone.
	Reason string
	// Final says that coming back by itself would go against somebody's will.
	Final bool
}

// Session is one stay in a room.
type Session struct {
	opts  Options
	log   *slog.Logger
	room  *lksdk.Room
	video *track                  // the full layer
	low   *track                  // nil without a second layer
	sound *track                  // nil without sound
	on    [layerCount]atomic.Bool // what is sent
	line  atomic.Pointer[timeline]
	// silent is that nothing is sent anymore.
	silent atomic.Bool

	delivered   atomic.Int64 // bit/s
	deliveredAt atomic.Int64 // when the server last said so, Unix time in ns

	changed chan struct{}
	left    chan struct{} // signals that a transport closed
	life    context.Context
	end     context.CancelFunc

	mu         sync.Mutex
	state      State
	split      split
	asked      [layerCount]int // bitrates that OnBitrate was last told
	keys       [layerCount]keyRequest
	transports int
	closing    bool
	noSound    bool // a moderator has taken the right to share sound
}

// keyRequest is a request for a keyframe: wanted, as soon as asked is long enough ago.
type keyRequest struct {
	wanted bool
	asked  time.Time
}

// New prepares a Session. Packets may be written to it at once; they go nowhere before Join.
func New(opts Options) (*Session, error) {
	QuietClient()
	if opts.Passphrase != "" {
		opts.Low = nil // the client would not announce it as encrypted
	}
	s := &Session{opts: opts, log: opts.Log, changed: make(chan struct{}, 1), left: make(chan struct{}, 1)}
	s.life, s.end = context.WithCancel(context.Background())
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	var low rateControl
	if opts.Low != nil {
		low = newRateControl(opts.Low.MinKbps, opts.Low.MaxKbps)
	}
	s.split = newSplit(newRateControl(opts.MinKbps, opts.MaxKbps), low, opts.Low != nil)
	s.asked = [layerCount]int{s.split.full.current, s.split.low.current}
	s.on[fullLayer].Store(true)
	s.on[lowLayer].Store(opts.Low != nil)
	if opts.Clock != nil {
		s.line.Store(&timeline{wall: time.Now(), pts: opts.Clock.Now()})
	}
	var err error
	if s.video, err = s.newLayer(fullLayer, opts.Video); err == nil && opts.Low != nil {
		s.low, err = s.newLayer(lowLayer, opts.Low.Video)
	}
	if err != nil {
		return nil, fmt.Errorf("the video track can't be created: %w", err)
	}
	if opts.Sound {
		if s.sound, err = newSoundTrack(); err != nil {
			return nil, fmt.Errorf("the audio track can't be created: %w", err)
		}
		s.sound.muted.Store(opts.SoundMuted)
	}
	if opts.Passphrase != "" {
		video, sound, err := newEncryptors(opts.Passphrase)
		if err != nil {
			return nil, fmt.Errorf("the end-to-end encryption can't be set up: %w", err)
		}
		for _, t := range []*track{s.video, s.low} {
			if t != nil {
				t.encryptor = video
			}
		}
		if s.sound != nil {
			s.sound.encryptor = sound
		}
	}
	s.room = lksdk.NewRoom(&lksdk.RoomCallback{
		OnReconnecting:            s.onReconnecting,
		OnReconnected:             s.onReconnected,
		OnDisconnectedWithReason:  s.onDisconnected,
		OnParticipantConnected:    func(*lksdk.RemoteParticipant) { s.countViewers() },
		OnParticipantDisconnected: func(*lksdk.RemoteParticipant) { s.countViewers() },
		ParticipantCallback: lksdk.ParticipantCallback{
			OnTrackMuted:            func(pub lksdk.TrackPublication, _ lksdk.Participant) { s.onMuted(pub, true) },
			OnTrackUnmuted:          func(pub lksdk.TrackPublication, _ lksdk.Participant) { s.onMuted(pub, false) },
			OnLocalTrackUnpublished: s.onUnpublished,
		},
	})
	logger := s.clientLogger()
	s.room.SetLogger(logger)
	for _, t := range []*track{s.video, s.low, s.sound} {
		if t != nil {
			t.local.SetLogger(logger)
		}
	}
	if err := s.offer(opts.Methods); err != nil {
		return nil, fmt.Errorf("requests from the room can't be taken: %w", err)
	}
	return s, nil
}

// Silence sends no audio and video from now on, not even what is queued or asked for again.
func (s *Session) Silence() { s.silent.Store(true) }

// unlessSilent is a writer that drops packets once the session is silent.
func (s *Session) unlessSilent(next interceptor.RTPWriter) interceptor.RTPWriter {
	return interceptor.RTPWriterFunc(func(h *rtp.Header, payload []byte, a interceptor.Attributes) (int, error) {
		if s.silent.Load() {
			return h.MarshalSize() + len(payload), nil
		}
		return next.Write(h, payload, a)
	})
}

// newLayer makes the track of a layer.
func (s *Session) newLayer(l layer, info media.TrackInfo) (*track, error) {
	options := []lksdk.LocalTrackOptions{lksdk.WithRTCPHandler(func(p rtcp.Packet) { s.onVideoRTCP(l, p) })}
	if s.opts.Low != nil {
		options = append(options, layerOption(l, info))
	}
	t, err := newVideoTrack(options...)
	if err != nil {
		return nil, err
	}
	t.muted.Store(s.opts.VideoMuted)
	t.local.OnBind(func() {
		t.needKey.Store(true)
		s.requestKeyframe(l)
	})
	return t, nil
}

// Join enters the room and publishes; it returns once the server has named all tracks. A Session that failed to join
// must still be closed.
func (s *Session) Join(ctx context.Context) error {
	err := s.room.JoinWithContextAndToken(ctx, s.opts.URL, s.opts.Token,
		lksdk.WithAutoSubscribe(false),
		lksdk.WithConnectTimeout(connectTimeout),
		lksdk.WithRetransmitBufferSize(retransmitPackets),
		lksdk.WithInterceptors([]interceptor.Factory{transportFactory{s}}),
		lksdk.WithIncludeDefaultInterceptors(true),
		lksdk.WithLogger(s.clientLogger()),
	)
	if err != nil {
		return joinError(s.opts.URL, err)
	}
	if err := s.publish(ctx); err != nil {
		return err
	}
	s.muteAgain()
	s.countViewers()
	s.update(func(st *State) {
		if st.Phase == Joining {
			s.readTracks(st)
		}
	})
	if st := s.State(); st.Phase == Gone {
		return errors.New(st.Reason)
	}
	return nil
}

func (s *Session) publish(ctx context.Context) error {
	options := &lksdk.TrackPublicationOptions{
		Name: "screen", Source: livekit.TrackSource_SCREEN_SHARE,
		VideoWidth: s.opts.Video.Width, VideoHeight: s.opts.Video.Height, Encryption: s.encryption(),
	}
	var err error
	if s.low == nil {
		_, err = s.room.LocalParticipant.PublishTrack(s.video.local, options)
	} else {
		_, err = s.room.LocalParticipant.PublishSimulcastTrack([]*lksdk.LocalTrack{s.low.local, s.video.local}, options)
	}
	if err != nil {
		return fmt.Errorf("the LiveKit server did not accept the screen: %w", err)
	}
	if err := ctx.Err(); err != nil || s.sound == nil {
		return err
	}
	_, err = s.room.LocalParticipant.PublishTrack(s.sound.local, &lksdk.TrackPublicationOptions{
		Name: "screen sound", Source: livekit.TrackSource_SCREEN_SHARE_AUDIO, Stereo: true, DisableDTX: true,
		Encryption: s.encryption(),
	})
	if err != nil {
		return fmt.Errorf("the LiveKit server did not accept the audio: %w", err)
	}
	return ctx.Err()
}

// joinError turns the client's error into a message. The client has no error values for the server's responses.
func joinError(url string, err error) error {
	text := err.Error()
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("joining the room was canceled: %w", err)
	case strings.Contains(text, "unauthorized"):
		return fmt.Errorf("%w; the backend must have the API key and secret of the server at %s", ErrRefused, url)
	}
	var call *neturl.Error
	if errors.As(err, &call) {
		text = call.Err.Error() // without the address of the call, which holds the token
	}
	return fmt.Errorf("the LiveKit server at %s cannot be reached: %s", url, withoutTokens(text))
}

// Write sends one packet. Only one goroutine may call it. Video does not wait for the network: what it does not take in
// time is answered with ErrSlow and left out up to the next IDR. Sound waits where the connection does, as TURN over
// TCP.
func (s *Session) Write(p *media.Packet) error {
	if s.line.Load() == nil {
		s.line.Store(&timeline{wall: time.Now(), pts: p.PTS})
	}
	switch {
	case p.Track == media.Video:
		return s.writeVideo(fullLayer, s.video, p)
	case p.Track == media.Opus && s.sound != nil:
		return s.sound.write(p)
	}
	return nil
}

// State is where the Session is now.
func (s *Session) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.state
	st.Starved = s.split.starved
	return st
}

// Changed gets a value after every change of State; several changes may share one.
func (s *Session) Changed() <-chan struct{} { return s.changed }

// BitrateKbps is the bitrate the network allows at present, within the bounds.
func (s *Session) BitrateKbps() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.split.full.current
}

// SetBounds changes the bounds of what OnBitrate is asked for, in kb/s, and takes the upper one as the present bitrate.
func (s *Session) SetBounds(minimum, maximum int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rate := newRateControl(minimum, maximum)
	rate.changed = s.split.full.changed
	s.split.full, s.asked[fullLayer] = rate, rate.current
}

// estimateBounds are those of the bandwidth estimate, in bit/s.
func (s *Session) estimateBounds() (minimum, maximum int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	minimum, maximum = s.split.bounds()
	return minimum * 1000, maximum * 1000
}

// DeliveredKbps is how much of the video reached the server in the last half second before it last said so, in kb/s;
// 0 if it has not done so for a while, since nothing was sent.
func (s *Session) DeliveredKbps() int {
	if time.Since(time.Unix(0, s.deliveredAt.Load())) > deliveredFor {
		return 0
	}
	return int(s.delivered.Load() / 1000)
}

// Close leaves the room and waits until its connections are closed, or for ctx. It may be called twice.
func (s *Session) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	s.end()
	s.room.Disconnect()
	for {
		s.mu.Lock()
		open := s.transports
		s.mu.Unlock()
		if open == 0 {
			return nil
		}
		select {
		case <-s.left:
		case <-ctx.Done():
			return fmt.Errorf("leaving the room took too long: %w", ctx.Err())
		}
	}
}

func (s *Session) opened() {
	s.mu.Lock()
	s.transports++
	s.mu.Unlock()
}

func (s *Session) closed() {
	s.mu.Lock()
	s.transports--
	s.mu.Unlock()
	media.Poke(s.left)
}
