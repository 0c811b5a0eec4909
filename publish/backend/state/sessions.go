package state

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"strings"
	"time"
)

const (
	// CodeLife is how long a code signs in.
	CodeLife = 2 * time.Minute
	// SessionIdle and SessionLife end a session: when it was not used for as long, and in any case.
	SessionIdle = 12 * time.Hour
	SessionLife = 7 * 24 * time.Hour
	// maxSessions and maxCodes of one user are kept, the newest.
	maxSessions = 20
	maxCodes    = 20
	// usedEvery is how often it is noted that a session is used.
	usedEvery = time.Minute
	// codeLetters is the length of a code, which people can type: 60 random bits for two minutes.
	codeLetters = 12
)

// AddCode makes a code that signs a browser in as the user of a token, once, until CodeLife has passed or the user has
// made many more. Only its hash is kept.
func (s *Store) AddCode(ctx context.Context, t Token, now time.Time) (code string, expires time.Time, err error) {
	letters := rand.Text()[:codeLetters]
	expires = now.Add(CodeLife)
	who, err := whoOf(t)
	if err != nil {
		return "", expires, err
	}
	err = s.transaction(ctx, func(tx runner) error {
		if err := s.lock(ctx, tx, "codes of "+t.Owner()); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM codes WHERE expires <= ?", stamp(now)); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM codes WHERE owner = ? AND hash NOT IN (SELECT hash FROM codes
			WHERE owner = ? ORDER BY expires DESC, hash LIMIT ?)`, t.Owner(), t.Owner(), maxCodes-1); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO codes (hash, token, who, owner, ends, expires) VALUES (?,?,?,?,?,?)",
			linkHash(letters), tokenOf(t), who, t.Owner(), stamp(t.Expires), stamp(expires))
		return err
	})
	return letters[:4] + "-" + letters[4:8] + "-" + letters[8:], expires, err
}

// tokenOf is the id of a token of our own. A session has its scopes and rooms as they are at each call, and ends with
// it.
func tokenOf(t Token) string {
	if t.Issuer != "" {
		return ""
	}
	return t.ID
}

// whoOf is what a session keeps of a token that is not our own.
func whoOf(t Token) (string, error) {
	if t.Issuer == "" {
		return "", nil
	}
	b, err := json.Marshal(t)
	return string(b), err
}

// plainCode is a code as it was made, however somebody has typed it.
func plainCode(code string) string {
	return strings.NewReplacer("-", "", " ", "", "0", "O", "1", "I", "8", "B").Replace(strings.ToUpper(code))
}

// session is a row of codes or sessions.
type session struct {
	token, who, owner   string
	used, ends, expires int64
}

// SignIn exchanges a code for the secret of a session, which is used as a cookie. The code is used up, even if two come
// with it at once. An unknown, used or expired code is ErrNotFound, as is that of a token that was revoked since.
func (s *Store) SignIn(ctx context.Context, code string, now time.Time) (t Token, secret string, expires time.Time,
	err error) {
	err = s.transaction(ctx, func(tx runner) error {
		row, err := one(tx.QueryRowContext(ctx, `DELETE FROM codes WHERE hash = ? AND expires > ?
			RETURNING token, who, owner, ends`, linkHash(plainCode(code)), stamp(now)), func(r scanner) (v session, err error) {
			return v, r.Scan(&v.token, &v.who, &v.owner, &v.ends)
		})
		if err != nil {
			return err
		}
		if t, err = row.user(ctx, tx); err != nil {
			return err
		}
		secret, expires = rand.Text()+rand.Text(), now.Add(SessionLife)
		if row.ends != 0 && moment(row.ends).Before(expires) {
			expires = moment(row.ends)
		}
		for _, statement := range []struct {
			query string
			args  []any
		}{
			{"DELETE FROM sessions WHERE expires <= ? OR used <= ?", []any{stamp(now), stamp(now.Add(-SessionIdle))}},
			{`DELETE FROM sessions WHERE owner = ? AND hash NOT IN (SELECT hash FROM sessions WHERE owner = ?
				ORDER BY created DESC, hash LIMIT ?)`, []any{row.owner, row.owner, maxSessions - 1}},
			{"INSERT INTO sessions (hash, token, who, owner, created, used, expires) VALUES (?,?,?,?,?,?,?)",
				[]any{linkHash(secret), row.token, row.who, row.owner, stamp(now), stamp(now), stamp(expires)}},
		} {
			if _, err := tx.ExecContext(ctx, statement.query, statement.args...); err != nil {
				return err
			}
		}
		return nil
	})
	return t, secret, expires, err
}

// user is whose session it is, unless the token was revoked.
func (v session) user(ctx context.Context, db runner) (t Token, err error) {
	if v.token != "" {
		return one(db.QueryRowContext(ctx, tokenColumns+"WHERE id = ? AND revoked = 0", v.token), scanToken)
	}
	return t, json.Unmarshal([]byte(v.who), &t)
}

// Session finds whose session has this secret, and when it ends at the latest. ErrNotFound is one that has ended.
func (s *Store) Session(ctx context.Context, secret string, now time.Time) (t Token, expires time.Time, err error) {
	hash := linkHash(secret)
	row, err := one(s.db.QueryRowContext(ctx, `SELECT token, who, used, expires FROM sessions
		WHERE hash = ? AND expires > ? AND used > ?`, hash, stamp(now), stamp(now.Add(-SessionIdle))),
		func(r scanner) (v session, err error) { return v, r.Scan(&v.token, &v.who, &v.used, &v.expires) })
	if err != nil {
		return t, expires, err
	}
	if t, err = row.user(ctx, s.db); err != nil {
		return t, expires, err
	}
	if now.Sub(moment(row.used)) > usedEvery {
		if _, err := s.db.ExecContext(ctx, "UPDATE sessions SET used = ? WHERE hash = ?", stamp(now), hash); err != nil {
			return t, expires, err
		}
	}
	return t, moment(row.expires), nil
}

// SignOut ends a session, if there is one.
func (s *Store) SignOut(ctx context.Context, secret string) error {
	_, err := s.db.ExecContext(ctx, "DELETE FROM sessions WHERE hash = ?", linkHash(secret))
	return err
}
