package state

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// A PostgreSQL that is restarted is away for some seconds. Statements wait for it that long, where doing them again
// cannot do them twice; a call of the app is late then, and not lost.
const (
	awayPatience = 10 * time.Second // less than what the app waits for an answer
	awayPause    = 100 * time.Millisecond
)

// PostgreSQL's codes of a server that ends, crashed, or starts (its documentation, appendix A, class 57).
var awayCodes = []string{"57P01", "57P02", "57P03"}

// away tells whether the database was not there for a statement, which has not been done then. broken is for statements
// that may be done twice: it includes connections that broke in the middle.
func away(err error, broken bool) bool {
	var connect *pgconn.ConnectError
	var told *pgconn.PgError
	var network net.Error
	switch {
	case err == nil:
		return false
	case errors.As(err, &told):
		for _, code := range awayCodes {
			if told.Code == code {
				return true
			}
		}
		return false
	case errors.As(err, &connect), errors.Is(err, driver.ErrBadConn), pgconn.SafeToRetry(err):
		return true
	}
	return broken && (errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.As(err, &network))
}

// whileAway tries again as long as try fails because the database is away.
func whileAway(ctx context.Context, broken bool, try func() error) error {
	began := time.Now()
	for {
		err := try()
		if !away(err, broken) || ctx.Err() != nil || time.Since(began) > awayPatience {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(awayPause):
		}
	}
}

// patient is a PostgreSQL whose statements wait while it is away.
type patient struct{ *sql.DB }

func (p patient) ExecContext(ctx context.Context, query string, args ...any) (res sql.Result, err error) {
	err = whileAway(ctx, false, func() (err error) {
		res, err = p.DB.ExecContext(ctx, query, args...)
		return err
	})
	return res, err
}

func (p patient) QueryContext(ctx context.Context, query string, args ...any) (rows *sql.Rows, err error) {
	err = whileAway(ctx, reads(query), func() (err error) {
		rows, err = p.DB.QueryContext(ctx, query, args...)
		return err
	})
	return rows, err
}

func (p patient) QueryRowContext(ctx context.Context, query string, args ...any) (row *sql.Row) {
	_ = whileAway(ctx, reads(query), func() error {
		row = p.DB.QueryRowContext(ctx, query, args...)
		return row.Err()
	})
	return row
}

func reads(query string) bool { return strings.HasPrefix(query, "SELECT") }
