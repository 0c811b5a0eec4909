package state

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"time"
)

// rooms lists the rooms that a table has, each by one look into its index, however many rows a room has.
func (s *Store) rooms(ctx context.Context, table string) (out []string, err error) {
	query, args := "SELECT min(room) FROM "+table, []any(nil)
	for {
		var room sql.NullString
		if err := s.db.QueryRowContext(ctx, query, args...).Scan(&room); err != nil || !room.Valid {
			return out, err
		}
		out = append(out, room.String)
		query, args = "SELECT min(room) FROM "+table+" WHERE room > ?", []any{room.String}
	}
}

const (
	clipsInRoom = clipColumns + "WHERE room = ? AND created < ? AND deleted = 0 ORDER BY created DESC, id LIMIT ?"
	jobsInRoom  = jobColumns + "WHERE room = ? AND deleted = 0 ORDER BY created DESC, id LIMIT ?"
)

// ClipsIn lists everybody's clips in the rooms that in accepts, and an owner's in all rooms, which were asked for
// before a moment, newest first, at most limit.
func (s *Store) ClipsIn(ctx context.Context, in func(room string) bool, owner string, before time.Time,
	limit int) ([]Clip, error) {
	out, err := s.ClipsOf(ctx, owner, before, limit)
	if err != nil {
		return nil, err
	}
	rooms, err := s.rooms(ctx, "clips")
	if err != nil {
		return nil, err
	}
	for _, room := range rooms {
		if !in(room) {
			continue
		}
		more, err := all(ctx, s, scanClip, clipsInRoom, room, stamp(before), limit)
		if err != nil {
			return nil, err
		}
		out = append(out, slices.DeleteFunc(more, func(c Clip) bool { return c.Identity == owner })...)
	}
	slices.SortFunc(out, func(a, b Clip) int { return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(a.ID, b.ID)) })
	return out[:min(len(out), limit)], nil
}

// JobsIn is ClipsIn for recordings.
func (s *Store) JobsIn(ctx context.Context, in func(room string) bool, owner string, limit int) ([]Job, error) {
	out, err := s.JobsOf(ctx, owner, limit)
	if err != nil {
		return nil, err
	}
	rooms, err := s.rooms(ctx, "takes")
	if err != nil {
		return nil, err
	}
	for _, room := range rooms {
		if !in(room) {
			continue
		}
		more, err := all(ctx, s, scanJob, jobsInRoom, room, limit)
		if err != nil {
			return nil, err
		}
		out = append(out, slices.DeleteFunc(more, func(t Job) bool { return t.Identity == owner })...)
	}
	slices.SortFunc(out, func(a, b Job) int { return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(a.ID, b.ID)) })
	return out[:min(len(out), limit)], nil
}
