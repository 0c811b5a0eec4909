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
	// Pruned is what its playlist has had of recordings that are deleted.
	Pruned Shown `json:"-"`
}

// Shown is how much a playlist has had.
type Shown struct {
	// Segments and Jumps are how many segments viewers could see, and how many times were not continuous before one.
	Segments, Jumps int
	// Longest is the length of the longest.
	Longest time.Duration
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
	// Shut is one more than the segments that viewers see of it, once they see those of the next recording; 0 until then.
	Shut int `json:"-"`
	// Late is by how much program times are later than the capture; zero until it is measured.
	Late time.Duration `json:"-"`
	// Ahead is by how much the recorder's clock is at least ahead of ours, where that is more than a little.
	Ahead time.Duration `json:"-"`
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

const replayColumns = "SELECT id, identity, room, created, stopped, shown, jumps, longest FROM replays "

func scanReplay(r scanner) (v Replay, err error) {
	var created, stopped, longest int64
	err = r.Scan(&v.ID, &v.Identity, &v.Room, &created, &stopped, &v.Pruned.Segments, &v.Pruned.Jumps, &longest)
	v.Created, v.Stopped, v.Pruned.Longest = moment(created), moment(stopped), time.Duration(longest)
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
	r.ended, r.gone, r.shut, r.late, r.ahead FROM recordings r `

func scanRecording(r scanner) (v Recording, err error) {
	var began, created, ended, late, ahead int64
	err = r.Scan(&v.ID, &v.ReplayID, &v.EgressID, &v.VideoTrack, &v.AudioTrack, &v.State, &v.Error, &began, &created,
		&ended, &v.Pruned, &v.Shut, &late, &ahead)
	v.Late, v.Ahead = time.Duration(late), time.Duration(ahead)
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

// DeleteRecording forgets a recording, and the pauses that only what is deleted was recorded in.
func (s *Store) DeleteRecording(ctx context.Context, id string) error {
	return s.transaction(ctx, func(tx runner) error {
		replay, err := one(tx.QueryRowContext(ctx, "DELETE FROM recordings WHERE id = ? RETURNING replay", id), scanID)
		if err != nil {
			return err
		}
		return forgetPauses(ctx, tx, replay)
	})
}

// CountRecording keeps of a recording whose files are about to be deleted how much of it the replay's playlist has had,
// from which its numbers go on. Viewers see nothing more of it.
func (s *Store) CountRecording(ctx context.Context, id string, had Shown) error {
	return s.transaction(ctx, func(tx runner) error {
		err := changeOne(ctx, tx, `UPDATE replays SET shown = shown + ?, jumps = jumps + ?,
			longest = CASE WHEN longest < ? THEN ? ELSE longest END
			WHERE id = (SELECT replay FROM recordings WHERE id = ?)`, had.Segments, had.Jumps, int64(had.Longest),
			int64(had.Longest), id)
		if err != nil {
			return err
		}
		return changeOne(ctx, tx, "UPDATE recordings SET shut = 1 WHERE id = ?", id)
	})
}

// ShutRecording has viewers see no more than so many segments of a recording, and returns how many those are: another
// backend may have been quicker.
func (s *Store) ShutRecording(ctx context.Context, id string, segments int) (int, error) {
	_, err := s.db.ExecContext(ctx, "UPDATE recordings SET shut = ? WHERE id = ? AND shut = 0", segments+1, id)
	if err != nil {
		return 0, err
	}
	return one(s.db.QueryRowContext(ctx, "SELECT shut - 1 FROM recordings WHERE id = ?", id),
		func(r scanner) (n int, err error) { return n, r.Scan(&n) })
}

// KeepLate keeps by how much a recording's program times are later than the capture, and returns what is kept: another
// backend may have measured it before.
func (s *Store) KeepLate(ctx context.Context, id string, late time.Duration) (time.Duration, error) {
	_, err := s.db.ExecContext(ctx, "UPDATE recordings SET late = ? WHERE id = ? AND late = 0", int64(late), id)
	if err != nil {
		return 0, err
	}
	return one(s.db.QueryRowContext(ctx, "SELECT late FROM recordings WHERE id = ?", id),
		func(r scanner) (n time.Duration, err error) { return n, r.Scan(&n) })
}
