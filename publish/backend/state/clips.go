package state

import (
	"context"
	"encoding/json"
	"time"

	"github.com/hindsight-app/hindsight/publish/api"
)

// Clip is a server clip, waiting or cut. Its id names its file.
type Clip struct {
	ID, ReplayID, Identity, Room string
	State                        api.ClipState
	Reason                       string // of a failure
	// Asked is the length asked for, Pressed the moment it ends at.
	Asked            time.Duration
	Pressed, Created time.Time
	// From and To are what the file holds; zero until ready.
	From, To time.Time
	Bytes    int64
	// Gaps are where nothing was recorded between From and To, in their order.
	Gaps []Span
	// Origin is where the clip comes from; empty is a replay.
	Origin api.ClipOrigin `json:",omitempty"`
	Title  string         `json:",omitempty"`
	// Width and Height are in pixels; 0 where they are not known.
	Width    int           `json:",omitempty"`
	Height   int           `json:",omitempty"`
	Chapters []api.Chapter `json:",omitempty"` // from Start until the clip is cut, then from From
	// Asker is the viewer whose clip it is, empty where it was its owner.
	Asker string `json:",omitempty"`
}

// Span is a stretch of time.
type Span struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// Start is the beginning of what was asked for.
func (c Clip) Start() time.Time { return c.Pressed.Add(-c.Asked) }

// AddClip keeps a new clip, unless the user has limit waiting already: then ok is false.
func (s *Store) AddClip(ctx context.Context, c Clip, limit int) (ok bool, err error) {
	err = s.transaction(ctx, func(tx runner) error {
		ok, err = s.addClip(ctx, tx, c, limit)
		return err
	})
	return ok, err
}

