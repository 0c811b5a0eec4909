package recorder

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/livekit/protocol/auth"
	"github.com/livekit/protocol/livekit"
	"github.com/livekit/protocol/webhook"
	"github.com/twitchtv/twirp"

	"github.com/hindsight-app/hindsight/publish/api"
)

// Webhook verifies a webhook's signature. ok is false for events that are not about an egress.
func (l *LiveKit) Webhook(r *http.Request) (s Status, ok bool, err error) {
	event, err := webhook.ReceiveWebhookEvent(r, l.keys)
	if err != nil || event.EgressInfo == nil {
		return Status{}, false, err
	}
	return status(event.EgressInfo), true, nil
}

// Join signs a token for a room: publish screen and sound, say what the replay does (api.RoomState), tell of clips and
// take requests for them (api.TopicClip); nothing else, and no listening.
func (l *LiveKit) Join(room, identity, name string, ttl time.Duration) (string, error) {
	grant := &auth.VideoGrant{RoomJoin: true, Room: room}
	grant.SetCanPublish(true)
	grant.SetCanPublishData(true)
	grant.SetCanUpdateOwnMetadata(true)
	grant.SetCanSubscribe(false)
	grant.SetCanPublishSources([]livekit.TrackSource{
		livekit.TrackSource_SCREEN_SHARE, livekit.TrackSource_SCREEN_SHARE_AUDIO})
	return auth.NewAccessToken(l.o.APIKey, l.o.APISecret).SetIdentity(identity).SetName(name).
		SetValidFor(ttl).SetVideoGrant(grant).ToJWT()
}

// Evict removes a participant from all rooms that allowed names, and returns those where it was.
func (l *LiveKit) Evict(ctx context.Context, identity string, allowed func(room string) bool) (out []string,
	err error) {
	rooms, err := l.rooms.ListRooms(ctx, &livekit.ListRoomsRequest{})
	if err != nil {
		return nil, refused(err)
	}
	for _, room := range rooms.Rooms {
		if !allowed(room.Name) {
			continue
		}
		_, err := l.rooms.RemoveParticipant(ctx, &livekit.RoomParticipantIdentity{Room: room.Name, Identity: identity})
		var te twirp.Error
		if errors.As(err, &te) && te.Code() == twirp.NotFound {
			continue
		}
		if err != nil {
			return out, refused(err)
		}
		out = append(out, room.Name)
	}
	return out, nil
}

// Listen signs a token to join a room as a hidden, receiving participant, as recorders do: the room shows that it is
// recorded, and such a participant alone does not keep it open.
func (l *LiveKit) Listen(room, identity string, ttl time.Duration) (string, error) {
	grant := &auth.VideoGrant{RoomJoin: true, Room: room, Hidden: true, Recorder: true}
	grant.SetCanPublish(false)
	grant.SetCanPublishData(false)
	grant.SetCanSubscribe(true)
	return auth.NewAccessToken(l.o.APIKey, l.o.APISecret).SetIdentity(identity).SetKind(livekit.ParticipantInfo_EGRESS).
		SetValidFor(ttl).SetVideoGrant(grant).ToJWT()
}

// HasEgress reports whether LiveKit is set up for egress, which needs Redis; whether a worker is waiting there is not
// known before one is asked for.
func (l *LiveKit) HasEgress(ctx context.Context) (bool, error) {
	_, err := l.egress.ListEgress(ctx, &livekit.ListEgressRequest{Active: true})
	var te twirp.Error
	if errors.As(err, &te) && strings.Contains(te.Msg(), "egress not connected") {
		return false, nil
	}
	if err != nil {
		return false, refused(err)
	}
	return true, nil
}

func status(info *livekit.EgressInfo) Status {
	s := Status{EgressID: info.EgressId, Error: info.Error}
	switch info.Status {
	case livekit.EgressStatus_EGRESS_STARTING:
		s.State = api.StateStarting
	case livekit.EgressStatus_EGRESS_ACTIVE, livekit.EgressStatus_EGRESS_ENDING:
		s.State = api.StateActive
	case livekit.EgressStatus_EGRESS_COMPLETE, livekit.EgressStatus_EGRESS_LIMIT_REACHED:
		s.State = api.StateEnded
	default:
		s.State = api.StateFailed
		if s.Error == "" {
			s.Error = "the recorder gave up: " + info.Status.String()
		}
	}
	for _, r := range info.SegmentResults {
		if r.StartedAt > 0 {
			s.Began = time.Unix(0, r.StartedAt)
		}
	}
	return s
}

// refused puts an error of LiveKit's API into words.
func refused(err error) error {
	var te twirp.Error
	if !errors.As(err, &te) {
		return fmt.Errorf("%w: LiveKit does not answer: %v", ErrUnavailable, err)
	}
	switch te.Code() {
	case twirp.Unauthenticated, twirp.PermissionDenied:
		return fmt.Errorf("%w: LiveKit does not accept the API key of this backend: %s", ErrUnavailable, te.Msg())
	case twirp.ResourceExhausted, twirp.Unavailable, twirp.DeadlineExceeded:
		return fmt.Errorf("%w: no recorder is free: %s", ErrUnavailable, te.Msg())
	}
	return fmt.Errorf("%w: LiveKit answers %s: %s", ErrUnavailable, te.Code(), te.Msg())
}
