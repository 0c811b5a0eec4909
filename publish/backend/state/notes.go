package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hindsight-app/hindsight/publish/api"
)

// Note is what the database knows of a folder or a clip, as it is written beside the media, so that a lost database can
// be made again: a recording with its replay, a take, or a clip.
type Note struct {
	Version   int        `json:"version"`
	Replay    *Replay    `json:"replay,omitempty"`
	Recording *Recording `json:"recording,omitempty"`
	Job       *Job       `json:"take,omitempty"`
	Clip      *Clip      `json:"clip,omitempty"`
	// Poster is the clip's poster, which is a separate file.
	Poster []byte `json:"-"`
}

const noteVersion = 1

// Write puts the note into JSON.
func (n Note) Write() ([]byte, error) {
	n.Version = noteVersion
	return json.MarshalIndent(n, "", "  ")
}

// ReadNote reads a note.
func ReadNote(b []byte) (n Note, err error) {
	if err = json.Unmarshal(b, &n); err != nil {
		return n, fmt.Errorf("this is not a note: %w", err)
	}
	if n.Version < 1 || n.Version > noteVersion {
		return n, fmt.Errorf("the note is of version %d, which this program does not know", n.Version)
	}
	if (n.Recording == nil) != (n.Replay == nil) || n.Recording != nil && n.Recording.ReplayID != n.Replay.ID ||
		n.Recording == nil && n.Job == nil && n.Clip == nil {
		return n, errors.New("the note lacks what it is about")
	}
	return n, nil
}

// Restored counts what Restore has added.
type Restored struct{ Replays, Recordings, Jobs, Clips, Posters int }

// Restore adds what a note says and the database does not know; what it knows it leaves as it is.
func (s *Store) Restore(ctx context.Context, n Note, count *Restored) error {
	return s.transaction(ctx, func(tx runner) error {
		if n.Replay != nil {
			query, args := insertReplay(*n.Replay)
			if err := restore(ctx, tx, &count.Replays, query, args); err != nil {
				return err
			}
		}
		if n.Recording != nil {
			query, args := insertRecording(*n.Recording)
			if err := restore(ctx, tx, &count.Recordings, query, args); err != nil {
				return err
			}
			// An older database knows the recording, but not what was paused since.
			if err := s.hide(ctx, tx, *n.Recording); err != nil {
				return err
			}
		}
		if n.Clip != nil && n.Clip.State == api.ClipReady {
			if err := restoreClip(ctx, tx, n, count); err != nil {
				return err
			}
		}
		if n.Job == nil {
			return nil
		}
		query, args, err := insertJob(*n.Job)
		if err != nil {
			return err
		}
		return restore(ctx, tx, &count.Jobs, query, args)
	})
}

// restore runs an INSERT unless the row is there, and counts it.
func restore(ctx context.Context, tx runner, counter *int, query string, args []any) error {
	res, err := tx.ExecContext(ctx, query+" ON CONFLICT DO NOTHING", args...)
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	*counter += int(n)
	return err
}

// hide keeps from viewers what a recording has until now: the notes do not say what of it was recorded in a pause.
func (s *Store) hide(ctx context.Context, tx runner, r Recording) error {
	now := time.Now()
	if !now.After(r.Created) {
		now = r.Created.Add(1)
	}
	return s.changePausesIn(ctx, tx, r.ReplayID, func(list []Span) []Span {
		return apart(append(list, Span{moment(stamp(r.Created)), moment(stamp(now))}), false)
	})
}

func restoreClip(ctx context.Context, tx runner, n Note, count *Restored) error {
	query, args, err := insertClip(*n.Clip)
	if err == nil {
		err = restore(ctx, tx, &count.Clips, query, args)
	}
	if err != nil || len(n.Poster) == 0 {
		return err
	}
	return restore(ctx, tx, &count.Posters, "INSERT INTO posters (clip, jpeg) VALUES (?,?)", []any{n.Clip.ID, n.Poster})
}

// Revoked counts what RevokeShared has ended: links to clips and replays, browsers that are signed in and codes that
// would sign one in, and invitations.
type Revoked struct{ Links, SignIns, Invitations int }

// RevokeShared ends all that opens this server without a user's token, and what viewers asked for through links: an
// older database knows of none that it was revoked since.
func (s *Store) RevokeShared(ctx context.Context) (done Revoked, err error) {
	err = s.transaction(ctx, func(tx runner) error {
		done = Revoked{}
		for _, v := range []struct {
			table string
			count *int
		}{{"links", &done.Links}, {"watch_links", &done.Links}, {"sessions", &done.SignIns}, {"codes", &done.SignIns},
			{"invitations", &done.Invitations}} {
			res, err := tx.ExecContext(ctx, "DELETE FROM "+v.table)
			if err != nil {
				return err
			}
			n, err := res.RowsAffected()
			if err != nil {
				return err
			}
			*v.count += int(n)
		}
		_, err := tx.ExecContext(ctx, "DELETE FROM asks WHERE link <> ''")
		return err
	})
	return done, err
}
