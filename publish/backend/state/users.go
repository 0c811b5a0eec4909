package state

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Token is a user's access to the backend; the secret itself is not kept, only its SHA-256.
type Token struct {
	ID string
	// Identity is the user's name in LiveKit rooms.
	Identity string
	// Issuer is who vouches for Identity, for tokens of an identity provider; empty for our own.
	Issuer string
	// Rooms is a pattern of path.Match that room names must match.
	Rooms string
	// Scopes are what the token is good for, never empty.
	Scopes           []Scope
	Created, Revoked time.Time
	// Expires is when a token of an identity provider ends; zero is never.
	Expires time.Time
}

// Scope is a right of a token. Whatever its scopes, a token sees what belongs to its identity.
type Scope string

// The scopes. All of them end at the rooms that the token is for. What each may do, call by call, is the table in the
// OpenAPI document.
const (
	// View sees everybody's replays, recordings and clips.
	View Scope = "view"
	// Publish shares the screen, saves, records its own tracks, and deletes and hands out what is its own.
	Publish Scope = "publish"
	// Record records what others publish, up to whole rooms, as LiveKit's own grant roomRecord does.
	Record Scope = "record"
	// Manage does all that, with everybody's replays, recordings and clips.
	Manage Scope = "manage"
)

// oldManage is what Manage was called before: tokens in databases and of identity providers still have it.
const oldManage Scope = "admin"

// scopes are all there are, from the least to the most.
var scopes = []Scope{View, Publish, Record, Manage}

// String is the text in the database, in JSON and on the command line.
func (s Scope) String() string { return string(s) }

// ParseScope reads what String returns, and what Manage was called before.
func ParseScope(text string) (Scope, error) {
	s := Scope(text)
	if s == oldManage {
		s = Manage
	}
	if !slices.Contains(scopes, s) {
		return "", fmt.Errorf("there is no scope %q; use view, publish, record or manage", text)
	}
	return s, nil
}

// Has reports whether the token has a right; Manage has all.
func (t Token) Has(s Scope) bool {
	return slices.Contains(t.Scopes, s) || slices.Contains(t.Scopes, Manage)
}

