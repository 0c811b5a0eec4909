package state

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"
	"unicode"
)

// Token is a user's access to the backend; the secret itself is not kept, only its SHA-256.
type Token struct {
	ID string
	// Identity is the user's name in LiveKit rooms.
	Identity string
	// Rooms is a pattern of path.Match that room names must match.
	Rooms            string
	Created, Revoked time.Time
}

// Allows tells whether the token's owner may share in a room.
func (t Token) Allows(room string) bool {
	ok, err := path.Match(t.Rooms, room)
	return err == nil && ok || t.Rooms == "*"
}

// AppIdentity is the identity the app uses in a room: LiveKit disconnects the first of two equal ones, so it differs
// from the user's own, and per token, so that two machines of one user do not push each other out.
func (t Token) AppIdentity() string { return t.Identity + "+hindsight-" + t.ID }

// secretPrefix makes a leaked token easy to find.
const secretPrefix = "hs_"

// CreateToken makes a token and answers its secret, which cannot be read again.
func (s *Store) CreateToken(ctx context.Context, identity, rooms string) (Token, string, error) {
	if rooms == "" {
		rooms = "*"
	}
	if identity == "" || len(identity) > 128 || strings.ContainsFunc(identity, unicode.IsControl) {
		return Token{}, "", errors.New("the identity must have 1 to 128 printable characters")
	}
	if _, err := path.Match(rooms, ""); err != nil {
		return Token{}, "", fmt.Errorf("the room pattern %q is malformed; write for example team-*", rooms)
	}
	secret := secretPrefix + strings.ToLower(rand.Text()+rand.Text())
	sum := sha256.Sum256([]byte(secret))
	t := Token{ID: NewID()[:8], Identity: identity, Rooms: rooms, Created: time.Now().UTC()}
	_, err := s.db.ExecContext(ctx, "INSERT INTO tokens (id, hash, identity, rooms, created) VALUES (?,?,?,?,?)",
		t.ID, sum[:], t.Identity, t.Rooms, stamp(t.Created))
	return t, secret, err
}

const tokenColumns = "SELECT id, identity, rooms, created, revoked FROM tokens "

func scanToken(r scanner) (t Token, err error) {
	var created, revoked int64
	err = r.Scan(&t.ID, &t.Identity, &t.Rooms, &created, &revoked)
	t.Created, t.Revoked = moment(created), moment(revoked)
	return t, err
}

// Authenticate finds the token with this secret. Looking up a hash of 256 random bits leaks nothing by its timing.
func (s *Store) Authenticate(ctx context.Context, secret string) (Token, error) {
	sum := sha256.Sum256([]byte(secret))
	return one(s.db.QueryRowContext(ctx, tokenColumns+"WHERE hash = ? AND revoked = 0", sum[:]), scanToken)
}

// Tokens lists all tokens, oldest first.
func (s *Store) Tokens(ctx context.Context) ([]Token, error) {
	return all(ctx, s, scanToken, tokenColumns+"ORDER BY created")
}

// RevokeToken makes a token useless at once.
func (s *Store) RevokeToken(ctx context.Context, id string) error {
	return s.change(ctx, "UPDATE tokens SET revoked = ? WHERE id = ? AND revoked = 0", stamp(time.Now()), id)
}