func (s *Store) addClip(ctx context.Context, tx runner, c Clip, limit int) (ok bool, err error) {
	chapters, err := c.chapters()
	if err != nil {
		return false, err
	}
	// Without it, two would count before either has added.
	if err := s.lock(ctx, tx, "clips of "+c.Identity); err != nil {
		return false, err
	}
	res, err := tx.ExecContext(ctx, `INSERT INTO clips (id, replay, identity, room, state, asked, pressed, created,
			chapters, title, asker) SELECT ?,?,?,?,?,?,?,?,?,?,?
			WHERE (SELECT count(*) FROM clips WHERE identity = ? AND state = ? AND deleted = 0) < ?`,
		c.ID, c.ReplayID, c.Identity, c.Room, c.State, int64(c.Asked), stamp(c.Pressed), stamp(c.Created), chapters,
		c.Title, c.Asker, c.Identity, api.ClipWaiting, limit)
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

const clipColumns = `SELECT id, replay, identity, room, state, reason, asked, pressed, created, start, stop, bytes, gaps,
	origin, title, width, height, chapters, asker FROM clips `

func scanClip(r scanner) (c Clip, err error) {
	var asked, pressed, created, start, stop int64
	var gaps, chapters string
	err = r.Scan(&c.ID, &c.ReplayID, &c.Identity, &c.Room, &c.State, &c.Reason, &asked, &pressed, &created, &start, &stop,
		&c.Bytes, &gaps, &c.Origin, &c.Title, &c.Width, &c.Height, &chapters, &c.Asker)
	if err == nil && gaps != "" {
		err = json.Unmarshal([]byte(gaps), &c.Gaps)
	}
	if err == nil && chapters != "" {
		err = json.Unmarshal([]byte(chapters), &c.Chapters)
	}
	c.Asked, c.Pressed, c.Created = time.Duration(asked), moment(pressed), moment(created)
	c.From, c.To = moment(start), moment(stop)
	return c, err
}

// Clip finds a clip, whosever it is.
func (s *Store) Clip(ctx context.Context, id string) (Clip, error) {
	return one(s.db.QueryRowContext(ctx, clipColumns+"WHERE id = ? AND deleted = 0", id), scanClip)
}

// ClipsOf lists a user's clips that were asked for before a moment, newest first, at most limit.
func (s *Store) ClipsOf(ctx context.Context, identity string, before time.Time, limit int) ([]Clip, error) {
	return all(ctx, s, scanClip, clipColumns+"WHERE identity = ? AND created < ? AND deleted = 0 ORDER BY created DESC, "+
		"id LIMIT ?",
		identity, stamp(before), limit)
}

// AllClips lists everybody's clips that were asked for before a moment, newest first, at most limit.
func (s *Store) AllClips(ctx context.Context, before time.Time, limit int) ([]Clip, error) {
	return all(ctx, s, scanClip, clipColumns+"WHERE created < ? AND deleted = 0 ORDER BY created DESC, id LIMIT ?",
		stamp(before), limit)
}

// OldClips lists clips that were asked for before a moment and are not waiting, oldest first, at most limit.
func (s *Store) OldClips(ctx context.Context, before time.Time, limit int) ([]Clip, error) {
	return all(ctx, s, scanClip, clipColumns+"WHERE created < ? AND state <> ? AND deleted = 0 ORDER BY created, id "+
		"LIMIT ?",
		stamp(before), api.ClipWaiting, limit)
}

// Used is how many clips a user has that have not failed, and their length in bytes. Uploads on their way count with
// the length that they will have.
func (s *Store) Used(ctx context.Context, identity string) (clips int, bytes int64, err error) {
	return used(ctx, s.db, identity)
}

func used(ctx context.Context, db runner, identity string) (clips int, bytes int64, err error) {
	err = db.QueryRowContext(ctx, `SELECT count(*), CAST(coalesce(sum(bytes), 0) AS BIGINT) FROM (
		SELECT bytes FROM clips WHERE identity = ? AND state <> ? AND deleted = 0
		UNION ALL SELECT bytes FROM uploads WHERE identity = ? AND state IN (?,?)) AS all_of_them`,
		identity, api.ClipFailed, identity, api.UploadReceiving, api.UploadChecking).Scan(&clips, &bytes)
	return clips, bytes, err
}

// WaitingClips lists all users' clips that are not cut yet, oldest first.
func (s *Store) WaitingClips(ctx context.Context) ([]Clip, error) {
	return all(ctx, s, scanClip, clipColumns+"WHERE state = ? AND deleted = 0 ORDER BY created", api.ClipWaiting)
}

// TryClip counts an attempt to cut a clip that is waiting, before it is made, and returns how many there have been: one
// that kills this program counts too. With -1 it takes one back.
func (s *Store) TryClip(ctx context.Context, id string, more int) (attempts int, err error) {
	return one(s.db.QueryRowContext(ctx, `UPDATE clips SET attempts = attempts + ? WHERE id = ? AND state = ?
		RETURNING attempts`, more, id, api.ClipWaiting), func(r scanner) (n int, err error) { return n, r.Scan(&n) })
}

// maxFailed clips of a user are kept, the newest: they count for no limit.
const maxFailed = 100

// FinishClip keeps State, Reason, From, To, Bytes, Gaps and Chapters of a clip that was waiting. With one that has
// failed, those that failed long before are marked as deleted.
func (s *Store) FinishClip(ctx context.Context, c Clip) error {
	gaps, err := c.gaps()
	if err != nil {
		return err
	}
	chapters, err := c.chapters()
	if err != nil {
		return err
	}
	return s.transaction(ctx, func(tx runner) error {
		err := changeOne(ctx, tx, `UPDATE clips SET state = ?, reason = ?, start = ?, stop = ?, bytes = ?, gaps = ?,
			chapters = ? WHERE id = ? AND state = ? AND deleted = 0`, c.State, c.Reason, stamp(c.From), stamp(c.To), c.Bytes,
			gaps, chapters, c.ID, api.ClipWaiting)
		if err != nil || c.State != api.ClipFailed {
			return err
		}
		old := "identity = ? AND state = ? AND deleted = 0"
		_, err = tx.ExecContext(ctx, "UPDATE clips SET deleted = 1 WHERE "+old+" AND id NOT IN (SELECT id FROM clips WHERE "+
			old+" ORDER BY created DESC, id LIMIT ?)", c.Identity, c.State, c.Identity, c.State, maxFailed)
		return err
	})
}

// SetTitle changes what a clip is called that is ready.
func (s *Store) SetTitle(ctx context.Context, id, title string) error {
	return s.change(ctx, "UPDATE clips SET title = ? WHERE id = ? AND state = ? AND deleted = 0", title, id,
		api.ClipReady)
}

// gaps are the clip's gaps in JSON; none are an empty text.
func (c Clip) gaps() (string, error) {
	if len(c.Gaps) == 0 {
		return "", nil
	}
	b, err := json.Marshal(c.Gaps)
	return string(b), err
}

// chapters are the clip's chapters in JSON; none are an empty text.
func (c Clip) chapters() (string, error) {
	if len(c.Chapters) == 0 {
		return "", nil
	}
	b, err := json.Marshal(c.Chapters)
	return string(b), err
}

// insertClip adds a clip with all that is known of it.
func insertClip(c Clip) (query string, args []any, err error) {
	gaps, err := c.gaps()
	if err != nil {
		return "", nil, err
	}
	chapters, err := c.chapters()
	if err != nil {
		return "", nil, err
	}
	return `INSERT INTO clips (id, replay, identity, room, state, reason, asked, pressed, created, start, stop, bytes, gaps,
			origin, title, width, height, chapters, asker) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`,
		[]any{c.ID, c.ReplayID, c.Identity, c.Room, c.State, c.Reason, int64(c.Asked), stamp(c.Pressed), stamp(c.Created),
			stamp(c.From), stamp(c.To), c.Bytes, gaps, c.Origin, c.Title, c.Width, c.Height,
			chapters, c.Asker}, nil
}

// MarkClipDeleted hides a clip and ends its links. Its row stays until its files are deleted, for DeleteClip to forget:
// what is left undone is in DeletedClips, and no repair brings it back.
func (s *Store) MarkClipDeleted(ctx context.Context, id string) error {
	return s.transaction(ctx, func(tx runner) error {
		if err := changeOne(ctx, tx, "UPDATE clips SET deleted = 1 WHERE id = ? AND deleted = 0", id); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "DELETE FROM links WHERE clip = ?", id)
		return err
	})
}

// DeletedClips lists the ids of clips that are marked as deleted.
func (s *Store) DeletedClips(ctx context.Context) ([]string, error) {
	return all(ctx, s, scanID, "SELECT id FROM clips WHERE deleted <> 0 ORDER BY id")
}

// DeleteClip forgets a clip, its links and its poster.
func (s *Store) DeleteClip(ctx context.Context, id string) error {
	return s.change(ctx, "DELETE FROM clips WHERE id = ?", id)
}
