package state

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"strings"
	"time"
)

// Invitation promises a token to whoever comes first with its code, until it expires. Only the code's SHA-256 is kept.
type Invitation struct {
	ID string
	// Identity, Rooms and Scopes are those of the token; see Token.
	Identity, Rooms  string
	Scopes           []Scope
	Created, Expires time.Time
}

// codePrefix distinguishes the codes of invitations from tokens.
const codePrefix = "hsi_"

// Invite adds an invitation and returns its code of 130 random bits, which cannot be read again. Without scopes its
// token has Publish; empty rooms are all.
func (s *Store) Invite(ctx context.Context, identity, rooms string, expires time.Time, scopes ...Scope) (Invitation,
	string, error) {
	if rooms == "" {
		rooms = "*"
	}
	if len(scopes) == 0 {
		scopes = []Scope{Publish}
	}
	i := Invitation{ID: NewID()[:8], Identity: identity, Rooms: rooms, Scopes: scopes, Created: time.Now().UTC(),
		Expires: expires.UTC()}
	if err := (Token{Identity: identity, Rooms: rooms, Scopes: scopes}).Check(); err != nil {
		return Invitation{}, "", err
	}
	code := codePrefix + strings.ToLower(rand.Text())
	sum := sha256.Sum256([]byte(code))
	_, err := s.db.ExecContext(ctx, `INSERT INTO invitations (id, hash, identity, rooms, scopes, created, expires)
		VALUES (?,?,?,?,?,?,?)`, i.ID, sum[:], i.Identity, i.Rooms, joinScopes(i.Scopes), stamp(i.Created), stamp(i.Expires))
	return i, code, err
}

// Accept makes the token that an invitation promises, and returns it with its secret. The code is used up, even if two
// come with it at once. An unknown, used or expired code is ErrNotFound.
func (s *Store) Accept(ctx context.Context, code string) (t Token, secret string, err error) {
	sum := sha256.Sum256([]byte(code))
	err = s.transaction(ctx, func(tx runner) error {
		i, err := one(tx.QueryRowContext(ctx, `DELETE FROM invitations WHERE hash = ? AND expires > ?
			RETURNING id, identity, rooms, scopes, created, expires`, sum[:], stamp(time.Now())), scanInvitation)
		if err != nil {
			return err
		}
		t, secret, err = createToken(ctx, tx, i.Identity, i.Rooms, i.Scopes)
		return err
	})
	return t, secret, err
}

func scanInvitation(r scanner) (i Invitation, err error) {
	var created, expires int64
	var words string
	if err = r.Scan(&i.ID, &i.Identity, &i.Rooms, &words, &created, &expires); err != nil {
		return i, err
	}
	i.Scopes, err = ParseScopes(words)
	i.Created, i.Expires = moment(created), moment(expires)
	return i, err
}

// Invitations lists the invitations that can still be accepted, oldest first.
func (s *Store) Invitations(ctx context.Context) ([]Invitation, error) {
	return all(ctx, s, scanInvitation, `SELECT id, identity, rooms, scopes, created, expires FROM invitations
		WHERE expires > ? ORDER BY created, id`, stamp(time.Now()))
}

// DeleteInvitation makes an invitation useless at once.
func (s *Store) DeleteInvitation(ctx context.Context, id string) error {
	return s.change(ctx, "DELETE FROM invitations WHERE id = ?", id)
}

// DeleteExpiredInvitations forgets invitations that nobody can accept anymore.
func (s *Store) DeleteExpiredInvitations(ctx context.Context) error {
	_, err := s.db.ExecContext(ctx, "DELETE FROM invitations WHERE expires <= ?", stamp(time.Now()))
	return err
}
