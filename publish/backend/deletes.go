package backend

import (
	"context"
	"errors"

	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// Deleting goes in three steps: the row is marked, the files go, the row goes. Nobody sees what is marked anymore.
// Where the files cannot be deleted, or the process ends in between, the keeper tries again.

// dropClip deletes a clip, its links and its files.
func (s *Server) dropClip(ctx context.Context, c state.Clip) error {
	if err := s.o.State.MarkClipDeleted(ctx, c.ID); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	s.tellLater(ctx, "clip", c.ID, s.eraseClip(ctx, c.ID))
	return nil
}

// dropJob deletes a recording and its files.
func (s *Server) dropJob(ctx context.Context, id string) error {
	if err := s.o.State.MarkJobDeleted(ctx, id); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	s.tellLater(ctx, "recording", id, s.eraseJob(ctx, id))
	return nil
}

func (s *Server) tellLater(ctx context.Context, what, id string, err error) {
	if err != nil {
		s.o.Log.WarnContext(ctx, "cannot delete the files of a deleted "+what+"; will retry", what, id, "err", err)
	}
}

// eraseClip deletes the files of a clip that is marked, and then its row.
func (s *Server) eraseClip(ctx context.Context, id string) error {
	if err := s.o.Clips.RemoveClip(ctx, id); err != nil {
		return err
	}
	return ignoreDeleted(s.o.State.DeleteClip(ctx, id))
}

func (s *Server) eraseJob(ctx context.Context, id string) error {
	if err := s.o.JobFiles.Remove(ctx, id, ""); err != nil {
		return err
	}
	return ignoreDeleted(s.o.State.DeleteJob(ctx, id))
}

// ignoreDeleted takes it as success that somebody else was quicker.
func ignoreDeleted(err error) error {
	if errors.Is(err, state.ErrNotFound) {
		return nil
	}
	return err
}

// erase finishes deletions that were left undone.
func (k *keeper) erase(ctx context.Context) {
	clips, err1 := k.o.State.DeletedClips(ctx)
	jobs, err2 := k.o.State.DeletedJobs(ctx)
	err := errors.Join(err1, err2)
	for _, id := range clips {
		err = errors.Join(err, k.eraseClip(ctx, id))
	}
	for _, id := range jobs {
		err = errors.Join(err, k.eraseJob(ctx, id))
	}
	if err != nil {
		k.complain(ctx, "cannot delete the files of deleted clips and recordings; will retry", err)
	}
}
