package state

import (
	"context"
	"errors"
	"time"

	"github.com/hindsight-app/hindsight/publish/api"
)

// Upload is a file that a user sends, to become the clip of the same id. What has arrived lies in the storage, in
// parts.
type Upload struct {
	ID, Identity string
	// TokenID is the token it was begun with, whose revocation ends it.
	TokenID     string
	Room, Title string
	// Recorded is when the clip ends; zero where the sender has not said it.
	Recorded time.Time
	// SHA256 is what the whole file must have, in hexadecimal.
	SHA256          string
	Bytes, Received int64
	// Parts is how many parts of it have arrived.
	Parts  int
	State  api.UploadState
	Reason string // of a failure
	// Created is when it was begun, Expires when it ends unless more arrives.
	Created, Expires time.Time
}

// uploadEnded is the state of an upload that was canceled, has expired, or lost its token: nobody sees it, and what is
// stored of it is to be deleted.
const uploadEnded api.UploadState = "ended"

// UploadLimits bound what a user may have; 0 is without bound.
type UploadLimits struct {
	Open, Clips int
	Bytes       int64
}

// What an upload cannot be added for.
var (
	ErrUploadsOpen = errors.New("too many uploads are open")
	ErrUploadClips = errors.New("the user has too many clips")
	ErrUploadBytes = errors.New("the user's clips are too large")
)

// AddUpload keeps a new upload, and with it the space that it will take of the user's. Where one of the same token is
// on its way with the same file, that is returned, so that a request that is made again begins no second one.
func (s *Store) AddUpload(ctx context.Context, u Upload, limits UploadLimits) (out Upload, err error) {
	err = s.transaction(ctx, func(tx runner) error {
		// Without it, two would count before either has added.
		if err := s.lock(ctx, tx, "clips of "+u.Identity); err != nil {
			return err
		}
		out, err = one(tx.QueryRowContext(ctx, uploadColumns+`WHERE identity = ? AND token = ? AND hash = ? AND bytes = ?
			AND state = ? ORDER BY created`, u.Identity, u.TokenID, u.SHA256, u.Bytes, api.UploadReceiving), scanUpload)
		if !errors.Is(err, ErrNotFound) {
			return err
		}
		var open int
		if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM uploads WHERE identity = ? AND state IN (?,?)", u.Identity,
			api.UploadReceiving, api.UploadChecking).Scan(&open); err != nil {
			return err
		}
		clips, bytes, err := used(ctx, tx, u.Identity)
		switch {
		case err != nil:
			return err
		case limits.Open > 0 && open >= limits.Open:
			return ErrUploadsOpen
		case limits.Clips > 0 && clips >= limits.Clips:
			return ErrUploadClips
		case limits.Bytes > 0 && bytes+u.Bytes > limits.Bytes:
			return ErrUploadBytes
		}
		out = u
		_, err = tx.ExecContext(ctx, `INSERT INTO uploads (id, identity, token, room, title, recorded, hash, bytes, state,
			created, expires) VALUES (?,?,?,?,?,?,?,?,?,?,?)`, u.ID, u.Identity, u.TokenID, u.Room, u.Title,
			stamp(u.Recorded), u.SHA256, u.Bytes, u.State, stamp(u.Created), stamp(u.Expires))
		return err
	})
	return out, err
}

const uploadColumns = `SELECT id, identity, token, room, title, recorded, hash, bytes, received, parts, state, reason,
	created, expires FROM uploads `

func scanUpload(r scanner) (u Upload, err error) {
	var recorded, created, expires int64
	err = r.Scan(&u.ID, &u.Identity, &u.TokenID, &u.Room, &u.Title, &recorded, &u.SHA256, &u.Bytes, &u.Received, &u.Parts,
		&u.State, &u.Reason, &created, &expires)
	u.Recorded, u.Created, u.Expires = moment(recorded), moment(created), moment(expires)
	return u, err
}

// Upload finds an upload, whosever it is.
func (s *Store) Upload(ctx context.Context, id string) (Upload, error) {
	return one(s.db.QueryRowContext(ctx, uploadColumns+"WHERE id = ? AND state <> ?", id, uploadEnded), scanUpload)
}

// UploadIDs lists the ids of all uploads.
func (s *Store) UploadIDs(ctx context.Context) ([]string, error) {
	return all(ctx, s, scanID, "SELECT id FROM uploads")
}

