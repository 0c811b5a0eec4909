package state

import (
	"context"
	"crypto/rand"
	"errors"
	"math"
	"strings"
	"time"

	"github.com/hindsight-app/hindsight/publish/api"
)

// WatchLink lets whoever has its secret rewind a replay until it expires. Only the secret's SHA-256 is kept.
type WatchLink struct {
	ID, ReplayID string
	// Identity is who made it.
	Identity string
	// Clips says who of those with the link may clip.
	Clips            api.ClipPolicy
	Created, Expires time.Time
}

// AddWatchLink makes a user's link to a replay and returns its secret of 130 random bits, which cannot be read again.
// With limit links to the replay already, ok is false.
func (s *Store) AddWatchLink(ctx context.Context, replay, identity string, clips api.ClipPolicy, expires time.Time,
	limit int) (l WatchLink, secret string, ok bool, err error) {
	secret = strings.ToLower(rand.Text())
	l = WatchLink{ID: NewID()[:12], ReplayID: replay, Identity: identity, Clips: clips, Created: time.Now().UTC(),
		Expires: expires.UTC()}
	err = s.transaction(ctx, func(tx runner) error {
		if err := s.lock(ctx, tx, "links to "+replay); err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, `INSERT INTO watch_links (id, replay, identity, hash, clips, created, expires)
			SELECT ?,?,?,?,?,?,? WHERE (SELECT count(*) FROM watch_links WHERE replay = ?) < ?`, l.ID, l.ReplayID, l.Identity,
			linkHash(secret), l.Clips, stamp(l.Created), stamp(l.Expires), replay, limit)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		ok = n == 1
		return err
	})
	return l, secret, ok, err
}

const watchLinkColumns = "SELECT id, replay, identity, clips, created, expires FROM watch_links "

func scanWatchLink(r scanner) (l WatchLink, err error) {
	var created, expires int64
	err = r.Scan(&l.ID, &l.ReplayID, &l.Identity, &l.Clips, &created, &expires)
	l.Created, l.Expires = moment(created), moment(expires)
	return l, err
}

// WatchLinkWith finds the link to a replay with this secret that has not expired. Looking up a hash leaks nothing by
// its timing.
func (s *Store) WatchLinkWith(ctx context.Context, replay, secret string) (WatchLink, error) {
	return one(s.db.QueryRowContext(ctx, watchLinkColumns+"WHERE hash = ? AND replay = ? AND expires > ?",
		linkHash(secret), replay, stamp(time.Now())), scanWatchLink)
}

// WatchLinks lists the links to a replay, oldest first.
func (s *Store) WatchLinks(ctx context.Context, replay string) ([]WatchLink, error) {
	return all(ctx, s, scanWatchLink, watchLinkColumns+"WHERE replay = ? ORDER BY created, id", replay)
}

// DeleteWatchLink makes a link useless at once, and with it what is asked for through it.
func (s *Store) DeleteWatchLink(ctx context.Context, replay, id string) error {
	return s.transaction(ctx, func(tx runner) error {
		if err := changeOne(ctx, tx, "DELETE FROM watch_links WHERE id = ? AND replay = ?", id, replay); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "DELETE FROM asks WHERE link = ? AND state = ?", id, Asked)
		return err
	})
}

// AskState is what became of a viewer's wish for a clip.
type AskState string

// The states of a wish.
const (
	Asked   AskState = "asked"   // until the publisher decides, or api.AskSeconds are over
	Allowed AskState = "allowed" // the clip of the same id exists
	Denied  AskState = "denied"
)

// String is the text in the database.
func (s AskState) String() string { return string(s) }

// Ask is a viewer's wish for a clip, which may be granted at once.
type Ask struct {
	ID, ReplayID string
	// LinkID is the watch link that the viewer came through; empty for a user, whom Asker names.
	LinkID, Asker string
	State         AskState
	Title         string
	From, To      time.Time
	Created       time.Time
}

