package state

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strconv"
	"strings"
)

// runner is a database or a transaction. Statements have ? for their arguments, whatever the database.
type runner interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// dialect is a runner that gives PostgreSQL its $1, $2 for the question marks. No statement has one in a text of its
// own: texts are arguments.
type dialect struct {
	to       runner
	postgres bool
}

func (d dialect) numbered(query string) string {
	if !d.postgres {
		return query
	}
	var b strings.Builder
	for i := 1; ; i++ {
		before, after, found := strings.Cut(query, "?")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteString("$" + strconv.Itoa(i))
		query = after
	}
}

// texts takes out what PostgreSQL has in no text, zero bytes and what is no UTF-8: callers may send such names.
func (d dialect) texts(args []any) []any {
	if !d.postgres {
		return args
	}
	args = slices.Clone(args)
	for i, a := range args {
		if s, ok := a.(string); ok {
			args[i] = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
		}
	}
	return args
}

func (d dialect) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return d.to.ExecContext(ctx, d.numbered(query), d.texts(args)...)
}

func (d dialect) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return d.to.QueryContext(ctx, d.numbered(query), d.texts(args)...)
}

func (d dialect) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return d.to.QueryRowContext(ctx, d.numbered(query), d.texts(args)...)
}

// transaction runs f's statements all or none. f must use tx and not the store: SQLite has one connection only. It may
// be called again where the database went away before the end.
func (s *Store) transaction(ctx context.Context, f func(tx runner) error) error {
	var tx *sql.Tx
	err := whileAway(ctx, true, func() (err error) {
		if tx, err = s.pool.BeginTx(ctx, nil); err != nil {
			return err
		}
		if err = f(dialect{tx, s.db.postgres}); err != nil {
			return errors.Join(err, tx.Rollback())
		}
		return nil
	})
	if err != nil {
		return err
	}
	return tx.Commit()
}

// lock has transactions that lock the same name follow each other, until their ends. SQLite's do so anyway: they begin
// with the lock for writing.
func (s *Store) lock(ctx context.Context, tx runner, name string) error {
	if !s.db.postgres {
		return nil
	}
	_, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock(hashtextextended(?, 0))", name)
	return err
}

// change runs a statement that must touch a row.
func (s *Store) change(ctx context.Context, query string, args ...any) error {
	return changeOne(ctx, s.db, query, args...)
}

func changeOne(ctx context.Context, to runner, query string, args ...any) error {
	res, err := to.ExecContext(ctx, query, args...)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, ErrNotFound)
	}
	return nil
}

func scanID(r scanner) (id string, err error) { return id, r.Scan(&id) }

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
	return allFrom(ctx, s.db, scan, query, args...)
}

func allFrom[T any](ctx context.Context, db runner, scan func(scanner) (T, error), query string, args ...any) ([]T,
	error) {
	rows, err := db.QueryContext(ctx, query, args...)
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
