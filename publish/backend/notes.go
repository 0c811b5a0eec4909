package backend

import (
	"context"
	"errors"

	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// note writes beside the media what the database knows of them, for hindsight-backend repair. The media are as good
// without it, so that a failure is logged and stops nothing.
func (s *Server) note(ctx context.Context, id string, n state.Note,
	write func(ctx context.Context, id string, note []byte) error) {
	b, err := n.Write()
	if err != nil {
		s.o.Log.WarnContext(ctx, "cannot make a note", "id", id, "err", err)
		return
	}
	s.writeNote(ctx, id, b, write)
}

func (s *Server) writeNote(ctx context.Context, id string, b []byte, write func(ctx context.Context, id string,
	b []byte) error) {
	if err := write(context.WithoutCancel(ctx), id, b); err != nil {
		s.o.Log.WarnContext(ctx, "cannot write a note next to the media", "id", id, "err", err)
	}
}

func (s *Server) noteRecording(ctx context.Context, r state.Recording) {
	replay, err := s.o.State.Replay(ctx, r.ReplayID)
	if errors.Is(err, state.ErrNotFound) {
		return // deleted in the meantime
	}
	if err != nil {
		s.o.Log.WarnContext(ctx, "cannot write the note of a recording's replay", "replay", r.ReplayID, "err", err)
		return
	}
	s.note(ctx, r.ID, state.Note{Replay: &replay, Recording: &r}, s.o.Storage.NoteRecording)
}

func (s *Server) noteJob(ctx context.Context, t state.Job) {
	s.note(ctx, t.ID, state.Note{Job: &t}, s.o.JobFiles.NoteRecording)
}
