// Package archive keeps the files of clips and recordings in step with their rows in the database: what is deleted
// there goes from the storage as well, and notes beside the media say what the database knows of them. It owns neither,
// and has no goroutine and nothing to close.
package archive

import (
	"context"
	"errors"
	"log/slog"

	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// Clips holds the files of clips.
type Clips interface {
	RemoveClip(ctx context.Context, id string) error
	NoteClip(ctx context.Context, id string, note []byte) error
	NotePoster(ctx context.Context, id string, jpeg []byte) error
}

// Folders holds the files of recordings, and of replays.
type Folders interface {
	Remove(ctx context.Context, id, segment string) error
	NoteRecording(ctx context.Context, id string, note []byte) error
}

// Archive is the files beside their rows.
type Archive struct {
	State *state.Store
	Clips Clips
	// Replays are the folders of what replays consist of, Jobs those of the recordings beside them.
	Replays, Jobs Folders
	Log           *slog.Logger
}

// Deleting goes in three steps: the row is marked, the files go, the row goes. Nobody sees what is marked anymore.
// Where the files cannot be deleted, or the process ends in between, the keeper tries again.

// DropClip deletes a clip, its links and its files.
func (a *Archive) DropClip(ctx context.Context, c state.Clip) error {
	if err := a.State.MarkClipDeleted(ctx, c.ID); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	a.tellLater(ctx, "clip", c.ID, a.EraseClip(ctx, c.ID))
	return nil
}

// DropJob deletes a recording and its files.
func (a *Archive) DropJob(ctx context.Context, id string) error {
	if err := a.State.MarkJobDeleted(ctx, id); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	a.tellLater(ctx, "recording", id, a.EraseJob(ctx, id))
	return nil
}

func (a *Archive) tellLater(ctx context.Context, what, id string, err error) {
	if err != nil {
		a.Log.WarnContext(ctx, "cannot delete the files of a deleted "+what+"; will retry", what, id, "err", err)
	}
}

// EraseClip deletes the files of a clip that is marked, and then its row.
func (a *Archive) EraseClip(ctx context.Context, id string) error {
	if err := a.Clips.RemoveClip(ctx, id); err != nil {
		return err
	}
	return ignoreDeleted(a.State.DeleteClip(ctx, id))
}

// EraseJob is EraseClip for recordings.
func (a *Archive) EraseJob(ctx context.Context, id string) error {
	if err := a.Jobs.Remove(ctx, id, ""); err != nil {
		return err
	}
	return ignoreDeleted(a.State.DeleteJob(ctx, id))
}

// ignoreDeleted takes it as success that somebody else was quicker.
func ignoreDeleted(err error) error {
	if errors.Is(err, state.ErrNotFound) {
		return nil
	}
	return err
}

// note writes beside the media what the database knows of them, for hindsight-backend repair. The media are as good
// without it, so that a failure is logged and stops nothing.
func (a *Archive) note(ctx context.Context, id string, n state.Note,
	write func(ctx context.Context, id string, note []byte) error) {
	b, err := n.Write()
	if err != nil {
		a.Log.WarnContext(ctx, "cannot make a note", "id", id, "err", err)
		return
	}
	a.writeNote(ctx, id, b, write)
}

func (a *Archive) writeNote(ctx context.Context, id string, b []byte, write func(ctx context.Context, id string,
	b []byte) error) {
	if err := write(context.WithoutCancel(ctx), id, b); err != nil {
		a.Log.WarnContext(ctx, "cannot write a note next to the media", "id", id, "err", err)
	}
}

// NoteRecording writes what the database knows of a replay and of one of its recordings.
func (a *Archive) NoteRecording(ctx context.Context, r state.Recording) {
	replay, err := a.State.Replay(ctx, r.ReplayID)
	if errors.Is(err, state.ErrNotFound) {
		return // deleted in the meantime
	}
	if err != nil {
		a.Log.WarnContext(ctx, "cannot write the note of a recording's replay", "replay", r.ReplayID, "err", err)
		return
	}
	a.note(ctx, r.ID, state.Note{Replay: &replay, Recording: &r}, a.Replays.NoteRecording)
}

// NoteJob writes what the database knows of a recording beside the replays.
func (a *Archive) NoteJob(ctx context.Context, t state.Job) {
	a.note(ctx, t.ID, state.Note{Job: &t}, a.Jobs.NoteRecording)
}

// NoteClip writes what the database knows of a clip.
func (a *Archive) NoteClip(ctx context.Context, c state.Clip) {
	a.note(ctx, c.ID, state.Note{Clip: &c}, a.Clips.NoteClip)
}

// NotePoster writes a clip's poster.
func (a *Archive) NotePoster(ctx context.Context, id string, jpeg []byte) {
	a.writeNote(ctx, id, jpeg, a.Clips.NotePoster)
}
