package state

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hindsight-app/hindsight/publish/api"
)

const (
	// maxLooked is how many clips one search looks at; where there are more, it goes on from there.
	maxLooked = 20_000
	// readAtOnce is how many of them one query reads.
	readAtOnce = 500
	// manyClips are so many that they are looked through in the order of their times.
	manyClips = 1000
	// maxNamed is how many rooms a query names.
	maxNamed = 500
)

// ClipQuery is a search among clips, newest first.
type ClipQuery struct {
	// Owner's clips are looked at, and everybody's in the rooms that In accepts; nil accepts none, and All accepts all.
	Owner string
	In    func(room string) bool
	All   bool
	// Since leaves out what was asked for before; zero leaves out nothing.
	Since time.Time
	// Match chooses among those; nil takes all.
	Match func(Clip) bool
	// After is where the search goes on, as FindClips returned it; empty is the beginning.
	After string
	Limit int
}

// FindClips returns clips, and where to go on unless there are no more. It reads them in pieces, between which others
// get their turn: SQLite has one connection only. Match may use the store.
func (s *Store) FindClips(ctx context.Context, q ClipQuery) (out []Clip, next string, err error) {
	where, args, err := s.whose(ctx, q)
	if err != nil {
		return nil, "", err
	}
	if !q.Since.IsZero() {
		where, args = where+" AND created >= ?", append(args, stamp(q.Since))
	}
	after := q.After
	for range maxLooked / readAtOnce {
		clips, err := s.clipsAfter(ctx, after, where, args)
		if err != nil {
			return nil, "", err
		}
		for _, c := range clips {
			if q.leavesOut(c) {
				after = cursor(c)
				continue
			}
			if len(out) == q.Limit {
				return out, after, nil
			}
			out, after = append(out, c), cursor(c)
		}
		if len(clips) < readAtOnce {
			return out, "", nil
		}
	}
	return out, after, nil
}

func (q ClipQuery) leavesOut(c Clip) bool {
	return q.In != nil && !q.All && c.Identity != q.Owner && !q.In(c.Room) || q.Match != nil && !q.Match(c)
}

// clipsAfter reads the next clips of a search.
func (s *Store) clipsAfter(ctx context.Context, after, where string, args []any) ([]Clip, error) {
	args = slices.Clone(args)
	if moment, id, ok := strings.Cut(after, "-"); ok {
		if created, err := strconv.ParseInt(moment, 10, 64); err == nil {
			// Said twice, for the index has no id.
			where += " AND created <= ? AND (created < ? OR id > ?)"
			args = append(args, created, created, id)
		}
	}
	return all(ctx, s, scanClip, clipColumns+"WHERE deleted = 0"+where+" ORDER BY created DESC, id LIMIT ?",
		append(args, readAtOnce)...)
}

func cursor(c Clip) string { return strconv.FormatInt(stamp(c.Created), 10) + "-" + c.ID }

// whose is the part of the query that leaves out what the user does not see. Where that is too many rooms to name, In
// leaves them out.
func (s *Store) whose(ctx context.Context, q ClipQuery) (where string, args []any, err error) {
	if q.All {
		return "", nil, nil
	}
	if q.In == nil {
		return " AND identity = ?", []any{q.Owner}, nil
	}
	rooms, err := s.rooms(ctx, "clips")
	if err != nil {
		return "", nil, err
	}
	args = []any{q.Owner}
	for _, room := range rooms {
		if q.In(room) {
			args = append(args, room)
		}
	}
	switch n := len(args) - 1; {
	case n == 0:
		return " AND identity = ?", args, nil
	case n > maxNamed:
		return "", nil, nil
	default:
		in := " IN (?" + strings.Repeat(",?", n-1) + "))"
		where = " AND (identity = ? OR room" + in
		var some int
		err := s.db.QueryRowContext(ctx, "SELECT count(*) FROM (SELECT 1 FROM clips WHERE deleted = 0"+where+
			" LIMIT ?) AS found", append(slices.Clone(args), manyClips)...).Scan(&some)
		if some == manyClips {
			// Not by the indices of identity and room, which would find and sort all of them for each piece.
			where = " AND (identity || '' = ? OR room || ''" + in
		}
		return where, args, err
	}
}

// Posters tells which of these clips have a poster.
func (s *Store) Posters(ctx context.Context, clips []string) (map[string]bool, error) {
	out := map[string]bool{}
	if len(clips) == 0 {
		return out, nil
	}
	args := make([]any, len(clips))
	for i, id := range clips {
		args[i] = id
	}
	ids, err := all(ctx, s, scanID, "SELECT clip FROM posters WHERE clip IN (?"+strings.Repeat(",?", len(clips)-1)+")",
		args...)
	for _, id := range ids {
		out[id] = true
	}
	return out, err
}

// RunningReplays lists everybody's replays that are being recorded, newest first, at most limit.
func (s *Store) RunningReplays(ctx context.Context, limit int) ([]Replay, error) {
	return all(ctx, s, scanReplay, replayColumns+`WHERE stopped = 0 AND EXISTS (SELECT 1 FROM recordings
		WHERE recordings.replay = replays.id AND recordings.state IN (?,?)) ORDER BY created DESC, id LIMIT ?`,
		api.StateStarting, api.StateActive, limit)
}

// ClipLink is a link with the clip that it leads to.
type ClipLink struct {
	Link
	Clip Clip
}

// ClipLinksOf lists the links to all clips of a user that have not expired, newest first, at most limit after skip.
func (s *Store) ClipLinksOf(ctx context.Context, identity string, skip, limit int) ([]ClipLink, error) {
	return all(ctx, s, func(r scanner) (v ClipLink, err error) {
		var created, expires, pressed int64
		err = r.Scan(&v.ID, &v.ClipID, &v.Identity, &created, &expires, &v.Hash, &v.Clip.Title, &v.Clip.Room, &pressed)
		v.Created, v.Expires = moment(created), moment(expires)
		v.Clip.ID, v.Clip.Identity, v.Clip.Pressed = v.ClipID, identity, moment(pressed)
		return v, err
	}, `SELECT l.id, l.clip, l.identity, l.created, l.expires, l.hash, c.title, c.room, c.pressed
		FROM links l JOIN clips c ON c.id = l.clip WHERE c.identity = ? AND c.deleted = 0 AND l.expires > ?
		ORDER BY l.created DESC, l.id LIMIT ? OFFSET ?`, identity, stamp(time.Now()), limit, skip)
}

// WatchLinksOf lists the links to all replays of a user that have not expired, newest first, at most limit.
func (s *Store) WatchLinksOf(ctx context.Context, identity string, limit int) ([]WatchLink, error) {
	return all(ctx, s, scanWatchLink, watchLinkColumns+`WHERE replay IN (SELECT id FROM replays WHERE identity = ?)
		AND expires > ? ORDER BY created DESC, id LIMIT ?`, identity, stamp(time.Now()), limit)
}
