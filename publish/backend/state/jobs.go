package state

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/hindsight-app/hindsight/publish/api"
)

// Job is a recording that a user asked for by itself, beside replays. Its id names its folder.
type Job struct {
	ID, Identity, EgressID string
	// Request is what was asked for, without the keys of streams; Fingerprint is equal for equal requests.
	Request     api.RecordingRequest
	Fingerprint string
	// State is never api.StateStopping, which Stopped is.
	State   api.State
	Error   string
	Streams []api.RecordingStream
	// Began is when the first media arrived, Stopped when the user asked for the end; zero until then.
	Began, Created, Stopped, Ended time.Time
}

// Over says that nothing will be added to the recording anymore.
func (t Job) Over() bool { return t.State.Over() }

// AddJob keeps a new recording.
func (s *Store) AddJob(ctx context.Context, t Job) error {
	query, args, err := insertJob(t)
	if err != nil {
		return err
	}
	_, err = s.db.ExecContext(ctx, query, args...)
	return err
}

func insertJob(t Job) (query string, args []any, err error) {
	request, err1 := json.Marshal(t.Request)
	streams, err2 := json.Marshal(t.Streams)
	return `INSERT INTO takes (id, identity, room, egress, request, fingerprint, state, error, streams, began, created,
		stopped, ended) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)`, []any{t.ID, t.Identity, t.Request.RoomName, t.EgressID, string(request),
			t.Fingerprint, t.State, t.Error, string(streams), stamp(t.Began), stamp(t.Created), stamp(t.Stopped),
			stamp(t.Ended)}, errors.Join(err1, err2)
}

const jobColumns = `SELECT id, identity, egress, request, fingerprint, state, error, streams, began, created, stopped,
	ended FROM takes `

func scanJob(r scanner) (t Job, err error) {
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
func (s *Store) Job(ctx context.Context, id string) (Job, error) {
	return one(s.db.QueryRowContext(ctx, jobColumns+"WHERE id = ? AND deleted = 0", id), scanJob)
}

// JobOf finds the recording of an egress.
func (s *Store) JobOf(ctx context.Context, egressID string) (Job, error) {
	return one(s.db.QueryRowContext(ctx, jobColumns+"WHERE egress = ? AND deleted = 0", egressID), scanJob)
}

// JobsOf lists a user's recordings, newest first, at most limit.
func (s *Store) JobsOf(ctx context.Context, identity string, limit int) ([]Job, error) {
	return all(ctx, s, scanJob, jobColumns+"WHERE identity = ? AND deleted = 0 ORDER BY created DESC, id LIMIT ?",
		identity, limit)
}

// AllJobs lists everybody's recordings, newest first, at most limit.
func (s *Store) AllJobs(ctx context.Context, limit int) ([]Job, error) {
	return all(ctx, s, scanJob, jobColumns+"WHERE deleted = 0 ORDER BY created DESC, id LIMIT ?", limit)
}

// RunningJobs lists all users' recordings that are not over, oldest first.
func (s *Store) RunningJobs(ctx context.Context) ([]Job, error) {
	return all(ctx, s, scanJob, jobColumns+"WHERE state IN (?,?) AND deleted = 0 ORDER BY created", api.StateStarting,
		api.StateActive)
}

// OldJobs lists recordings that ended before a moment, oldest first, at most limit.
func (s *Store) OldJobs(ctx context.Context, before time.Time, limit int) ([]Job, error) {
	return all(ctx, s, scanJob, jobColumns+"WHERE ended > 0 AND ended < ? AND deleted = 0 ORDER BY ended, id LIMIT ?",
		stamp(before), limit)
}

// UpdateJob keeps State, Error, Streams, Began and Ended, unless the recording is known to be over; that is
// ErrNotFound.
func (s *Store) UpdateJob(ctx context.Context, t Job) error {
	streams, err := json.Marshal(t.Streams)
	if err != nil {
		return err
	}
	return s.change(ctx, `UPDATE takes SET state = ?, error = ?, streams = ?, began = ?, ended = ?
		WHERE id = ? AND ended = 0 AND deleted = 0`, t.State, t.Error, string(streams), stamp(t.Began), stamp(t.Ended), t.ID)
}

// FinishedJob corrects a recording that was given up too early: its recorder has finished it, at this moment. One that
// is not failed is ErrNotFound.
func (s *Store) FinishedJob(ctx context.Context, id string, at time.Time) error {
	return s.change(ctx, "UPDATE takes SET state = ?, error = '', ended = ? WHERE id = ? AND state = ? AND deleted = 0",
		api.StateEnded, stamp(at), id, api.StateFailed)
}

// StopJob marks a recording as one whose end is asked for.
func (s *Store) StopJob(ctx context.Context, id string, at time.Time) error {
	return s.change(ctx, "UPDATE takes SET stopped = ? WHERE id = ?", stamp(at), id)
}

// MarkJobDeleted hides a recording, whose row stays until its files are deleted; see MarkClipDeleted.
func (s *Store) MarkJobDeleted(ctx context.Context, id string) error {
	return s.change(ctx, "UPDATE takes SET deleted = 1 WHERE id = ? AND deleted = 0", id)
}

// DeletedJobs lists the ids of recordings that are marked as deleted.
func (s *Store) DeletedJobs(ctx context.Context) ([]string, error) {
	return all(ctx, s, scanID, "SELECT id FROM takes WHERE deleted <> 0 ORDER BY id")
}

// DeleteJob forgets a recording.
func (s *Store) DeleteJob(ctx context.Context, id string) error {
	return s.change(ctx, "DELETE FROM takes WHERE id = ?", id)
}
