package state

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
)

// Link lets whoever has its secret watch one clip until it expires. Only the secret's SHA-256 is kept.
type Link struct {
	ID, ClipID string
	// Identity is who made it, empty for links of releases before.
	Identity         string
	Created, Expires time.Time
	// Hash is the secret's SHA-256, in hexadecimal.
	Hash string
}

func linkHash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// AddLink makes a user's link to a clip and returns its secret of 130 random bits, which cannot be read again. With
// limit links to the clip already, ok is false.
func (s *Store) AddLink(ctx context.Context, clip, identity string, expires time.Time, limit int) (l Link,
	secret string, ok bool, err error) {
	secret = strings.ToLower(rand.Text())
	l = Link{ID: NewID()[:12], ClipID: clip, Identity: identity, Created: time.Now().UTC(), Expires: expires.UTC(),
		Hash: linkHash(secret)}
	err = s.transaction(ctx, func(tx runner) error {
		if err := s.lock(ctx, tx, "links to "+clip); err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, `INSERT INTO links (id, clip, identity, hash, created, expires) SELECT ?,?,?,?,?,?
			WHERE (SELECT count(*) FROM links WHERE clip = ?) < ?`,
			l.ID, l.ClipID, l.Identity, l.Hash, stamp(l.Created), stamp(l.Expires), clip, limit)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		ok = n == 1
		return err
	})
	return l, secret, ok, err
}

const linkColumns = "SELECT id, clip, identity, created, expires, hash FROM links "

func scanLink(r scanner) (l Link, err error) {
	var created, expires int64
	err = r.Scan(&l.ID, &l.ClipID, &l.Identity, &created, &expires, &l.Hash)
	l.Created, l.Expires = moment(created), moment(expires)
	return l, err
}

// LinkWith finds the link with this secret that has not expired. Looking up a hash leaks nothing by its timing.
func (s *Store) LinkWith(ctx context.Context, secret string) (Link, error) {
	return one(s.db.QueryRowContext(ctx, linkColumns+"WHERE hash = ? AND expires > ?", linkHash(secret),
		stamp(time.Now())),
		scanLink)
}

// Links lists the links to a clip, oldest first.
func (s *Store) Links(ctx context.Context, clip string) ([]Link, error) {
	return all(ctx, s, scanLink, linkColumns+"WHERE clip = ? ORDER BY created, id", clip)
}

// LinksOf lists the links to all clips of a user, oldest first, at most limit.
func (s *Store) LinksOf(ctx context.Context, identity string, limit int) ([]Link, error) {
	return all(ctx, s, scanLink, linkColumns+`WHERE clip IN (SELECT id FROM clips WHERE identity = ? AND deleted = 0)
		ORDER BY created, id LIMIT ?`, identity, limit)
}

// DeleteLink makes a link useless at once.
func (s *Store) DeleteLink(ctx context.Context, clip, id string) error {
	return s.change(ctx, "DELETE FROM links WHERE id = ? AND clip = ?", id, clip)
}

// DeleteExpiredLinks forgets links that nobody can use anymore.
func (s *Store) DeleteExpiredLinks(ctx context.Context) error {
	now := stamp(time.Now())
	_, err := s.db.ExecContext(ctx, "DELETE FROM links WHERE expires <= ?", now)
	if err == nil {
		_, err = s.db.ExecContext(ctx, "DELETE FROM watch_links WHERE expires <= ?", now)
	}
	return err
}

// SetPoster keeps a clip's poster image, a JPEG, in place of an older one.
func (s *Store) SetPoster(ctx context.Context, clip string, jpeg []byte) error {
	return s.change(ctx, `INSERT INTO posters (clip, jpeg) VALUES (?,?)
		ON CONFLICT (clip) DO UPDATE SET jpeg = excluded.jpeg`, clip, jpeg)
}

// Poster returns a clip's poster image.
func (s *Store) Poster(ctx context.Context, clip string) ([]byte, error) {
	scan := func(r scanner) (b []byte, err error) { return b, r.Scan(&b) }
	return one(s.db.QueryRowContext(ctx, "SELECT jpeg FROM posters WHERE clip = ?", clip), scan)
}
