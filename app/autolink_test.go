package app

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/links"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/capture/clip"
)

// After a save the server's own copy gets the link, and the clip is uploaded where there is none or the server failed,
// in whatever order that is known.
func TestWhichCopyOfASaveGetsTheLink(t *testing.T) {
	record := func(local, server session.CopyState) *session.SaveRecord {
		r := &session.SaveRecord{ID: 7, Local: local, Server: server, Backend: "https://a"}
		if local == session.CopySaved {
			r.Clip = &clip.Clip{Path: "/x.mp4"}
		}
		if server == session.CopySaved {
			r.ClipID = "one"
		}
		return r
	}
	saved := func(server session.CopyState) session.Event {
		return session.Event{Kind: session.LocalSaved, Save: record(session.CopySaved, server)}
	}
	there := session.Event{Kind: session.ServerSaved, Save: record(session.CopySaving, session.CopySaved)}
	failed := session.Event{Kind: session.ServerFailed, Save: record(session.CopySaving, session.CopyFailed)}
	lost := session.Event{Kind: session.LocalFailed, Save: record(session.CopyFailed, session.CopySaving)}
	for name, c := range map[string]struct {
		events []session.Event
		path   string
		link   bool
	}{
		"only here":            {[]session.Event{saved(session.NoCopy)}, "/x.mp4", false},
		"both":                 {[]session.Event{saved(session.CopySaving), there}, "/x.mp4", true},
		"server first":         {[]session.Event{there, saved(session.CopySaving)}, "", true},
		"server fails":         {[]session.Event{saved(session.CopySaving), failed}, "/x.mp4", false},
		"server fails first":   {[]session.Event{failed, saved(session.CopySaving)}, "/x.mp4", false},
		"not here":             {[]session.Event{lost, there}, "", true},
		"neither":              {[]session.Event{lost, failed}, "", false},
		"something else":       {[]session.Event{{Kind: session.Trouble}}, "", false},
		"not known by the end": {[]session.Event{saved(session.CopySaving)}, "", false},
	} {
		l := autoLinks{}
		var path string
		var at links.Copy
		for _, e := range c.events {
			p, a := l.next(e)
			if p != "" {
				path = p
			}
			if a.ClipID != "" {
				at = a
			}
		}
		require.Equal(t, c.path, path, name)
		require.Equal(t, name == "not known by the end", len(l) > 0, name)
		require.Equal(t, c.link, at == links.Copy{Backend: "https://a", ClipID: "one"}, name)
	}
}

// Clips of those who share with end-to-end encryption reach no server by themselves.
func TestNoLinksByThemselvesWithEncryption(t *testing.T) {
	s := config.Sharing{LinkSaved: true}
	require.False(t, linksSaved(s))
	s.BackendURL = "https://replay.example.com"
	require.True(t, linksSaved(s))
	s.Encrypt = true
	require.False(t, linksSaved(s))
}

func TestUploadsLeaveTheStreamItsPart(t *testing.T) {
	s := session.Snapshot{State: session.Buffering, Stream: session.Stream{BitrateKbps: 8000}}
	require.Zero(t, uploadLimit(s), "nothing is shared")
	s.State = session.Live
	require.Equal(t, 2000, uploadLimit(s))
	s.BitrateKbps = 0
	require.Equal(t, leastShare, uploadLimit(s))
	s.Settings.Clips.UploadKbps = 300
	require.Equal(t, 300, uploadLimit(s))
}
