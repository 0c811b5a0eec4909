package state

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/hindsight-app/hindsight/publish/api"
)

// Take is a recording that a user asked for by itself, beside replays. Its id names its folder.
type Take struct {
	ID, Identity, EgressID string
	// Request is what was asked for, without the keys of streams; Fingerprint is equal for equal requests.
	Request     api.RecordingRequest
	Fingerprint string
	// State is one of api.StateStarting, StateActive, StateEnded, StateFailed.
	State, Error string
	Streams      []api.RecordingStream
	// Began is when the first media arrived, Stopped when the user asked for the end; zero until then.
	Began, Created, Stopped, Ended time.Time
}

// Over says that nothing will be added to the recording anymore.
func (t Take) Over() bool { return t.State == api.StateEnded || t.State == api.StateFailed }

// AddTake keeps a new recording.
func (s *Store) AddTake(ctx context.Context, t Take) error {
	query, args, err := insertTake(t)
	if err != nil {
		return err
	}
	_, err = s.db.ExecContext(ctx, query, args...)
	return err
}

func insertTake(t Take) (query string, args []any, err error) {
	request, err1 := json.Marshal(t.Request)
	streams, err2 := json.Marshal(t.Streams)
	return `INSERT INTO takes (id, identity, room, egress, request, fingerprint, state, error, streams, began, created,
		stopped, ended) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)`, []any{t.ID, t.Identity, t.Request.RoomName, t.EgressID, string(request),
			t.Fingerprint, t.State, t.Error, string(streams), stamp(t.Began), stamp(t.Created), stamp(t.Stopped),
			stamp(t.Ended)}, errors.Join(err1, err2)
}

const takeColumns = `SELECT id, identity, egress, request, fingerprint, state, error, streams, began, created, stopped,
	ended FROM takes `

func scanTake(r scanner) (t Take, err error) {
	var request, streams string
	var began, created, stopped, ended int64
	if err = r.Scan(&t.ID, &t.Identity, &t.EgressID, &request, &t.Fingerprint, &t.State, &t.Error, &streams, &began,
		&created, &stopped, &ended); err != nil {
		return t, err
	}
	t.Began, t.Created, t.Stopped, t.Ended = moment(began), moment(created), moment(stopped), moment(ended)
	if err = json.Unmarshal([]byte(request), &t.Request); err != nil {
		return t, err
	}
	return t, json.Unmarshal([]byte(streams), &t.Streams)
}

// Take finds a recording, whosever it is.
func (s *Store) Take(ctx context.Context, id string) (Take, error) {
	return one(s.db.QueryRowContext(ctx, takeColumns+"WHERE id = ? AND deleted = 0", id), scanTake)
}

// TakeOf finds the recording of an egress.
func (s *Store) TakeOf(ctx context.Context, egressID string) (Take, error) {
	return one(s.db.QueryRowContext(ctx, takeColumns+"WHERE egress = ? AND deleted = 0", egressID), scanTake)
}

// TakesOf lists a user's recordings, newest first, at most limit.
func (s *Store) TakesOf(ctx context.Context, identity string, limit int) ([]Take, error) {
	return all(ctx, s, scanTake, takeColumns+"WHERE identity = ? AND deleted = 0 ORDER BY created DESC, id LIMIT ?",
		identity, limit)
}

// AllTakes lists everybody's recordings, newest first, at most limit.
func (s *Store) AllTakes(ctx context.Context, limit int) ([]Take, error) {
	return all(ctx, s, scanTake, takeColumns+"WHERE deleted = 0 ORDER BY created DESC, id LIMIT ?", limit)
}

// RunningTakes lists all users' recordings that are not over, oldest first.
func (s *Store) RunningTakes(ctx context.Context) ([]Take, error) {
	return all(ctx, s, scanTake, takeColumns+"WHERE state IN (?,?) AND deleted = 0 ORDER BY created", api.StateStarting,
		api.StateActive)
}

// OldTakes lists recordings that ended before a moment, oldest first, at most limit.
func (s *Store) OldTakes(ctx context.Context, before time.Time, limit int) ([]Take, error) {
	return all(ctx, s, scanTake, takeColumns+"WHERE ended > 0 AND ended < ? AND deleted = 0 ORDER BY ended, id LIMIT ?",
		stamp(before), limit)
}

// UpdateTake keeps State, Error, Streams, Began and Ended, unless the recording is known to be over; that is
// ErrNotFound.
func (s *Store) UpdateTake(ctx context.Context, t Take) error {
	streams, err := json.Marshal(t.Streams)
	if err != nil {
		return err
	}
	return s.change(ctx, `UPDATE takes SET state = ?, error = ?, streams = ?, began = ?, ended = ?
		WHERE id = ? AND ended = 0 AND deleted = 0`, t.State, t.Error, string(streams), stamp(t.Began), stamp(t.Ended), t.ID)
}

// StopTake marks a recording as one whose end is asked for.
func (s *Store) StopTake(ctx context.Context, id string, at time.Time) error {
	return s.change(ctx, "UPDATE takes SET stopped = ? WHERE id = ?", stamp(at), id)
}

// MarkTakeDeleted hides a recording, whose row stays until its files are deleted; see MarkClipDeleted.
func (s *Store) MarkTakeDeleted(ctx context.Context, id string) error {
	return s.change(ctx, "UPDATE takes SET deleted = 1 WHERE id = ? AND deleted = 0", id)
}

// DeletedTakes lists the ids of recordings that are marked as deleted.
func (s *Store) DeletedTakes(ctx context.Context) ([]string, error) {
	return all(ctx, s, scanID, "SELECT id FROM takes WHERE deleted <> 0 ORDER BY id")
}

// DeleteTake forgets a recording.
func (s *Store) DeleteTake(ctx context.Context, id string) error {
	return s.change(ctx, "DELETE FROM takes WHERE id = ?", id)
}