// Over says that the publisher has not decided in time.
func (a Ask) Over(now time.Time) bool {
	return a.State == Asked && now.Sub(a.Created) > api.AskSeconds*time.Second
}

// askKept is how long a wish is kept that came to nothing, so that its viewer reads why.
const askKept = time.Hour

// maxAllowed is how many wishes of a replay are kept that were granted, the newest. Their clips stay.
const maxAllowed = 500

// AddAsk keeps a wish, unless limit wait for the publisher already, or each of the same link or user: then ok is false.
func (s *Store) AddAsk(ctx context.Context, a Ask, limit, each int) (ok bool, err error) {
	err = s.transaction(ctx, func(tx runner) error {
		ok, err = s.addAsk(ctx, tx, a, limit, each)
		return err
	})
	return ok, err
}

// linkPeriod is the time in which the clips that are made with one link may be only so long together.
const linkPeriod = time.Hour

// AddAllowed keeps a wish that is granted at once and its clip, both or neither. Where limit clips of the owner wait
// already, ok is false. It is as well where the clips that were made in the last hour with the wish's link would be
// longer than most together: then wait is how long that stays so.
func (s *Store) AddAllowed(ctx context.Context, a Ask, c Clip, limit int, most time.Duration) (wait time.Duration,
	ok bool, err error) {
	err = s.transaction(ctx, func(tx runner) error {
		// Without it, two would look before either has added.
		if err := s.lock(ctx, tx, "asks of "+a.ReplayID); err != nil {
			return err
		}
		if wait, err = linkWait(ctx, tx, a, most); err != nil || wait > 0 {
			return err
		}
		if ok, err = s.addClip(ctx, tx, c, limit); err != nil || !ok {
			return err
		}
		ok, err = s.addAsk(ctx, tx, a, math.MaxInt32, math.MaxInt32) // it waits for nobody
		return err
	})
	return wait, err == nil && ok, err
}

// linkWait is how long a wish has to wait for older clips of its link to count no longer.
func linkWait(ctx context.Context, tx runner, a Ask, most time.Duration) (wait time.Duration, err error) {
	if a.LinkID == "" {
		return 0, nil
	}
	made, err := allFrom(ctx, tx, scanAsk, askColumns+`WHERE replay = ? AND link = ? AND state = ? AND created > ?
		ORDER BY created, id`, a.ReplayID, a.LinkID, Allowed, stamp(a.Created.Add(-linkPeriod)))
	total := a.To.Sub(a.From)
	for _, m := range made {
		total += m.To.Sub(m.From)
	}
	for i := 0; i < len(made) && total > most; i++ {
		total -= made[i].To.Sub(made[i].From)
		wait = made[i].Created.Add(linkPeriod).Sub(a.Created)
	}
	return wait, err
}

