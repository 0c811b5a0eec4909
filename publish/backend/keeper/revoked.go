package keeper

import (
	"context"
	"time"

	"github.com/hindsight-app/hindsight/publish/backend/state"
)

const (
	// revokedPeriod is how long somebody whose token was revoked may stay in a room.
	revokedPeriod = 5 * time.Second
	// livekitRefresh is for how long LiveKit's own tokens, which it gives to those who are in a room, let them come
	// back.
	livekitRefresh = 10 * time.Minute
	evictTimeout   = 10 * time.Second
)

// Evictor removes participants from rooms.
type Evictor interface {
	// Evict removes a participant from all rooms that allowed names, and returns those where it was.
	Evict(ctx context.Context, identity string, allowed func(room string) bool) (rooms []string, err error)
}

// watchRevoked keeps those out of rooms whose token was revoked, until ctx ends. What they have running and their links
// are ended by the revocation itself, in the database.
func (k *Keeper) watchRevoked(ctx context.Context) {
	tick := time.NewTicker(revokedPeriod)
	defer tick.Stop()
	for {
		k.evictRevoked(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// evictRevoked removes them for as long as a token to join a room may be good that they got before.
func (k *Keeper) evictRevoked(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, evictTimeout)
	defer cancel()
	revoked, err := k.o.State.RevokedSince(ctx, time.Now().Add(-max(k.o.TokenTTL, livekitRefresh)-time.Minute))
	if err != nil {
		k.complainRevoked(ctx, state.Token{}, err)
		return
	}
	for _, token := range revoked {
		rooms, err := k.o.Evictor.Evict(ctx, token.AppIdentity(), token.Allows)
		for _, room := range rooms {
			k.o.Audit.InfoContext(ctx, "audit", "call", "removed from room", "room", room, "user", token.Owner(), "token",
				token.ID)
		}
		if err != nil {
			k.complainRevoked(ctx, token, err)
			return
		}
	}
}

func (k *Keeper) complainRevoked(ctx context.Context, token state.Token, err error) {
	if ctx.Err() != context.Canceled {
		k.o.Log.WarnContext(ctx, "who has a revoked token cannot be removed from rooms; it is tried again", "user",
			token.Owner(),
			"token", token.ID, "err", err)
	}
}
