package app

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/capture"
	"github.com/hindsight-app/hindsight/publish"
	"github.com/hindsight-app/hindsight/publish/api"
)

// engine is the real recorder and publisher behind the session's interfaces.
type engine struct {
	log *slog.Logger
	// viewers decides on what viewers ask for.
	viewers viewers
}

// viewers is what the room asks the user.
type viewers interface {
	allowClip(ctx context.Context, viewer string, r api.ClipRequest, asked time.Time,
		in session.Place) (publish.ClipMaker, error)
	viewerClip(api.RoomClip, session.Place)
}

// Record implements session.Engine.
func (e engine) Record(ctx context.Context, c capture.Config) (session.Recorder, error) {
	r, err := capture.Open(ctx, c)
	if err != nil {
		return nil, err // not r: a nil *Recorder in an interface is not nil
	}
	return recorder{r}, nil
}

// recorder returns recordings as the session knows them.
type recorder struct{ *capture.Recorder }

// Record implements session.Recorder.
func (r recorder) Record(app string) (session.Recording, error) {
	rec, err := r.Recorder.Record(app)
	if err != nil {
		return nil, err // not rec: a nil *Recording in an interface is not nil
	}
	return rec, nil
}

// Share implements session.Engine.
func (e engine) Share(ctx context.Context, rec session.Recorder, c session.ShareConfig) (session.Publisher, error) {
	engine, ok := rec.(recorder)
	if !ok {
		return nil, fmt.Errorf("a %T cannot be published", rec)
	}
	var source publish.Source = engine
	var low publish.Source
	switch c.Quality {
	case config.LowerQuality:
		source = engine.LowLayer()
	case config.BothQuality:
		low = engine.LowLayer()
	case config.SameQuality:
	}
	var goesOn *publish.Replay
	if c.Continue != nil {
		if goesOn, ok = c.Continue.(*publish.Replay); !ok {
			return nil, fmt.Errorf("cannot continue a %T", c.Continue)
		}
	}
	in := session.Place{Backend: c.BackendURL, Room: c.Room}
	p, err := publish.Start(ctx, publish.Config{BackendURL: c.BackendURL, UserToken: c.UserToken, Room: c.Room,
		Passphrase: c.Passphrase, PlainHTTP: c.AllowHTTP, Low: low, Log: e.log, Continue: goesOn,
		VideoMuted: c.Muted.Video, SoundMuted: c.Muted.Sound,
		AllowClip: func(ctx context.Context, viewer string, r api.ClipRequest, asked time.Time) (publish.ClipMaker, error) {
			return e.viewers.allowClip(ctx, viewer, r, asked, in)
		},
		OnViewerClip: func(made api.RoomClip) { e.viewers.viewerClip(made, in) },
	}, source)
	if err != nil {
		return nil, err
	}
	return share{p}, nil
}

// share translates the publisher's status.
type share struct{ *publish.Publisher }

// Leave implements session.Publisher.
func (s share) Leave(ctx context.Context) (session.Replay, error) {
	replay, err := s.Publisher.Leave(ctx)
	if replay == nil {
		return nil, err // not replay: a nil *Replay in an interface is not nil
	}
	return replay, err
}

// Status implements session.Publisher.
func (s share) Status() session.ShareStatus {
	p := s.Publisher.Status()
	reason := ""
	if p.Recording == publish.RecordingEncrypted {
		reason = publish.NotRecordedEncrypted
	}
	return session.ShareStatus{
		NotRecorded: reason,
		State:       session.ShareState(p.State), Room: p.Room, Identity: p.Identity,
		Recording: session.ServerState(p.Recording), ReplayID: p.ReplayID,
		EgressID: p.EgressID, ServerSeconds: p.ServerSeconds, Asked: p.Asked, Error: p.Error,
		Muted: session.Muted{Video: p.VideoMuted, Sound: p.SoundMuted}, SoundTaken: p.SoundTaken,
	}
}