// ParseScopes reads scopes separated by commas or spaces.
func ParseScopes(text string) (out []Scope, err error) {
	words := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
	for _, w := range words {
		s, err := ParseScope(w)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	if len(out) == 0 {
		return nil, errors.New("no scope is given; use view, publish, record or manage")
	}
	return out, nil
}

func joinScopes(scopes []Scope) string {
	var words []string
	for _, s := range scopes {
		words = append(words, s.String())
	}
	return strings.Join(words, " ")
}

// Allows reports whether the token's owner may share in a room.
func (t Token) Allows(room string) bool {
	ok, err := path.Match(t.Rooms, room)
	return err == nil && ok || t.Rooms == "*"
}

// AppIdentity is the identity the app uses in a room: LiveKit disconnects the first of two equal ones, so it differs
// from the user's own, and per token, so that two machines of one user do not push each other out.
func (t Token) AppIdentity() string { return t.Identity + reserved + t.ID }

// reserved is in the names that this service makes out of identities, and in no identity: one that has it could be
// taken for what another user's app is called.
const reserved = "+hindsight-"

// issuerMark leads to the hash of an issuer at the end of an owner's name.
const issuerMark = reserved + "of-"

// Owner is who replays, recordings and clips of this token belong to: its identity and, unless the token is our own,
// who vouches for it. Two issuers may both know an alice, and they need not be one person.
func (t Token) Owner() string {
	if t.Issuer == "" {
		return t.Identity
	}
	sum := sha256.Sum256([]byte(t.Issuer))
	return t.Identity + issuerMark + hex.EncodeToString(sum[:8])
}

// OwnerName is what people call an owner: the identity alone.
func OwnerName(owner string) string {
	name, _, _ := strings.Cut(owner, issuerMark)
	return name
}

// SecretPrefix makes a leaked token easy to find, and distinguishes it from others' tokens.
const SecretPrefix = "hs_"

// Check says what is wrong with a token's identity or pattern.
func (t Token) Check() error {
	if t.Identity == "" || len(t.Identity) > 128 || strings.ContainsFunc(t.Identity, unicode.IsControl) {
		return errors.New("the identity must have 1 to 128 printable characters")
	}
	if strings.Contains(t.Identity, reserved) {
		return fmt.Errorf("the identity must not contain %s: the app's own names in rooms do", reserved)
	}
	if _, err := path.Match(t.Rooms, ""); err != nil {
		return fmt.Errorf("the room pattern %q is malformed; write for example team-*", t.Rooms)
	}
	return nil
}

// CreateToken makes a token and returns its secret, which cannot be read again. Without scopes it has Publish.
func (s *Store) CreateToken(ctx context.Context, identity, rooms string, scopes ...Scope) (Token, string, error) {
	if rooms == "" {
		rooms = "*"
	}
	if len(scopes) == 0 {
		scopes = []Scope{Publish}
	}
	return createToken(ctx, s.db, identity, rooms, scopes)
}

func createToken(ctx context.Context, db runner, identity, rooms string, scopes []Scope) (Token, string, error) {
	t := Token{ID: NewID()[:8], Identity: identity, Rooms: rooms, Scopes: scopes, Created: time.Now().UTC()}
	if err := t.Check(); err != nil {
		return Token{}, "", err
	}
	secret := SecretPrefix + strings.ToLower(rand.Text()+rand.Text())
	sum := sha256.Sum256([]byte(secret))
	_, err := db.ExecContext(ctx, "INSERT INTO tokens (id, hash, identity, rooms, scopes, created) VALUES (?,?,?,?,?,?)",
		t.ID, sum[:], t.Identity, t.Rooms, joinScopes(t.Scopes), stamp(t.Created))
	return t, secret, err
}

const tokenColumns = "SELECT id, identity, rooms, scopes, created, revoked FROM tokens " // #nosec G101 -- no password

func scanToken(r scanner) (t Token, err error) {
	var created, revoked int64
	var words string
	if err = r.Scan(&t.ID, &t.Identity, &t.Rooms, &words, &created, &revoked); err != nil {
		return t, err
	}
	t.Scopes, err = ParseScopes(words)
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

// RevokeToken makes a token useless at once, and ends its sessions and the uploads that were begun with it. Where it
// was the last of its identity, everything that runs for that identity is marked as stopped, for the keeper to end, and
// the links to its clips and replays are deleted. The links that the identity has made to others' clips and replays are
// deleted with its last token that manages, whatever rooms that was for.
func (s *Store) RevokeToken(ctx context.Context, id string) error {
	return s.transaction(ctx, func(tx runner) error {
		identity, err := one(tx.QueryRowContext(ctx, "SELECT identity FROM tokens WHERE id = ?", id), scanID)
		if err != nil {
			return err
		}
		// Without it, each of two would see the other's token.
		if err := s.lock(ctx, tx, "tokens of "+identity); err != nil {
			return err
		}
		now := stamp(time.Now())
		if err := changeOne(ctx, tx, "UPDATE tokens SET revoked = ? WHERE id = ? AND revoked = 0", now, id); err != nil {
			return err
		}
		if err := endUploads(ctx, tx, "token = ?", id); err != nil {
			return err
		}
		for _, table := range []string{"sessions", "codes"} {
			if _, err := tx.ExecContext(ctx, "DELETE FROM "+table+" WHERE token = ?", id); err != nil {
				return err
			}
		}
		left, err := allFrom(ctx, tx, scanID, "SELECT scopes FROM tokens WHERE identity = ? AND revoked = 0", identity)
		if err != nil {
			return err
		}
		manages := slices.ContainsFunc(left, func(words string) bool {
			scopes, err := ParseScopes(words)
			return err == nil && slices.Contains(scopes, Manage)
		})
		if !manages {
			err := endLinks(ctx, tx, "identity = ? AND %s NOT IN (SELECT id FROM %s WHERE identity = ?)", identity, identity)
			if err != nil {
				return err
			}
		}
		if len(left) > 0 {
			return nil
		}
		for _, table := range []string{"replays", "takes"} {
			_, err := tx.ExecContext(ctx, "UPDATE "+table+" SET stopped = ? WHERE identity = ? AND stopped = 0", now, identity)
			if err != nil {
				return err
			}
		}
		return endLinks(ctx, tx, "%s IN (SELECT id FROM %s WHERE identity = ?)", identity)
	})
}

// endLinks deletes links to clips and to replays that a condition holds for, and what waits through them. The condition
// has two verbs of fmt: for the column and for the table of what a link leads to.
func endLinks(ctx context.Context, tx runner, condition string, args ...any) error {
	clips, replays := fmt.Sprintf(condition, "clip", "clips"), fmt.Sprintf(condition, "replay", "replays")
	if _, err := tx.ExecContext(ctx, "DELETE FROM links WHERE "+clips, args...); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, "DELETE FROM asks WHERE state = ? AND link IN (SELECT id FROM watch_links WHERE "+
		replays+")", append([]any{Asked}, args...)...)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "DELETE FROM watch_links WHERE "+replays, args...)
	return err
}

// RevokedSince lists the tokens that were revoked after t.
func (s *Store) RevokedSince(ctx context.Context, t time.Time) ([]Token, error) {
	return all(ctx, s, scanToken, tokenColumns+"WHERE revoked > ? ORDER BY created", stamp(t))
}
