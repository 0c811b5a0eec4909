//go:build linux

package sharetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/cmd/devstack/wait"
	"github.com/hindsight-app/hindsight/publish"
	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/publishtest"
)

// The room sees what the replay does, also after the connection was lost, and hears of clips.
func TestTheRoomKnowsOfTheReplay(t *testing.T) {
	b := newBench(t, publishtest.SourceOptions{})
	viewer := b.view(t)
	p := b.publish(t)
	me := p.Status().Identity
	shows := func(s api.RoomState) {
		t.Helper()
		b.eventually(t, func() bool { return sameAttributes(viewer.Attributes(me), s.Attributes()) },
			"the room does not see %v", s)
		conforms(t, "Attributes", viewer.Attributes(me))
	}
	require.Empty(t, viewer.Attributes(me), "nothing is told unasked")
	on := api.RoomState{Replay: api.ReplayOn, Seconds: 40, Recording: true}
	p.Tell(on)
	shows(on)
	paused := api.RoomState{Replay: api.ReplayPaused, Seconds: 60}
	p.Tell(paused)
	shows(paused)
	pauses := func(n int, want bool) {
		t.Helper()
		b.eventually(t, func() bool { return len(b.backend.Pauses()) == n }, "the server hears nothing of the pause")
		require.Equal(t, want, b.backend.Pauses()[n-1].Paused)
		require.WithinDuration(t, time.Now(), *b.backend.Pauses()[n-1].At, time.Minute)
	}
	pauses(1, true)
	p.Tell(on)
	pauses(2, false)
	require.True(t, b.backend.Pauses()[1].At.After(*b.backend.Pauses()[0].At))
	b.backend.RefusePauses(1) // a pause that is over by the time the server listens
	p.Tell(paused)
	p.Tell(on)
	pauses(4, false)
	require.True(t, b.backend.Pauses()[2].Paused)

	clip := api.RoomClip{ClipID: "c1", Title: "Goal", Seconds: 30, URL: "https://replay.example.com/w/1",
		ExpiresAt: time.Now().UTC().Truncate(time.Second)}
	require.NoError(t, p.Announce(clip, false))
	require.NoError(t, p.Announce(clip, true))
	b.eventually(t, func() bool { return len(viewer.Data()) == 2 && len(viewer.Texts()) == 1 }, "the room hears nothing")
	said := viewer.Data()[0]
	require.Equal(t, []string{api.TopicClip, me}, []string{said.Topic, said.From})
	var got api.RoomClip
	require.NoError(t, json.Unmarshal([]byte(said.Text), &got))
	require.Equal(t, clip, got)
	conformsText(t, "RoomClip", said.Text)
	require.Equal(t, publishtest.Said{Topic: api.TopicChat, From: me, Text: "Goal\nhttps://replay.example.com/w/1"},
		viewer.Texts()[0])

	require.NoError(t, p.Close(b.ctx))
	require.ErrorIs(t, p.Announce(clip, true), publish.ErrNotLive)
	b.eventually(t, func() bool { return !viewer.Sees(me) }, "the publisher is still there")
}

