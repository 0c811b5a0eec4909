package keeper

import (
	"context"
	"time"

	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// State is the database, as the keeper uses it. *state.Store describes each method.
type State interface {
	replays
	jobs
	clips
	// Alone reports whether no other backend works on this database.
	Alone() bool
	Lease(ctx context.Context, name string, d time.Duration) (ok bool, err error)
	RevokedSince(ctx context.Context, t time.Time) ([]state.Token, error)
	DeleteExpiredInvitations(ctx context.Context) error
	DeleteExpiredLinks(ctx context.Context) error
}

type replays interface {
	Replays(ctx context.Context) ([]state.Replay, error)
	Stopped(ctx context.Context, id string) (bool, error)
	DeleteReplay(ctx context.Context, id string) error
	Running(ctx context.Context) ([]state.Recording, error)
	Recordings(ctx context.Context, replayID string) ([]state.Recording, error)
	RecordingOf(ctx context.Context, egressID string) (state.Recording, error)
	RecordingIDs(ctx context.Context) ([]string, error)
	UpdateRecording(ctx context.Context, before, r state.Recording) error
	SetPruned(ctx context.Context, id string, pruned int) error
	CountRecording(ctx context.Context, id string, had state.Shown) error
	DeleteRecording(ctx context.Context, id string) error
	Pauses(ctx context.Context, replay string) ([]state.Span, error)
	AllAsks(ctx context.Context) ([]state.Ask, error)
	IntentsBefore(ctx context.Context, t time.Time) ([]state.Intent, error)
	DeleteIntent(ctx context.Context, id string) error
}

type jobs interface {
	JobOf(ctx context.Context, egressID string) (state.Job, error)
	RunningJobs(ctx context.Context) ([]state.Job, error)
	OldJobs(ctx context.Context, before time.Time, limit int) ([]state.Job, error)
	DeletedJobs(ctx context.Context) ([]string, error)
	UpdateJob(ctx context.Context, t state.Job) error
	FinishedJob(ctx context.Context, id string, at time.Time) error
	StopJob(ctx context.Context, id string, at time.Time) error
}

type clips interface {
	Clip(ctx context.Context, id string) (state.Clip, error)
	WaitingClips(ctx context.Context) ([]state.Clip, error)
	OldClips(ctx context.Context, before time.Time, limit int) ([]state.Clip, error)
	DeletedClips(ctx context.Context) ([]string, error)
	TryClip(ctx context.Context, id string, more int) (attempts int, err error)
	FinishClip(ctx context.Context, c state.Clip) error
}
