package publish

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/api"
)

// listener is a server of which only what it hears of pauses counts.
type listener struct {
	service
	away   bool
	heard  []pause
	stops  int
	replay api.Replay
}

func (l *listener) Pause(_ context.Context, _ string, on bool, at time.Time) error {
	if l.away {
		return errors.New("away")
	}
	l.heard = append(l.heard, pause{on, at})
	l.replay.Paused = on
	return nil
}

func (l *listener) Stop(context.Context, api.StopRequest) (*api.Replay, error) {
	l.stops = len(l.heard) + 1
	return &l.replay, nil
}

func (l *listener) Replay(context.Context, string) (*api.Replay, error) { return &l.replay, nil }

// sharing is a supervisor whose replay runs.
func sharing(l *listener) *supervisor {
	s := newSupervisor(&Publisher{log: slog.New(slog.DiscardHandler), backend: l, news: make(chan struct{}, 1),
		pauses: &pauseLog{}})
	s.rec.replayID = "r"
	return s
}

var (
	running = api.RoomState{Replay: api.ReplayOn}
	paused  = api.RoomState{Replay: api.ReplayPaused}
)

// However many pauses a server misses, it hears of no time too little.
func TestPausesWhileTheServerIsAway(t *testing.T) {
	l := &listener{away: true}
	s := sharing(l)
	var all []pause
	for i := range 3 * mostPauses {
		s.Tell(map[bool]api.RoomState{true: paused, false: running}[i%2 == 0])
		all = append(all, pause{i%2 == 0, s.pauses.now.at})
		s.tellPause(t.Context())
	}
	require.Empty(t, l.heard)
	l.away, s.rec.retellAt = false, time.Time{}
	s.tellPause(t.Context())
	require.LessOrEqual(t, len(l.heard), mostPauses)
	for i := 0; i < len(all); i += 2 {
		hidden := slices.ContainsFunc(l.heard, func(p pause) bool { return p.on && !p.at.After(all[i].at) })
		for n := 0; hidden && n < len(l.heard); n++ {
			p := l.heard[n]
			if !p.on && p.at.Before(all[i+1].at) && p.at.After(all[i].at) { // resumed within
				hidden = false
			}
			if !p.on && !p.at.After(all[i].at) { // resumed before: then there must be a later begin
				hidden = slices.ContainsFunc(l.heard[n+1:], func(p pause) bool { return p.on && !p.at.After(all[i].at) })
			}
		}
		require.True(t, hidden, "pause %d of %d", i/2, len(all)/2)
	}
	require.False(t, l.heard[len(l.heard)-1].on)
}

// A share that ends tells what is left to tell, before the replay is stopped.
func TestPausesAtTheEnd(t *testing.T) {
	l := &listener{away: true}
	s := sharing(l)
	s.Tell(paused)
	s.tellPause(t.Context())
	require.Empty(t, l.heard)
	l.away = false
	s.stopRecording()
	require.Equal(t, []pause{{true, s.pauses.now.at}}, l.heard)
	require.Equal(t, 2, l.stops)
}

// A server that does not know what it has heard hears it again: a pause from its begin and from now on, and that
// one is over from now on.
func TestServerThatKnowsOfNoPause(t *testing.T) {
	l := &listener{}
	s := sharing(l)
	poll := func(known bool) []pause {
		l.replay.Paused, l.heard = known, nil
		s.pollRecording(t.Context())
		s.tellPause(t.Context())
		return l.heard
	}
	require.Empty(t, poll(false))
	begun := time.Now()
	heard := poll(true) // of a pause of an earlier share, or somebody else's
	require.Len(t, heard, 1)
	require.False(t, heard[0].on || heard[0].at.Before(begun))
	s.Tell(paused)
	s.tellPause(t.Context())
	require.Empty(t, poll(true))
	heard = poll(false)
	require.Len(t, heard, 2)
	require.True(t, heard[0].on && heard[0].at.Equal(s.pauses.now.at))
	require.True(t, heard[1].on && heard[1].at.After(s.pauses.now.at))
}
