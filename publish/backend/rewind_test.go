package backend_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/rewindtest"
	"github.com/hindsight-app/hindsight/publish/client"
)

// rewinds makes a watch link to a replay, and a viewer who has it.
func (b *bench) rewinds(replay string, clips api.ClipPolicy) *rewindtest.Viewer {
	b.Helper()
	link, err := b.client.CreateWatchLink(b.ctx, replay, 0, clips)
	require.NoError(b, err)
	require.Contains(b, link.URL, "/replays/"+replay+"/watch?link=")
	return &rewindtest.Viewer{URL: strings.Replace(link.URL, "/watch?", "/index.m3u8?", 1)}
}

// at has a viewer use the backend that runs now.
func (b *bench) at(v *rewindtest.Viewer) {
	b.Helper()
	u, err := url.Parse(v.URL)
	require.NoError(b, err)
	v.URL = b.backend.URL + u.RequestURI()
}

// looks wants a playlist that agrees with all that the viewer has seen of it before.
func (b *bench) looks(v *rewindtest.Viewer) rewindtest.Playlist {
	b.Helper()
	p, err := v.Look(b.ctx)
	require.NoError(b, err)
	return p
}

// shows waits until viewers see a moment.
func (b *bench) shows(v *rewindtest.Viewer, t time.Time) (p rewindtest.Playlist) {
	b.Helper()
	b.eventually(90*time.Second, "viewers see it", func() bool {
		p = b.looks(v)
		return p.To().After(t)
	})
	return p
}

// plays fetches everything of a playlist: MPEG-TS, or fragmented MP4 with headers.
func (b *bench) plays(v *rewindtest.Viewer, p rewindtest.Playlist, kind string) (seconds float64) {
	b.Helper()
	require.NotEmpty(b, p.Entries)
	require.Equal(b, "no-store", p.Header.Get("Cache-Control"))
	for _, e := range p.Entries {
		body, header, err := v.Get(b.ctx, e.URL)
		require.NoError(b, err, e.URL)
		require.Equal(b, kind, header.Get("Content-Type"))
		require.Regexp(b, `^private, max-age=\d+, immutable$`, header.Get("Cache-Control"))
		if kind == "video/mp2t" {
			require.Equal(b, byte(0x47), body[0])
			require.Zero(b, len(body)%188)
		} else {
			require.Equal(b, "moof", string(body[4:8]))
			header, _, err := v.Get(b.ctx, e.Header)
			require.NoError(b, err)
			require.True(b, bytes.Contains(header, []byte("avcC")), "the header has no parameter sets")
		}
		seconds += e.Duration.Seconds()
	}
	return seconds
}

