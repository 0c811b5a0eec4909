package state

import (
	"context"
	"time"
)

// Lease takes what name stands for until the time is up, or holds it for longer; ok is false while another backend has
// it. Times are the database's, so that it does not matter whose clock is wrong. All programs on a SQLite database
// count as one, for only one service runs on it: what it held when it was killed is its own again at once.
func (s *Store) Lease(ctx context.Context, name string, d time.Duration) (ok bool, err error) {
	now := "CAST(unixepoch('subsec') * 1000 AS INTEGER)"
	if s.db.postgres {
		now = "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"
	}
	res, err := s.db.ExecContext(ctx, `INSERT INTO leases (name, worker, until) VALUES (?, ?, `+now+` + ?)
		ON CONFLICT (name) DO UPDATE SET worker = excluded.worker, until = excluded.until
		WHERE leases.worker = excluded.worker OR leases.until < `+now, name, s.worker, d.Milliseconds())
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// Release gives a lease back. One that is not held anymore is fine.
func (s *Store) Release(ctx context.Context, name string) error {
	_, err := s.db.ExecContext(ctx, "DELETE FROM leases WHERE name = ? AND worker = ?", name, s.worker)
	return err
}
