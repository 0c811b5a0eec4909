package publishtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"github.com/livekit/protocol/auth"
	protologger "github.com/livekit/protocol/logger"
	lksdk "github.com/livekit/server-sdk-go/v2"

	hindsightlivekit "github.com/hindsight-app/hindsight/publish/livekit"
)

// Viewer is somebody in a room who hears what is said there and subscribes to nothing.
type Viewer struct {
	room *lksdk.Room
	wg   sync.WaitGroup

	mu   sync.Mutex
	data []Said
	text []Said
}

// Said is a message in the room.
type Said struct{ Topic, From, Text string }

// View joins a room. Messages of text streams are kept for these topics.
func View(ctx context.Context, url, key, secret, room, identity string, topics ...string) (*Viewer, error) {
	hindsightlivekit.QuietClient()
	token, err := auth.NewAccessToken(key, secret).SetIdentity(identity).SetVideoGrant(&auth.VideoGrant{
		RoomJoin: true, Room: room}).ToJWT()
	if err != nil {
		return nil, err
	}
	v := &Viewer{}
	quiet := protologger.LogRLogger(logr.Discard())
	v.room = lksdk.NewRoom(&lksdk.RoomCallback{ParticipantCallback: lksdk.ParticipantCallback{
		OnDataPacket: func(p lksdk.DataPacket, params lksdk.DataReceiveParams) {
			if d, ok := p.(*lksdk.UserDataPacket); ok {
				v.keep(&v.data, Said{d.Topic, params.SenderIdentity, string(d.Payload)})
			}
		},
	}})
	v.room.SetLogger(quiet)
	for _, topic := range topics {
		err := v.room.RegisterTextStreamHandler(topic, func(r *lksdk.TextStreamReader, from string) {
			v.wg.Go(func() { v.keep(&v.text, Said{topic, from, r.ReadAll()}) })
		})
		if err != nil {
			return nil, err
		}
	}
	if err := v.room.JoinWithContextAndToken(ctx, url, token, lksdk.WithLogger(quiet),
		lksdk.WithAutoSubscribe(false)); err != nil {
		return nil, fmt.Errorf("the viewer cannot join: %w", err)
	}
	return v, nil
}

func (v *Viewer) keep(in *[]Said, s Said) {
	v.mu.Lock()
	defer v.mu.Unlock()
	*in = append(*in, s)
}

// Data are the data packets heard so far, Texts the text streams.
func (v *Viewer) Data() []Said { return v.said(&v.data) }

// Texts are the text streams heard so far.
func (v *Viewer) Texts() []Said { return v.said(&v.text) }

func (v *Viewer) said(s *[]Said) []Said {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(*s)
}

// Sees is whether somebody else is in the room.
func (v *Viewer) Sees(identity string) bool { return v.room.GetParticipantByIdentity(identity) != nil }

// Attributes are those of somebody else in the room, nil where there is no such participant.
func (v *Viewer) Attributes(identity string) map[string]string {
	p := v.room.GetParticipantByIdentity(identity)
	if p == nil {
		return nil
	}
	return maps.Clone(p.Attributes())
}

// Call performs an RPC method and waits for the response. An error of the method has its code.
func (v *Viewer) Call(identity, method, payload string, wait time.Duration) (response string, code uint32, err error) {
	out, err := v.room.LocalParticipant.PerformRpc(lksdk.PerformRpcParams{DestinationIdentity: identity, Method: method,
		Payload: payload, ResponseTimeout: &wait})
	if e, ok := errors.AsType[*lksdk.RpcError](err); ok {
		return "", uint32(e.Code), err
	}
	if err != nil || out == nil {
		return "", 0, err
	}
	return *out, 0, nil
}

// Close leaves the room and waits.
func (v *Viewer) Close() error {
	v.room.Disconnect()
	v.wg.Wait()
	return nil
}
