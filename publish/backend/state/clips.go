package state

import (
	"context"
	"time"

	"github.com/hindsight-app/hindsight/publish/api"
)

// Clip is a server clip, waiting or cut. Its id names its file.
type Clip struct {
	ID, ReplayID, Identity, Room string
	// State is one of api.ClipWaiting, ClipReady, ClipFailed.
	State, Reason string
	// Asked is the length asked for, Pressed the moment it ends at.
	Asked            time.Duration
	Pressed, Created time.Time
	// From and To are what the file holds; zero until ready.
	From, To time.Time
	Bytes    int64
}

// Start is the beginning of what was asked for.
func (c Clip) Start() time.Time { return c.Pressed.Add(-c.Asked) }

// AddClip keeps a new clip, unless the user has limit waiting already: then ok is false.
func (s *Store) AddClip(ctx context.Context, c Clip, limit int) (ok bool, err error) {
	err = s.transaction(ctx, func(tx runner) error {
		// Without it, two would count before either has added.
		if err := s.lock(ctx, tx, "clips of "+c.Identity); err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, `INSERT INTO clips (id, replay, identity, room, state, asked, pressed, created)
			SELECT ?,?,?,?,?,?,?,? WHERE (SELECT count(*) FROM clips WHERE identity = ? AND state = ?) < ?`,
			c.ID, c.ReplayID, c.Identity, c.Room, c.State, int64(c.Asked), stamp(c.Pressed), stamp(c.Created),
			c.Identity, api.ClipWaiting, limit)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		ok = n == 1
		return err
	})
	return ok, err
}

const clipColumns = `SELECT id, replay, identity, room, state, reason, asked, pressed, created, start, stop, bytes
	FROM clips `

func scanClip(r scanner) (c Clip, err error) {
	var asked, pressed, created, start, stop int64
	err = r.Scan(&c.ID, &c.ReplayID, &c.Identity, &c.Room, &c.State, &c.Reason, &asked, &pressed, &created, &start, &stop,
		&c.Bytes)
	c.Asked, c.Pressed, c.Created = time.Duration(asked), moment(pressed), moment(created)
	c.From, c.To = moment(start), moment(stop)
	return c, err
}

// Clip finds a clip of this user.
func (s *Store) Clip(ctx context.Context, identity, id string) (Clip, error) {
	return one(s.db.QueryRowContext(ctx, clipColumns+"WHERE id = ? AND identity = ?", id, identity), scanClip)
}

// Clips lists a user's clips, newest first, at most limit.
func (s *Store) Clips(ctx context.Context, identity string, limit int) ([]Clip, error) {
	return all(ctx, s, scanClip, clipColumns+"WHERE identity = ? ORDER BY created DESC, id LIMIT ?", identity, limit)
}

// WaitingClips lists all users' clips that are not cut yet, oldest first.
func (s *Store) WaitingClips(ctx context.Context) ([]Clip, error) {
	return all(ctx, s, scanClip, clipColumns+"WHERE state = ? ORDER BY created", api.ClipWaiting)
}

// FinishClip keeps State, Reason, From, To and Bytes of a clip that was waiting.
func (s *Store) FinishClip(ctx context.Context, c Clip) error {
	return s.change(ctx, "UPDATE clips SET state = ?, reason = ?, start = ?, stop = ?, bytes = ? WHERE id = ? AND state = ?",
		c.State, c.Reason, stamp(c.From), stamp(c.To), c.Bytes, c.ID, api.ClipWaiting)
}

// DeleteClip forgets a clip of this user.
func (s *Store) DeleteClip(ctx context.Context, identity, id string) error {
	return s.change(ctx, "DELETE FROM clips WHERE id = ? AND identity = ?", id, identity)
}
