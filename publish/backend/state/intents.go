package state

import (
	"context"
	"errors"
	"time"
)

// Intent is the id of a recording that is being started. It is kept before the recorder is asked and forgotten once the
// recording is kept: what stays was left by a process that was killed in between, and its recorder may run.
type Intent struct {
	ID      string
	Created time.Time
}

// AddIntent keeps an intent.
func (s *Store) AddIntent(ctx context.Context, id string) error {
	_, err := s.db.ExecContext(ctx, "INSERT INTO intents (id, created) VALUES (?,?)", id, stamp(time.Now()))
	return err
}

// DeleteIntent forgets an intent; one that is not there is fine.
func (s *Store) DeleteIntent(ctx context.Context, id string) error {
	if err := s.change(ctx, "DELETE FROM intents WHERE id = ?", id); !errors.Is(err, ErrNotFound) {
		return err
	}
	return nil
}

// IntentsBefore lists the intents from before a moment, oldest first.
func (s *Store) IntentsBefore(ctx context.Context, t time.Time) ([]Intent, error) {
	scan := func(r scanner) (i Intent, err error) {
		var created int64
		err = r.Scan(&i.ID, &created)
		i.Created = moment(created)
		return i, err
	}
	return all(ctx, s, scan, "SELECT id, created FROM intents WHERE created < ? ORDER BY created, id", stamp(t))
}