// A viewer's request is made, refused with a reason, or invalid; nothing of an internal error leaves this machine.
func TestViewersAskForClips(t *testing.T) {
	b := newBench(t, publishtest.SourceOptions{})
	viewer := b.view(t)
	cfg := b.config(t)
	asked, ended := make(chan struct{}), make(chan struct{})
	made := make(chan api.RoomClip, 1)
	cfg.OnViewerClip = func(c api.RoomClip) { made <- c }
	here := api.RoomClip{ClipID: "mine", Seconds: 4.5, URL: "https://replay.example.com/w/2",
		ExpiresAt: time.Now().UTC().Truncate(time.Second)}
	cfg.AllowClip = func(ctx context.Context, who string, r api.ClipRequest, at time.Time) (publish.ClipMaker, error) {
		switch r.Title {
		case "secret":
			return nil, errors.New("/home/alice/token cannot be read")
		case "no":
			return nil, &publish.ClipRefusal{Code: api.RPCRefused, Message: "tester said no"}
		case "wait":
			defer close(ended)
			close(asked)
			<-ctx.Done()
			return nil, ctx.Err()
		case "here", "full":
			return func(context.Context) (api.RoomClip, error) {
				if r.Title == "full" {
					return api.RoomClip{}, &publish.ClipRefusal{Code: api.RPCFailed, Message: "the disk is full"}
				}
				return here, nil
			}, nil
		}
		require.Equal(t, "viewer", who)
		require.WithinDuration(t, time.Now(), at, time.Minute)
		return nil, nil
	}
	p, err := publish.Start(b.ctx, cfg, b.src)
	require.NoError(t, err)
	me := p.Status().Identity
	const enough = 30 * time.Second
	b.eventually(t, func() bool {
		return viewer.Sees(me) && p.Status().Recording == publish.RecordingActive
	}, "the publisher is not there")
	out, _, err := viewer.Call(me, api.TopicClip, `{"seconds": 12.5, "title": "Goal\u0007\u202e 👩‍👩‍👧‍👦 `+
		strings.Repeat("会", 200)+`"}`, enough)
	require.NoError(t, err)
	conformsText(t, "RoomClip", out)
	var clip api.RoomClip
	require.NoError(t, json.Unmarshal([]byte(out), &clip))
	goal := "Goal 👩‍👩‍👧‍👦 " + strings.Repeat("会", api.MaxTitle-17)
	require.Equal(t, []any{12.5, goal, "viewer"}, []any{clip.Seconds, clip.Title, clip.RequestedBy})
	require.Equal(t, clip, wait.For(t, made, time.Minute, "the publisher hears of it"))
	require.Equal(t, goal, b.backend.Clip(clip.ClipID).Title, "what the viewer calls it")
	out, _, err = viewer.Call(me, api.TopicClip, `{"seconds": 9, "title": "here"}`, enough)
	require.NoError(t, err, "made another way")
	require.NoError(t, json.Unmarshal([]byte(out), &clip))
	here.Title, here.RequestedBy = "here", "viewer"
	require.Equal(t, here, clip)
	require.Equal(t, clip, wait.For(t, made, time.Minute, "the publisher hears of it"))
	for request, want := range map[string]api.RPCCode{
		`{"seconds": 5, "title": "no"}`:     api.RPCRefused,
		`{"seconds": 5, "title": "secret"}`: api.RPCFailed,
		`{"seconds": 5, "title": "full"}`:   api.RPCFailed,
		`{"seconds": 0}`:                    api.RPCInvalid,
		`{"seconds": 1e9}`:                  api.RPCInvalid,
		`seconds`:                           api.RPCInvalid,
	} {
		_, code, err := viewer.Call(me, api.TopicClip, request, enough)
		require.Equal(t, want, api.RPCCode(code), "%s: %v", request, err)
		require.NotContains(t, err.Error(), "alice")
	}
	_, code, err := viewer.Call(me, "hindsight.other", `{}`, enough)
	require.EqualValues(t, 1400, code, err)

	// Leaving the room does not wait for a request that nobody has replied to.
	go func() { _, _, _ = viewer.Call(me, api.TopicClip, `{"seconds": 5, "title": "wait"}`, enough) }()
	wait.For(t, asked, time.Minute, "the request")
	require.NoError(t, p.Close(b.ctx))
	wait.For(t, ended, time.Minute, "the request is given up")
}

// view has somebody called "viewer" in the room.
func (b *bench) view(t *testing.T) *publishtest.Viewer {
	t.Helper()
	v, err := publishtest.View(b.ctx, b.lk.URL, b.lk.APIKey, b.lk.APISecret, room, "viewer", api.TopicChat)
	require.NoError(t, err)
	t.Cleanup(func() { _ = v.Close() })
	return v
}

func sameAttributes(got, want map[string]string) bool {
	for k, v := range want {
		if got[k] != v {
			return false
		}
	}
	return true
}

// conforms checks a value against one of api.RoomSchemas.
func conforms(t *testing.T, name string, value any) {
	t.Helper()
	text, err := json.Marshal(value)
	require.NoError(t, err)
	conformsText(t, name, string(text))
}

func conformsText(t *testing.T, name, text string) {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(api.RoomSchemas))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	require.NoError(t, c.AddResource("https://hindsight.test/room.json", doc))
	schema, err := c.Compile("https://hindsight.test/room.json#/$defs/" + name)
	require.NoError(t, err)
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	require.NoError(t, err)
	require.NoError(t, schema.Validate(value), text)
}