// AddPart records that a part has arrived that begins at from, and lets the upload live until expires. One with all its
// bytes is to be checked then. ErrNotFound means that it is not at that place anymore, or has ended.
func (s *Store) AddPart(ctx context.Context, id string, from, n int64, expires time.Time) error {
	return s.change(ctx, `UPDATE uploads SET received = received + ?, parts = parts + 1, expires = ?,
		state = CASE WHEN received + ? >= bytes THEN ? ELSE state END WHERE id = ? AND received = ? AND state = ?`, n,
		stamp(expires), n, api.UploadChecking, id, from, api.UploadReceiving)
}

// CheckingUploads lists the uploads that are to be checked, those that arrived first before the others.
func (s *Store) CheckingUploads(ctx context.Context) ([]Upload, error) {
	return all(ctx, s, scanUpload, uploadColumns+"WHERE state = ? ORDER BY expires, id", api.UploadChecking)
}

// TryUpload counts an attempt to check an upload, before it is made, and returns how many there have been: one that
// kills this program counts too. With -1 it takes one back.
func (s *Store) TryUpload(ctx context.Context, id string, more int) (attempts int, err error) {
	return one(s.db.QueryRowContext(ctx, `UPDATE uploads SET attempts = attempts + ? WHERE id = ? AND state = ?
		RETURNING attempts`, more, id, api.UploadChecking), func(r scanner) (n int, err error) { return n, r.Scan(&n) })
}

// FinishUpload makes an upload that was checked a clip, with a poster unless that is empty. ErrNotFound means that it
// has ended in the meantime, and there is no clip.
func (s *Store) FinishUpload(ctx context.Context, c Clip, poster []byte, expires time.Time) error {
	query, args, err := insertClip(c)
	if err != nil {
		return err
	}
	return s.transaction(ctx, func(tx runner) error {
		if err := changeOne(ctx, tx, "UPDATE uploads SET state = ?, expires = ? WHERE id = ? AND state = ?", api.UploadReady,
			stamp(expires), c.ID, api.UploadChecking); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, query, args...); err != nil || len(poster) == 0 {
			return err
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO posters (clip, jpeg) VALUES (?,?)", c.ID, poster)
		return err
	})
}

// FailUpload keeps why an upload does not become a clip, until expires.
func (s *Store) FailUpload(ctx context.Context, id, reason string, expires time.Time) error {
	return s.change(ctx, "UPDATE uploads SET state = ?, reason = ?, expires = ? WHERE id = ? AND state = ?",
		api.UploadFailed, reason, stamp(expires), id, api.UploadChecking)
}

// EndUpload ends an upload: nobody sees it anymore.
func (s *Store) EndUpload(ctx context.Context, id string) error {
	return endUploads(ctx, s.db, "id = ?", id)
}

// EndExpiredUploads ends those that nobody has added to for long. What is being checked stays.
func (s *Store) EndExpiredUploads(ctx context.Context) error {
	return endUploads(ctx, s.db, "expires < ? AND state <> '"+api.UploadChecking.String()+"'", stamp(time.Now()))
}

func endUploads(ctx context.Context, to runner, which string, args ...any) error {
	_, err := to.ExecContext(ctx, "UPDATE uploads SET state = '"+uploadEnded.String()+"' WHERE state <> '"+
		uploadEnded.String()+"' AND "+which, args...) // #nosec G202 -- which is one of ours
	return err
}

// Leftover is an upload of which files may be left.
type Leftover struct {
	ID string
	// Clip says that there is a clip of it.
	Clip bool
}

// LeftoverUploads lists the uploads that have ended and whose files are not deleted yet.
func (s *Store) LeftoverUploads(ctx context.Context) ([]Leftover, error) {
	scan := func(r scanner) (l Leftover, err error) { return l, r.Scan(&l.ID, &l.Clip) }
	return all(ctx, s, scan, `SELECT id,
		CASE WHEN EXISTS (SELECT 1 FROM clips WHERE clips.id = uploads.id) THEN 1 ELSE 0 END FROM uploads
		WHERE state = ? OR stored <> 0 AND state IN (?,?) ORDER BY id`, uploadEnded, api.UploadReady,
		api.UploadFailed)
}

// ErasedUpload records that no files are left of an upload, and forgets one that has ended.
func (s *Store) ErasedUpload(ctx context.Context, id string) error {
	_, err := s.db.ExecContext(ctx, "DELETE FROM uploads WHERE id = ? AND state = ?", id, uploadEnded)
	if err == nil {
		_, err = s.db.ExecContext(ctx, "UPDATE uploads SET stored = 0 WHERE id = ?", id)
	}
	return err
}
