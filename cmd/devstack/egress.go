package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/livekit/protocol/auth"
	"github.com/livekit/protocol/livekit"
)

// egressReport is the recording in the last line.
type egressReport struct {
	ID string `json:"id"`
	// Type is track_composite, or what LiveKit calls another; Status is LiveKit's EgressStatus.
	Type   string `json:"type"`
	Status string `json:"status"`
}

// findEgress asks livekit-server, not the backend, what records the room.
func findEgress(ctx context.Context, w *world) (*egressReport, error) {
	token, err := auth.NewAccessToken(w.livekit.APIKey, w.livekit.APISecret).SetVideoGrant(
		&auth.VideoGrant{RoomRecord: true}).
		SetValidFor(time.Minute).ToJWT()
	if err != nil {
		return nil, err
	}
	egress := livekit.NewEgressProtobufClient(w.livekit.HTTPURL,
		&http.Client{Transport: bearer(token), Timeout: 10 * time.Second})
	list, err := egress.ListEgress(ctx, &livekit.ListEgressRequest{RoomName: room, Active: true})
	if err != nil {
		return nil, fmt.Errorf("livekit-server does not list its recordings: %w", err)
	}
	if len(list.Items) != 1 {
		return nil, fmt.Errorf("livekit-server lists %d recordings of the room; there should be one", len(list.Items))
	}
	info := list.Items[0]
	r := &egressReport{ID: info.EgressId, Status: info.Status.String(), Type: fmt.Sprintf("%T", info.Request)}
	if t := info.GetTrackComposite(); t != nil && t.VideoTrackId != "" && t.AudioTrackId != "" {
		r.Type = "track_composite"
	}
	return r, nil
}

// bearer sends a token with every request.
type bearer string

// RoundTrip implements http.RoundTripper.
func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(b))
	return http.DefaultTransport.RoundTrip(r)
}
