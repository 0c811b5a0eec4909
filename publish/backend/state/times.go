package state

import (
	"context"
	"time"
)

// SegmentTime is when the frames of a recording's segment begin and end, since PTS 0. Both are 0 where that cannot be
// read from it.
type SegmentTime struct {
	Number     int // as in its name
	First, End time.Duration
}

// SegmentTimes lists what is kept of a recording's segments from a number on.
func (s *Store) SegmentTimes(ctx context.Context, recording string, from int) ([]SegmentTime, error) {
	return all(ctx, s, func(r scanner) (t SegmentTime, err error) {
		var first, end int64
		err = r.Scan(&t.Number, &first, &end)
		t.First, t.End = time.Duration(first), time.Duration(end)
		return t, err
	}, "SELECT number, first, stop FROM segment_times WHERE recording = ? AND number >= ? ORDER BY number", recording,
		from)
}

// KeepSegmentTimes keeps when segments begin and end. What is kept already, by another backend, stays; of a recording
// that is deleted nothing is kept.
func (s *Store) KeepSegmentTimes(ctx context.Context, recording string, list []SegmentTime) error {
	return s.transaction(ctx, func(tx runner) error {
		for _, t := range list {
			_, err := tx.ExecContext(ctx, `INSERT INTO segment_times (recording, number, first, stop) SELECT id, ?, ?, ?
				FROM recordings WHERE id = ? ON CONFLICT DO NOTHING`, t.Number, int64(t.First), int64(t.End), recording)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// KeepAhead keeps by how much a recorder's clock is at least ahead of ours, and returns the most that is known of it.
func (s *Store) KeepAhead(ctx context.Context, id string, ahead time.Duration) (time.Duration, error) {
	_, err := s.db.ExecContext(ctx, "UPDATE recordings SET ahead = ? WHERE id = ? AND ahead < ?", int64(ahead), id,
		int64(ahead))
	if err != nil {
		return 0, err
	}
	return one(s.db.QueryRowContext(ctx, "SELECT ahead FROM recordings WHERE id = ?", id),
		func(r scanner) (n time.Duration, err error) { return n, r.Scan(&n) })
}