// viewerClip asks for a clip as a viewer does, and waits for it.
func (b *bench) viewerClip(v *rewindtest.Viewer, from, to time.Time) (api.Clip, string) {
	b.Helper()
	body, err := json.Marshal(api.ViewerClipRequest{From: &from, To: &to, Title: "seen"})
	require.NoError(b, err)
	resp, err := http.Post(strings.Replace(v.URL, "/index.m3u8", "/clips", 1), "application/json", bytes.NewReader(body))
	require.NoError(b, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(b, err)
	require.Equal(b, http.StatusAccepted, resp.StatusCode, "%s", text)
	var clip api.ViewerClip
	require.NoError(b, json.Unmarshal(text, &clip))
	b.eventually(time.Minute, "the viewer's clip", func() bool {
		text, _, err := v.Get(b.ctx, strings.Replace(v.URL, "/index.m3u8", "/clips/"+clip.ClipID, 1))
		require.NoError(b, err)
		require.NoError(b, json.Unmarshal(text, &clip))
		require.NotEqual(b, api.ViewerClipFailed, clip.State, clip.Reason)
		return clip.State == api.ViewerClipReady
	})
	page, _, err := v.Get(b.ctx, clip.URL)
	require.NoError(b, err)
	require.Contains(b, string(page), "seen")
	return b.download(clip.ClipID)
}

// ffmpeg plays a whole playlist that has ended.
func (b *bench) ffmpegPlays(v *rewindtest.Viewer) {
	b.Helper()
	out, err := exec.CommandContext(b.ctx, "ffmpeg", "-v", "error", "-nostdin", "-i", v.URL, "-map", "0:v", "-map", "0:a",
		"-c", "copy", "-f", "null", "-").CombinedOutput()
	require.NoError(b, err, "%s", out)
}

// Without Egress viewers rewind what the backend has recorded by itself, over a kill of it, and nothing of a pause; a
// clip of theirs has exactly the frames from when to when they asked.
func TestRewindWithoutEgress(t *testing.T) {
	b := newBench(t, with{alone: true})
	pub := b.publish("den")
	replay := b.share(pub, "", 10)
	v := b.rewinds(replay, api.ClipsAnyone)
	p := b.shows(v, time.Now().Add(-3*time.Second))
	require.InDelta(t, p.To().Sub(p.Entries[0].Wall).Seconds(), b.plays(v, p, "video/mp4"), 0.5)
	to := p.To().Add(-300 * time.Millisecond)
	clip, file := b.viewerClip(v, to.Add(-4*time.Second), to)
	b.checkClip(clip, file, 4, pub, "opus", sharp)
	// A frame that is due within a millisecond opens the clip.
	require.WithinDuration(t, to.Add(-4*time.Second), *clip.From, 2*time.Millisecond)
	require.Contains(t, clip.RequestedBy, "a viewer of link ")
	require.Equal(t, "seen", clip.Title)

	paused := time.Now()
	require.NoError(t, b.client.Pause(b.ctx, replay, true, paused))
	hidden := b.looks(v)
	b.eventually(time.Minute, "something is stored in the pause", func() bool {
		return b.landed(replay).After(paused.Add(3 * time.Second))
	})
	require.Equal(t, hidden.Entries, b.looks(v).Entries)
	resumed := time.Now()
	require.NoError(t, b.client.Pause(b.ctx, replay, false, resumed))
	p = b.shows(v, resumed.Add(time.Second))
	for _, e := range p.Entries {
		require.True(t, !e.End().After(paused.Add(20*time.Millisecond)) || !e.Wall.Before(resumed.Add(
			-20*time.Millisecond)), "%v to %v", e.Wall, e.End())
	}
	line, err := b.client.Timeline(b.ctx, replay)
	require.NoError(t, err)
	require.True(t, line.Live)
	require.Len(t, line.Gaps, 1)
	require.Equal(t, api.GapPaused, line.Gaps[0].Reason)
	clip, _ = b.viewerClip(v, paused.Add(-3*time.Second), p.To())
	require.Len(t, clip.Gaps, 1)
	require.False(t, clip.Gaps[0].From.After(paused.Add(20*time.Millisecond)))
	require.False(t, clip.Gaps[0].To.Before(resumed.Add(-20*time.Millisecond)))

	b.killBackend()
	b.at(v)
	b.eventually(60*time.Second, "the recording of the killed backend is over", func() bool {
		b.looks(v)
		r, err := b.client.Replay(b.ctx, replay)
		require.NoError(t, err)
		return r.State == api.StateEnded
	})
	b.share(pub, replay, 4)
	p = b.shows(v, time.Now().Add(-4*time.Second))
	require.Contains(t, reasons(b, replay), api.GapLost)
	b.plays(v, p, "video/mp4")
	b.asksPublisher(replay)
	_, err = b.client.Stop(b.ctx, api.StopRequest{ReplayID: replay})
	require.NoError(t, err)
	b.eventually(time.Minute, "the playlist ends", func() bool { return b.looks(v).Ended })
	b.ffmpegPlays(v)
}

// asksPublisher has a viewer ask for two clips, of which the publisher allows one, and loses the link then.
func (b *bench) asksPublisher(replay string) {
	b.Helper()
	v := b.rewinds(replay, api.ClipsAsk)
	ask := func() {
		resp, err := http.Post(strings.Replace(v.URL, "/index.m3u8", "/clips", 1), "application/json",
			strings.NewReader(`{"seconds":2}`))
		require.NoError(b, err)
		require.NoError(b, resp.Body.Close())
		require.Equal(b, http.StatusAccepted, resp.StatusCode)
	}
	is := func(clip string) (out api.ViewerClip) {
		text, _, err := v.Get(b.ctx, strings.Replace(v.URL, "/index.m3u8", "/clips/"+clip, 1))
		require.NoError(b, err)
		require.NoError(b, json.Unmarshal(text, &out))
		return out
	}
	ask()
	list, err := b.client.Asked(b.ctx, replay, "", time.Minute)
	require.NoError(b, err)
	require.Len(b, list.Asked, 1)
	allowed := list.Asked[0].ClipID
	require.Equal(b, api.ViewerClipAsked, is(allowed).State)
	require.NoError(b, b.client.AllowClip(b.ctx, replay, allowed))
	b.eventually(time.Minute, "the clip that was allowed", func() bool {
		return is(allowed).State == api.ViewerClipReady
	})
	ask()
	list, err = b.client.Asked(b.ctx, replay, list.Cursor, time.Minute)
	require.NoError(b, err)
	require.Len(b, list.Asked, 1)
	require.NoError(b, b.client.DenyClip(b.ctx, replay, list.Asked[0].ClipID))
	require.ErrorIs(b, b.client.AllowClip(b.ctx, replay, list.Asked[0].ClipID), client.ErrInvalid)
	require.Equal(b, api.ViewerClipFailed, is(list.Asked[0].ClipID).State)
	links, err := b.client.WatchLinks(b.ctx, replay)
	require.NoError(b, err)
	require.NoError(b, b.client.RevokeWatchLink(b.ctx, replay, links.Links[len(links.Links)-1].LinkID))
	_, err = v.Look(b.ctx)
	require.Equal(b, rewindtest.StatusError(http.StatusNotFound), err)
}

// reasons are why a replay has gaps.
func reasons(b *bench, replay string) (out []api.GapReason) {
	b.Helper()
	line, err := b.client.Timeline(b.ctx, replay)
	require.NoError(b, err)
	for _, g := range line.Gaps {
		out = append(out, g.Reason)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