func (s *Store) addAsk(ctx context.Context, tx runner, a Ask, limit, each int) (ok bool, err error) {
	if err := s.lock(ctx, tx, "asks of "+a.ReplayID); err != nil {
		return false, err
	}
	// What was not allowed is of no use for long.
	if _, err := tx.ExecContext(ctx, "DELETE FROM asks WHERE replay = ? AND state <> ? AND created < ?", a.ReplayID,
		Allowed, stamp(time.Now().Add(-askKept))); err != nil {
		return false, err
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM asks WHERE replay = ? AND state = ? AND id NOT IN (SELECT id FROM asks
		WHERE replay = ? AND state = ? ORDER BY created DESC, id LIMIT ?)`, a.ReplayID, Allowed, a.ReplayID, Allowed,
		maxAllowed-1); err != nil {
		return false, err
	}
	res, err := tx.ExecContext(ctx, `INSERT INTO asks (id, replay, link, asker, state, title, start, stop, created)
		SELECT ?,?,?,?,?,?,?,?,? WHERE (SELECT count(*) FROM asks WHERE replay = ? AND state = ? AND created > ?) < ? AND
			(SELECT count(*) FROM asks WHERE replay = ? AND state = ? AND created > ? AND link = ? AND asker = ?) < ?`,
		a.ID, a.ReplayID, a.LinkID, a.Asker, a.State, a.Title, stamp(a.From), stamp(a.To), stamp(a.Created),
		a.ReplayID, Asked, stamp(askedSince()), limit,
		a.ReplayID, Asked, stamp(askedSince()), a.LinkID, a.Asker, each)
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// askedSince is when the oldest wish was made that the publisher may still grant.
func askedSince() time.Time { return time.Now().Add(-api.AskSeconds * time.Second) }

const askColumns = "SELECT id, replay, link, asker, state, title, start, stop, created FROM asks "

func scanAsk(r scanner) (a Ask, err error) {
	var from, to, created int64
	err = r.Scan(&a.ID, &a.ReplayID, &a.LinkID, &a.Asker, &a.State, &a.Title, &from, &to, &created)
	a.From, a.To, a.Created = moment(from), moment(to), moment(created)
	return a, err
}

// Ask finds a wish.
func (s *Store) Ask(ctx context.Context, replay, id string) (Ask, error) {
	return one(s.db.QueryRowContext(ctx, askColumns+"WHERE id = ? AND replay = ?", id, replay), scanAsk)
}

// Asks lists what waits for the publisher of a replay to decide, oldest first.
func (s *Store) Asks(ctx context.Context, replay string) ([]Ask, error) {
	return all(ctx, s, scanAsk, askColumns+"WHERE replay = ? AND state = ? AND created > ? ORDER BY created, id", replay,
		Asked, stamp(askedSince()))
}

// AllowedAsks lists what was allowed to viewers with links of a replay, at once or by the publisher, of what they have
// asked for since a moment, oldest first.
func (s *Store) AllowedAsks(ctx context.Context, replay string, since time.Time) ([]Ask, error) {
	return all(ctx, s, scanAsk, askColumns+`WHERE replay = ? AND state = ? AND link <> '' AND created > ?
		ORDER BY created, id`, replay, Allowed, stamp(since))
}

// AllAsks lists what waits for publishers to decide.
func (s *Store) AllAsks(ctx context.Context) ([]Ask, error) {
	return all(ctx, s, scanAsk, askColumns+"WHERE state = ? AND created > ? ORDER BY created, id", Asked,
		stamp(askedSince()))
}

const decide = "UPDATE asks SET state = ? WHERE id = ? AND state = ? AND created > ?"

// Deny denies a wish, once and in time; else it returns ErrNotFound.
func (s *Store) Deny(ctx context.Context, id string) error {
	return s.change(ctx, decide, Denied, id, Asked, stamp(askedSince()))
}

// Allow allows the wish for a clip, once and in time, and adds the clip; else it returns ErrNotFound. Where limit clips
// of the owner wait already, ok is false, and the wish goes on waiting.
func (s *Store) Allow(ctx context.Context, c Clip, limit int) (ok bool, err error) {
	full := errors.New("too many clips wait")
	err = s.transaction(ctx, func(tx runner) error {
		if err := changeOne(ctx, tx, decide, Allowed, c.ID, Asked, stamp(askedSince())); err != nil {
			return err
		}
		if ok, err = s.addClip(ctx, tx, c, limit); err == nil && !ok {
			err = full
		}
		return err
	})
	if errors.Is(err, full) {
		return false, nil
	}
	return err == nil, err
}

// LinkAsked makes the link to a viewer's clip, with a secret of the caller's, once: a link that is revoked stays so.
func (s *Store) LinkAsked(ctx context.Context, id, identity, secret string, expires time.Time) error {
	return s.transaction(ctx, func(tx runner) error {
		res, err := tx.ExecContext(ctx, "UPDATE asks SET linked = 1 WHERE id = ? AND linked = 0", id)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO links (id, clip, identity, hash, created, expires) VALUES (?,?,?,?,?,?)`,
			NewID()[:12], id, identity, linkHash(secret), stamp(time.Now()), stamp(expires))
		return err
	})
}
