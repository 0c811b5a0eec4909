package web

import (
	"context"
	"time"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// State is the database, as the calls use it. *state.Store describes each method.
type State interface {
	users
	replays
	jobs
	clips
	links
	rewinds
	sessions
	Ping(ctx context.Context) error
}

type rewinds interface {
	AddWatchLink(ctx context.Context, replay, identity string, clips api.ClipPolicy, expires time.Time,
		limit int) (l state.WatchLink, secret string, ok bool, err error)
	WatchLinkWith(ctx context.Context, replay, secret string) (state.WatchLink, error)
	WatchLinks(ctx context.Context, replay string) ([]state.WatchLink, error)
	DeleteWatchLink(ctx context.Context, replay, id string) error
	WatchLinksOf(ctx context.Context, identity string, limit int) ([]state.WatchLink, error)
	Pause(ctx context.Context, replay string, at time.Time) error
	Resume(ctx context.Context, replay string, at time.Time) error
	Pauses(ctx context.Context, replay string) ([]state.Span, error)
	ShutRecording(ctx context.Context, id string, segments int) (int, error)
	AddAsk(ctx context.Context, a state.Ask, limit, each int) (ok bool, err error)
	AddAllowed(ctx context.Context, a state.Ask, c state.Clip, limit int, most time.Duration) (wait time.Duration,
		ok bool, err error)
	Ask(ctx context.Context, replay, id string) (state.Ask, error)
	Asks(ctx context.Context, replay string) ([]state.Ask, error)
	AllowedAsks(ctx context.Context, replay string, since time.Time) ([]state.Ask, error)
	Allow(ctx context.Context, c state.Clip, limit int) (ok bool, err error)
	Deny(ctx context.Context, id string) error
	LinkAsked(ctx context.Context, id, identity, secret string, expires time.Time) error
}

type users interface {
	Authenticate(ctx context.Context, secret string) (state.Token, error)
	Accept(ctx context.Context, code string) (t state.Token, secret string, err error)
}

type replays interface {
	AddReplay(ctx context.Context, r state.Replay) error
	Replay(ctx context.Context, id string) (state.Replay, error)
	CountReplays(ctx context.Context, identity string) (int, error)
	RunningReplays(ctx context.Context, limit int) ([]state.Replay, error)
	SetStopped(ctx context.Context, id string, t time.Time) error
	AddRecording(ctx context.Context, r state.Recording) error
	Recordings(ctx context.Context, replayID string) ([]state.Recording, error)
	RecordingWith(ctx context.Context, identity, room, video, audio string) (state.Recording, error)
	AddIntent(ctx context.Context, id string) error
	DeleteIntent(ctx context.Context, id string) error
}

type jobs interface {
	AddJob(ctx context.Context, t state.Job) error
	Job(ctx context.Context, id string) (state.Job, error)
	RunningJobs(ctx context.Context) ([]state.Job, error)
	StopJob(ctx context.Context, id string, at time.Time) error
	JobsOf(ctx context.Context, identity string, limit int) ([]state.Job, error)
	JobsIn(ctx context.Context, in func(room string) bool, owner string, limit int) ([]state.Job, error)
	AllJobs(ctx context.Context, limit int) ([]state.Job, error)
}

type clips interface {
	AddClip(ctx context.Context, c state.Clip, limit int) (ok bool, err error)
	Clip(ctx context.Context, id string) (state.Clip, error)
	ClipsOf(ctx context.Context, identity string, before time.Time, limit int) ([]state.Clip, error)
	ClipsIn(ctx context.Context, in func(room string) bool, owner string, before time.Time, limit int) ([]state.Clip,
		error)
	AllClips(ctx context.Context, before time.Time, limit int) ([]state.Clip, error)
	FindClips(ctx context.Context, q state.ClipQuery) (out []state.Clip, next string, err error)
	Used(ctx context.Context, identity string) (clips int, bytes int64, err error)
	Posters(ctx context.Context, clips []string) (map[string]bool, error)
	Poster(ctx context.Context, clip string) ([]byte, error)
	SetPoster(ctx context.Context, clip string, jpeg []byte) error
	SetTitle(ctx context.Context, id, title string) error
}

type links interface {
	AddLink(ctx context.Context, clip, identity string, expires time.Time, limit int) (l state.Link, secret string,
		ok bool, err error)
	Links(ctx context.Context, clip string) ([]state.Link, error)
	LinksOf(ctx context.Context, identity string, limit int) ([]state.Link, error)
	ClipLinksOf(ctx context.Context, identity string, skip, limit int) ([]state.ClipLink, error)
	LinkWith(ctx context.Context, secret string) (state.Link, error)
	DeleteLink(ctx context.Context, clip, id string) error
}

type sessions interface {
	AddCode(ctx context.Context, t state.Token, now time.Time) (code string, expires time.Time, err error)
	SignIn(ctx context.Context, code string, now time.Time) (t state.Token, secret string, expires time.Time, err error)
	Session(ctx context.Context, secret string, now time.Time) (t state.Token, expires time.Time, err error)
	SignOut(ctx context.Context, secret string) error
}
