// Package state keeps what the backend must know after a restart: user tokens, replays, their recordings and clips. The
// media themselves lie in folders named by the ids kept here. It is a SQLite file, or a PostgreSQL where several
// backends share the work.
//
// To change the schema, add a step at the end of steps in migrate.go, in SQLite's words: TEXT, INTEGER (64 bits: times
// are nanoseconds since 1970, booleans 0 and 1) and BLOB, tables end with ") STRICT;". Write statements with ? for
// arguments and in what both databases understand (INSERT … ON CONFLICT is, INSERT OR REPLACE is not); run them through
// Store.db, all, one, change or transaction, which put the question marks into PostgreSQL's form. The tests of this
// package run on both.
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
	"io"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"modernc.org/sqlite" // the driver "sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// ErrNotFound means that no such row exists, or not for this user.
var ErrNotFound = errors.New("not found")

// Store is the open database.
type Store struct {
	pool *sql.DB
	db   dialect // over pool
	// folder is SQLite's; served is a lock held in it while a service runs.
	folder string
	lockMu sync.Mutex
	served io.Closer
	// worker is who holds this program's leases.
	worker string
}

// Open opens or creates the SQLite database in folder.
func Open(ctx context.Context, folder string) (*Store, error) {
	// SQLite reads the name as a URI, in which ?, # and % mean something (sqlite.org/uri.html).
	name := url.URL{Path: filepath.ToSlash(filepath.Join(folder, "state.db"))}
	// FULL: with WAL, NORMAL may lose the newest transactions at a power loss, a token's revocation among them.
	dsn := "file:" + name.EscapedPath() + "?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)" +
		"&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_txlock=immediate"
	pool, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(1) // one writer; the queries are short
	s := &Store{pool: pool, db: dialect{to: pool}, folder: folder, worker: "service"}
	if err := s.migrateWhenFree(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("the database in %s cannot be opened: %w", folder, err)
	}
	return s, nil
}

// busyWait is how long an opening database may be in another program's hands.
const busyWait = 10 * time.Second

// migrateWhenFree tries again while another program opens the same SQLite database: the change to WAL needs it alone
// and, unlike all that follows, does not wait (sqlite.org/pragma.html, journal_mode).
func (s *Store) migrateWhenFree(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, busyWait)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		err := s.migrate(ctx)
		var e *sqlite.Error
		if err == nil || !errors.As(err, &e) || e.Code()&0xff != sqlite3.SQLITE_BUSY {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-again.C:
		}
	}
}

// postgresConnections is how many connections one backend has at most; a PostgreSQL as it comes allows 100 for all.
const postgresConnections = 10

// OpenPostgres opens a PostgreSQL database, which must exist; address is postgres://user:password@host/database. Its
// tables are made where they are missing.
func OpenPostgres(ctx context.Context, address string) (*Store, error) {
	if u, err := url.Parse(address); err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || u.Host == "" {
		return nil, errors.New("the address of the database must be of the form postgres://user:password@host/database")
	}
	config, err := pgx.ParseConfig(address)
	if err != nil {
		return nil, fmt.Errorf("the PostgreSQL database cannot be opened: %w", err)
	}
	config.DialFunc = dialer().DialContext
	pool := stdlib.OpenDB(*config)
	pool.SetMaxOpenConns(postgresConnections)
	pool.SetMaxIdleConns(postgresConnections)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	s := &Store{pool: pool, db: dialect{pool, true}, worker: NewID()}
	if err := s.migrate(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("the PostgreSQL database cannot be opened: %w", err)
	}
	s.db.to = patient{pool}
	return s, nil
}

// lossPatience is how long a database may acknowledge nothing before its connection counts as lost: its machine may be
// gone, and another one have its address.
const lossPatience = 20 * time.Second

// dialer connects to a database.
func dialer() *net.Dialer {
	return &net.Dialer{Timeout: lossPatience, Control: func(network, address string, c syscall.RawConn) error {
		if !strings.HasPrefix(network, "tcp") {
			return nil
		}
		return giveUp(network, address, c)
	}, KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: lossPatience / 2, Interval: lossPatience / 4, Count: 2}}
}

// Close closes the database.
func (s *Store) Close() error {
	s.lockMu.Lock()
	defer s.lockMu.Unlock()
	err := s.pool.Close()
	if s.served != nil {
		err = errors.Join(err, s.served.Close())
		s.served = nil
	}
	return err
}

// ErrServed means that another service runs on the same SQLite database.
var ErrServed = errors.New("another hindsight-backend serves from this folder")

// Serve is called by a service before it works: only one may on a SQLite database, whose leases it would share.
// Others may open it in the meantime. It holds until Close, or the end of the process. Services on PostgreSQL are many.
func (s *Store) Serve() error {
	s.lockMu.Lock()
	defer s.lockMu.Unlock()
	if s.db.postgres || s.served != nil {
		return nil
	}
	lock, err := lockFile(filepath.Join(s.folder, "service.lock"))
	if errors.Is(err, ErrServed) {
		return fmt.Errorf("%w: %s; stop it, or give this one a folder of its own with --data, or share the work through "+
			"PostgreSQL with --database", err, s.folder)
	}
	s.served = lock
	return err
}

// Alone reports whether no other service works on this database: only one may on SQLite.
func (s *Store) Alone() bool { return !s.db.postgres }

// Ping reports whether the database responds.
func (s *Store) Ping(ctx context.Context) error { return s.pool.PingContext(ctx) }

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
