// Package state keeps what the backend must know after a restart, in SQLite: user tokens, replays, their recordings
// and clips. The media themselves lie in folders named by the ids kept here.
//
// A Store may be used from many goroutines and by several processes at once (the command line beside the service);
// Close closes the database.
package state

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// ErrNotFound means that no such row exists, or not for this user.
var ErrNotFound = errors.New("not found")

// migrations are run once each, in order; their number is kept in PRAGMA user_version.
var migrations = []string{`
CREATE TABLE tokens (
	id TEXT PRIMARY KEY, hash BLOB NOT NULL UNIQUE, identity TEXT NOT NULL, rooms TEXT NOT NULL,
	created INTEGER NOT NULL, revoked INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE replays (
	id TEXT PRIMARY KEY, identity TEXT NOT NULL, room TEXT NOT NULL, created INTEGER NOT NULL,
	stopped INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE recordings (
	id TEXT PRIMARY KEY, replay TEXT NOT NULL REFERENCES replays(id) ON DELETE CASCADE, egress TEXT NOT NULL UNIQUE,
	video TEXT NOT NULL, audio TEXT NOT NULL, state TEXT NOT NULL, error TEXT NOT NULL DEFAULT '',
	began INTEGER NOT NULL DEFAULT 0, created INTEGER NOT NULL, ended INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX recordings_replay ON recordings(replay, created);
CREATE TABLE clips (
	id TEXT PRIMARY KEY, replay TEXT NOT NULL, identity TEXT NOT NULL, room TEXT NOT NULL, state TEXT NOT NULL,
	reason TEXT NOT NULL DEFAULT '', asked INTEGER NOT NULL, pressed INTEGER NOT NULL, created INTEGER NOT NULL,
	start INTEGER NOT NULL DEFAULT 0, stop INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX clips_identity ON clips(identity, created);
CREATE INDEX clips_state ON clips(state);
`}

// Store is the open database.
type Store struct{ db *sql.DB }

// Open opens or creates the database in folder.
func Open(ctx context.Context, folder string) (*Store, error) {
	// SQLite reads the name as a URI, in which ?, # and % mean something (sqlite.org/uri.html).
	name := url.URL{Path: filepath.ToSlash(filepath.Join(folder, "state.db"))}
	dsn := "file:" + name.EscapedPath() + "?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)" +
		"&_pragma=synchronous(NORMAL)&_pragma=foreign_keys(1)&_txlock=immediate"
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1) // one writer; the queries are short
	s := &Store{db}
	if err := s.migrate(ctx); err != nil {
		db.Close()
		return nil, fmt.Errorf("the database in %s cannot be opened: %w", folder, err)
	}
	return s, nil
}

func (s *Store) migrate(ctx context.Context) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	var version int
	if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	if version > len(migrations) {
		return fmt.Errorf("it was written by a newer version of this program (schema %d)", version)
	}
	for ; version < len(migrations); version++ {
		if _, err := tx.ExecContext(ctx, migrations[version]); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", version)); err != nil {
		return err
	}
	return tx.Commit()
}

// Close closes the database.
func (s *Store) Close() error { return s.db.Close() }

// Ping tells whether the database answers.
func (s *Store) Ping(ctx context.Context) error { return s.db.PingContext(ctx) }

// NewID is an id of 26 characters with 128 random bits, fit for a file name.
func NewID() string { return strings.ToLower(rand.Text()) }

// stamp and moment keep times as nanoseconds since 1970; the zero time is 0.
func stamp(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func moment(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}

// change runs a statement that must touch a row.
func (s *Store) change(ctx context.Context, query string, args ...any) error {
	res, err := s.db.ExecContext(ctx, query, args...)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, ErrNotFound)
	}
	return nil
}

// scanner is a *sql.Row or *sql.Rows.
type scanner interface{ Scan(dest ...any) error }

func one[T any](row *sql.Row, scan func(scanner) (T, error)) (T, error) {
	v, err := scan(row)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	return v, err
}

func all[T any](ctx context.Context, s *Store, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	rows, err := s.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}
