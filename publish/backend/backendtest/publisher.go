package backendtest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/livekit/protocol/logger"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"

	"github.com/hindsight-app/hindsight/cmd/devstack/wait"
	hindsightlivekit "github.com/hindsight-app/hindsight/publish/livekit"
)

// Publisher plays a Loop into a room as a video and a sound track.
type Publisher struct {
	// VideoID and AudioID are the SIDs of the two tracks.
	VideoID, AudioID string
	// Start is the moment of the first mark; one follows every MarkEvery.
	Start time.Time

	room *lksdk.Room
	stop context.CancelFunc
	done chan struct{}
	once sync.Once
}

// Publish joins the room that the token names and plays until Close.
func Publish(url, token string, l *Loop) (*Publisher, error) {
	return publish(url, token, l, livekit.TrackSource_SCREEN_SHARE, livekit.TrackSource_SCREEN_SHARE_AUDIO,
		livekit.Encryption_NONE)
}

// PublishEncrypted is Publish with tracks that say they are end-to-end encrypted.
func PublishEncrypted(url, token string, l *Loop) (*Publisher, error) {
	return publish(url, token, l, livekit.TrackSource_SCREEN_SHARE, livekit.TrackSource_SCREEN_SHARE_AUDIO,
		livekit.Encryption_GCM)
}

// PublishCamera is Publish with CAMERA and MICROPHONE.
func PublishCamera(url, token string, l *Loop) (*Publisher, error) {
	return publish(url, token, l, livekit.TrackSource_CAMERA, livekit.TrackSource_MICROPHONE, livekit.Encryption_NONE)
}

func publish(url, token string, l *Loop, videoSource, sound livekit.TrackSource, e livekit.Encryption_Type) (*Publisher,
	error) {
	hindsightlivekit.QuietClient()
	quiet := logger.GetDiscardLogger()
	room, err := lksdk.ConnectToRoomWithToken(url, token, lksdk.NewRoomCallback(), lksdk.WithLogger(quiet))
	if err != nil {
		return nil, fmt.Errorf("the room cannot be joined: %w", err)
	}
	p := &Publisher{room: room, done: make(chan struct{})}
	video, audio, err := p.publishTracks(l, videoSource, sound, e)
	if err != nil {
		room.Disconnect()
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.stop = cancel
	p.Start = time.Now().Add(100 * time.Millisecond)
	go p.play(ctx, l, video, audio)
	return p, nil
}

func (p *Publisher) publishTracks(l *Loop, videoSource, sound livekit.TrackSource, e livekit.Encryption_Type) (video,
	audio *lksdk.LocalTrack, err error) {
	video, err = lksdk.NewLocalTrack(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH264, ClockRate: 90000,
		SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"})
	if err != nil {
		return nil, nil, err
	}
	audio, err = lksdk.NewLocalTrack(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000,
		Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1;stereo=1"})
	if err != nil {
		return nil, nil, err
	}
	pub, err := p.room.LocalParticipant.PublishTrack(video, &lksdk.TrackPublicationOptions{Name: "screen",
		Source: videoSource, VideoWidth: l.Width, VideoHeight: l.Height, Encryption: e})
	if err != nil {
		return nil, nil, err
	}
	p.VideoID = pub.SID()
	pub, err = p.room.LocalParticipant.PublishTrack(audio, &lksdk.TrackPublicationOptions{Name: "sound",
		Source: sound, Stereo: true, DisableDTX: true, Encryption: e})
	if err != nil {
		return nil, nil, err
	}
	p.AudioID = pub.SID()
	return video, audio, nil
}

// play writes every sample at its moment. Errors of a track end with the room and are of no interest here.
func (p *Publisher) play(ctx context.Context, l *Loop, video, audio *lksdk.LocalTrack) {
	defer close(p.done)
	for v, a := 0, 0; ; {
		vt := time.Duration(v) * time.Second / time.Duration(l.FPS)
		at := time.Duration(a) * opusPacket
		next := min(vt, at)
		timer := time.NewTimer(time.Until(p.Start.Add(next)))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		if vt <= at {
			_ = video.WriteSample(media.Sample{Data: l.video[v%len(l.video)],
				Duration: time.Second / time.Duration(l.FPS)}, nil)
			v++
		} else {
			_ = audio.WriteSample(media.Sample{Data: l.audio[a%len(l.audio)], Duration: opusPacket}, nil)
			a++
		}
	}
}

// Close stops playing and leaves the room. It may be called twice.
func (p *Publisher) Close() error {
	p.once.Do(func() {
		p.stop()
		<-p.done
		p.room.Disconnect()
	})
	return nil
}

// Await looks four times a second until ok returns true, and returns false if it has not within the limit. The service
// refuses whoever asks much more often.
func Await(limit time.Duration, ok func() bool) bool { return wait.Slowly(limit, ok) }
