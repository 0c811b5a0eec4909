package state

import (
	"context"
	"time"

	"github.com/hindsight-app/hindsight/publish/api"
)

// Replay is a rolling buffer of one user in one room. Its media are in its recordings, one after a reconnect each.
type Replay struct {
	ID, Identity, Room string
	Created            time.Time
	// Stopped is when the user stopped it; zero while it may go on.
	Stopped time.Time
}

// Recording is one egress of a replay. Its id names its folder.
type Recording struct {
	ID, ReplayID, EgressID string
	VideoTrack, AudioTrack string
	// State is never api.StateStopping, which Replay.Stopped is.
	State api.State
	Error string
	// Began is the wall clock at the zero of the media's running time; zero until known.
	Began          time.Time
	Created, Ended time.Time
	// Pruned is how many segments are deleted, from the first on.
	Pruned int `json:"-"`
}

// Over says that nothing will be added to the recording anymore.
func (r Recording) Over() bool { return r.State.Over() }

// AddReplay keeps a new replay.
func (s *Store) AddReplay(ctx context.Context, r Replay) error {
	query, args := insertReplay(r)
	_, err := s.db.ExecContext(ctx, query, args...)
	return err
}

func insertReplay(r Replay) (query string, args []any) {
	return "INSERT INTO replays (id, identity, room, created, stopped) VALUES (?,?,?,?,?)",
		[]any{r.ID, r.Identity, r.Room, stamp(r.Created), stamp(r.Stopped)}
}

const replayColumns = "SELECT id, identity, room, created, stopped FROM replays "

func scanReplay(r scanner) (v Replay, err error) {
	var created, stopped int64
	err = r.Scan(&v.ID, &v.Identity, &v.Room, &created, &stopped)
	v.Created, v.Stopped = moment(created), moment(stopped)
	return v, err
}

// Replay finds a replay, whosever it is.
func (s *Store) Replay(ctx context.Context, id string) (Replay, error) {
	return one(s.db.QueryRowContext(ctx, replayColumns+"WHERE id = ?", id), scanReplay)
}

// Replays lists all replays.
func (s *Store) Replays(ctx context.Context) ([]Replay, error) {
	return all(ctx, s, scanReplay, replayColumns+"ORDER BY created")
}

// CountReplays is how many replays a user has, ended ones until they are deleted.
func (s *Store) CountReplays(ctx context.Context, identity string) (n int, err error) {
	err = s.db.QueryRowContext(ctx, "SELECT count(*) FROM replays WHERE identity = ?", identity).Scan(&n)
	return n, err
}

// Stopped reports whether the user stopped a replay.
func (s *Store) Stopped(ctx context.Context, id string) (stopped bool, err error) {
	err = s.db.QueryRowContext(ctx, "SELECT stopped <> 0 FROM replays WHERE id = ?", id).Scan(&stopped)
	return stopped, err
}

// SetStopped marks a replay as stopped at t; the zero time lets it go on.
func (s *Store) SetStopped(ctx context.Context, id string, t time.Time) error {
	return s.change(ctx, "UPDATE replays SET stopped = ? WHERE id = ?", stamp(t), id)
}

// DeleteReplay forgets a replay and its recordings.
func (s *Store) DeleteReplay(ctx context.Context, id string) error {
	return s.change(ctx, "DELETE FROM replays WHERE id = ?", id)
}

// AddRecording keeps a new recording.
func (s *Store) AddRecording(ctx context.Context, r Recording) error {
	query, args := insertRecording(r)
	_, err := s.db.ExecContext(ctx, query, args...)
	return err
}

func insertRecording(r Recording) (query string, args []any) {
	return `INSERT INTO recordings (id, replay, egress, video, audio, state, error, began, created, ended)
		VALUES (?,?,?,?,?,?,?,?,?,?)`, []any{r.ID, r.ReplayID, r.EgressID, r.VideoTrack, r.AudioTrack, r.State, r.Error,
			stamp(r.Began), stamp(r.Created), stamp(r.Ended)}
}

const recordingColumns = `SELECT r.id, r.replay, r.egress, r.video, r.audio, r.state, r.error, r.began, r.created,
	r.ended, r.gone FROM recordings r `

func scanRecording(r scanner) (v Recording, err error) {
	var began, created, ended int64
	err = r.Scan(&v.ID, &v.ReplayID, &v.EgressID, &v.VideoTrack, &v.AudioTrack, &v.State, &v.Error, &began, &created,
		&ended, &v.Pruned)
	v.Began, v.Created, v.Ended = moment(began), moment(created), moment(ended)
	return v, err
}

// Recordings lists a replay's recordings, oldest first.
func (s *Store) Recordings(ctx context.Context, replayID string) ([]Recording, error) {
	return all(ctx, s, scanRecording, recordingColumns+"WHERE r.replay = ? ORDER BY r.created, r.id", replayID)
}

// RecordingOf finds the recording of an egress.
func (s *Store) RecordingOf(ctx context.Context, egressID string) (Recording, error) {
	return one(s.db.QueryRowContext(ctx, recordingColumns+"WHERE r.egress = ?", egressID), scanRecording)
}

// RecordingWith finds the youngest recording of these tracks in a room that is not over and whose replay is still
// running.
func (s *Store) RecordingWith(ctx context.Context, identity, room, video, audio string) (Recording, error) {
	return one(s.db.QueryRowContext(ctx, recordingColumns+`JOIN replays p ON p.id = r.replay WHERE p.identity = ? AND
		p.room = ? AND r.video = ? AND r.audio = ? AND r.state IN (?,?) AND p.stopped = 0 ORDER BY r.created DESC`,
		identity, room, video, audio, api.StateStarting, api.StateActive), scanRecording)
}

// Running lists the recordings that are not over.
func (s *Store) Running(ctx context.Context) ([]Recording, error) {
	return all(ctx, s, scanRecording, recordingColumns+"WHERE r.state IN (?,?)", api.StateStarting, api.StateActive)
}

// RecordingIDs lists the ids of all recordings and takes.
func (s *Store) RecordingIDs(ctx context.Context) ([]string, error) {
	return all(ctx, s, scanID, "SELECT id FROM recordings UNION SELECT id FROM takes")
}

// UpdateRecording keeps State, Error, Began and Ended, if they are still what they were before: LiveKit may notify two
// backends at once. If not, it returns ErrNotFound.
func (s *Store) UpdateRecording(ctx context.Context, before, r Recording) error {
	return s.change(ctx, `UPDATE recordings SET state = ?, error = ?, began = ?, ended = ? WHERE id = ? AND state = ? AND
		error = ? AND began = ? AND ended = ?`, r.State, r.Error, stamp(r.Began), stamp(r.Ended), r.ID,
		before.State, before.Error, stamp(before.Began), stamp(before.Ended))
}

// SetPruned records how many segments of a recording are deleted.
func (s *Store) SetPruned(ctx context.Context, id string, pruned int) error {
	return s.change(ctx, "UPDATE recordings SET gone = ? WHERE id = ?", pruned, id)
}

// DeleteRecording forgets a recording.
func (s *Store) DeleteRecording(ctx context.Context, id string) error {
	return s.change(ctx, "DELETE FROM recordings WHERE id = ?", id)
}
