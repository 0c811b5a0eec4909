package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/cmd/devstack/wait"
	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/buffers"
	"github.com/hindsight-app/hindsight/publish/backend/recorder"
	"github.com/hindsight-app/hindsight/publish/backend/rewindtest"
	"github.com/hindsight-app/hindsight/publish/backend/shelftest"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// tape is a recording of a replay, written as the embedded recorder does. Its segments are texts.
type tape struct {
	d    *desk
	rec  state.Recording
	n    int
	list string
}

// scene is a replay with watch links.
type scene struct {
	*desk
	id string
}

func newScene(t *testing.T) *scene {
	d := newDesk(t, 1)
	d.o.Replay = 20 * time.Second
	s := &scene{d, state.NewID()}
	require.NoError(t, d.DB.AddReplay(t.Context(), state.Replay{ID: s.id, Identity: "alice", Room: "den",
		Created: time.Now().Add(-time.Hour)}))
	return s
}

// tape begins a recording.
func (s *scene) tape(created time.Time) *tape {
	s.t.Helper()
	p := &tape{d: s.desk, list: "#EXTM3U\n", rec: state.Recording{ID: state.NewID(), ReplayID: s.id,
		EgressID: "EG_" + state.NewID(), VideoTrack: "TR_v", State: api.StateActive, Created: created, Began: created}}
	require.NoError(s.t, s.DB.AddRecording(s.t.Context(), p.rec))
	_, err := s.Files.NewRecording(s.t.Context(), p.rec.ID)
	require.NoError(s.t, err)
	return p
}

// add writes segments of two seconds that begin at a moment, with a header of that number.
func (p *tape) add(from time.Time, count, header int) time.Time {
	p.d.t.Helper()
	ctx := p.d.t.Context()
	p.list += fmt.Sprintf("#EXT-X-MAP:URI=\"i_%05d.mp4\"\n", header)
	require.NoError(p.d.t, p.d.Files.WriteFile(ctx, p.rec.ID, fmt.Sprintf("i_%05d.mp4", header), []byte("header")))
	for range count {
		name := fmt.Sprintf("s_%05d.m4s", p.n)
		require.NoError(p.d.t, p.d.Files.WriteFile(ctx, p.rec.ID, name, []byte(p.rec.ID+name)))
		p.list += fmt.Sprintf("#EXT-X-PROGRAM-DATE-TIME:%s\n#EXTINF:2.0,\n%s\n", from.UTC().Format(time.RFC3339Nano), name)
		from = from.Add(2 * time.Second)
		p.n++
	}
	p.write()
	return from
}

func (p *tape) write() {
	p.d.t.Helper()
	require.NoError(p.d.t, p.d.Files.WriteFile(p.d.t.Context(), p.rec.ID, recorder.Playlist, []byte(p.list)))
}

// end closes the playlist.
func (p *tape) end() {
	p.list += "#EXT-X-ENDLIST\n"
	p.write()
}

// over is the end of a recording in the database.
func (p *tape) over(at time.Time) {
	p.d.t.Helper()
	after := p.rec
	after.State, after.Ended = api.StateEnded, at
	require.NoError(p.d.t, p.d.DB.UpdateRecording(p.d.t.Context(), p.rec, after))
	p.rec = after
}

// link makes a watch link and returns its secret.
func (s *scene) link(clips api.ClipPolicy) (secret, id string) {
	s.t.Helper()
	var out api.WatchLink
	s.do(http.StatusCreated, s.alice, "POST", "/replays/"+s.id+"/links", fmt.Sprintf(`{"clips":%q}`, clips), &out)
	u, err := url.Parse(out.URL)
	require.NoError(s.t, err)
	require.True(s.t, strings.HasSuffix(u.Path, "/replays/"+s.id+"/watch"), out.URL)
	return u.Query().Get("link"), out.LinkID
}

// viewer watches through a link, from a backend at an address.
func (s *scene) viewer(base, secret string) *rewindtest.Viewer {
	return &rewindtest.Viewer{URL: base + api.Prefix + "/replays/" + s.id + "/index.m3u8?link=" + secret}
}

// look returns the playlist as it is now.
func (s *scene) look(v *rewindtest.Viewer) rewindtest.Playlist {
	s.t.Helper()
	s.views.drop(s.id)
	p, err := v.Look(s.t.Context())
	require.NoError(s.t, err)
	return p
}

// another is a second backend on the same database and files, or the first after a restart.
func (s *scene) another() *httptest.Server {
	s.t.Helper()
	other, _, _ := serve(s.t, s.Shelf)
	other.o.Replay = s.o.Replay
	server := httptest.NewServer(other.Handler())
	s.t.Cleanup(server.Close)
	return server
}

// The playlist has all recordings of a replay, and its numbers are the same after restarts, in other backends, and
// while the oldest segments and recordings go.
func TestPlaylistNumbersStay(t *testing.T) {
	s := newScene(t)
	secret, _ := s.link(api.ClipsNobody)
	begin := time.Now().Add(-40 * time.Second)
	a := s.tape(begin)
	at := a.add(begin, 5, 0)
	at = a.add(at, 3, 1) // of another size
	v := s.viewer(s.server.URL, secret)
	p := s.look(v)
	require.Empty(t, p.Entries, "older than the buffer")

	b := s.tape(at)
	at = b.add(at.Add(3*time.Second), 9, 0) // 3 s were lost
	p = s.look(v)
	require.False(t, p.Ended)
	first := p.Entries[0]
	require.GreaterOrEqual(t, first.Number, 5)
	require.Equal(t, 8+9, first.Number+len(p.Entries))
	require.Contains(t, first.Header, "?link="+secret)
	require.Equal(t, 3, p.Entries[len(p.Entries)-1].Jumps, "the header and the recording have changed")
	require.WithinDuration(t, at, p.To(), 2*time.Millisecond)
	require.Equal(t, "no-store", p.Header.Get("Cache-Control"))
	require.Equal(t, "application/vnd.apple.mpegurl", p.Header.Get("Content-Type"))

	newest := p.Entries[len(p.Entries)-1]
	body, header, err := v.Get(t.Context(), newest.URL)
	require.NoError(t, err)
	require.Equal(t, b.rec.ID+"s_00008.m4s", string(body))
	require.Equal(t, "video/mp4", header.Get("Content-Type"))
	require.Equal(t, "private, max-age=20, immutable", header.Get("Cache-Control"))
	body, _, err = v.Get(t.Context(), newest.Header)
	require.NoError(t, err)
	require.Equal(t, "header", string(body))

	// Another backend says the same of each number; here the same viewer goes back and forth.
	there, here := s.another(), v.URL
	v.URL = s.viewer(there.URL, secret).URL
	q, err := v.Look(t.Context())
	require.NoError(t, err)
	require.Equal(t, p.Entries[len(p.Entries)-1].Number, q.Entries[len(q.Entries)-1].Number)
	v.URL = here

	// What is late of the recording before is not put in between.
	a.add(begin.Add(16*time.Second), 1, 1)
	s.look(v)

	// The oldest segments are deleted, then the whole first recording: as the keeper does.
	for _, rec := range []*tape{a, b} {
		_, err := s.buffers.Prune(t.Context(), rec.rec, begin.Add(30*time.Second), s.DB.SetPruned)
		require.NoError(t, err)
	}
	a.end()
	a.over(begin.Add(19 * time.Second))
	recordings, err := s.DB.Recordings(t.Context(), s.id)
	require.NoError(t, err)
	had, err := s.buffers.Had(t.Context(), recordings[0], nil)
	require.NoError(t, err)
	require.Equal(t, state.Shown{Segments: 8, Jumps: 2, Longest: 2 * time.Second}, had)
	require.NoError(t, s.DB.CountRecording(t.Context(), a.rec.ID, had))
	s.look(v)
	s.buffers.Forget(a.rec.ID)
	require.NoError(t, s.Files.Remove(t.Context(), a.rec.ID, ""))
	s.look(v)
	require.NoError(t, s.DB.DeleteRecording(t.Context(), a.rec.ID))
	p = s.look(v)
	require.Equal(t, 16, p.Entries[len(p.Entries)-1].Number)
	v.URL = s.viewer(s.another().URL, secret).URL // one that has never seen it
	_, err = v.Look(t.Context())
	require.NoError(t, err)
	v.URL = here
	for _, e := range p.Entries {
		_, _, err := v.Get(t.Context(), e.URL)
		require.NoError(t, err, "a segment of the playlist")
	}

	// It ends when it was stopped and the recorders are done.
	require.NoError(t, s.DB.SetStopped(t.Context(), s.id, time.Now()))
	require.False(t, s.look(v).Ended)
	b.end()
	require.True(t, s.look(v).Ended)
}

// Of a pause there is nothing: no segment, whatever its number, that was begun or ended in it.
func TestPauseMakesAGap(t *testing.T) {
	s := newScene(t)
	secret, _ := s.link(api.ClipsAnyone)
	begin := time.Now().Add(-16 * time.Second)
	a := s.tape(begin)
	a.add(begin, 8, 0)
	v := s.viewer(s.server.URL, secret)
	require.Len(t, s.look(v).Entries, 8)
	pause := func(paused bool, at time.Time) {
		t.Helper()
		s.do(http.StatusNoContent, s.alice, "POST", "/replays/"+s.id+"/pause",
			fmt.Sprintf(`{"paused":%v,"at":%q}`, paused, at.UTC().Format(time.RFC3339Nano)), nil)
	}
	timeline := func() (out api.Timeline) {
		t.Helper()
		s.do(http.StatusOK, "", "GET", "/replays/"+s.id+"/timeline?link="+secret, "", &out)
		return out
	}
	require.Empty(t, timeline().Gaps)
	hidden := s.look(v).Entries[3:6]
	pause(true, begin.Add(7*time.Second))
	pause(true, begin.Add(8*time.Second)) // the same one, of which the begin is known
	fresh := s.viewer(s.server.URL, secret)
	require.Len(t, s.look(fresh).Entries, 3)
	now := timeline()
	require.True(t, now.Paused)
	require.True(t, now.Live)
	require.Equal(t, api.ClipsAnyone, now.Clips)
	require.Len(t, now.Gaps, 1)
	require.Equal(t, api.GapPaused, now.Gaps[0].Reason)
	require.WithinDuration(t, time.Now(), now.Gaps[0].To, time.Minute)
	var replay api.Replay
	s.do(http.StatusOK, s.alice, "GET", "/replays/"+s.id, "", &replay)
	require.True(t, replay.Paused)

	pause(false, begin.Add(11*time.Second))
	pause(false, begin.Add(15*time.Second)) // there is none
	p := s.look(fresh)
	require.Len(t, p.Entries, 5)
	require.Equal(t, p.Entries[2].Number+1, p.Entries[3].Number)
	require.Equal(t, p.Entries[2].Jumps+1, p.Entries[3].Jumps)
	require.WithinDuration(t, begin.Add(12*time.Second), p.Entries[3].Wall, 2*time.Millisecond)
	for _, e := range hidden {
		_, _, err := v.Get(t.Context(), e.URL)
		require.Equal(t, rewindtest.StatusError(http.StatusNotFound), err)
	}
	now = timeline()
	require.False(t, now.Paused)
	require.Len(t, now.Gaps, 1)
	require.WithinDuration(t, begin.Add(6*time.Second), now.Gaps[0].From, 2*time.Millisecond)
	require.WithinDuration(t, begin.Add(12*time.Second), now.Gaps[0].To, 2*time.Millisecond)
	other := s.viewer(s.another().URL, secret)
	q, err := other.Look(t.Context())
	require.NoError(t, err)
	require.Equal(t, p.Entries[4].Number, q.Entries[len(q.Entries)-1].Number)

	s.do(http.StatusConflict, "", "POST", "/replays/"+s.id+"/clips?link="+secret, fmt.Sprintf(`{"from":%q,"to":%q}`,
		begin.Add(7*time.Second).UTC().Format(time.RFC3339Nano), begin.Add(11*time.Second).UTC().Format(time.RFC3339Nano)),
		nil)
	const ahead = `{"paused":%v,"at":"2199-01-01T00:00:00Z"}` // of a clock that is wrong
	s.do(http.StatusNoContent, s.alice, "POST", "/replays/"+s.id+"/pause", fmt.Sprintf(ahead, true), nil)
	require.True(t, timeline().Paused)
	s.do(http.StatusBadRequest, s.alice, "POST", "/replays/"+s.id+"/pause", fmt.Sprintf(ahead, false), nil)
	require.True(t, timeline().Paused)
}

// In MPEG-TS, as LiveKit Egress writes it, program times are late by what is only known once a segment was read. The
// playlist has the times of the capture, and a pause leaves out what was captured in it.
func TestTransportStreamsHaveTheTimesOfTheCapture(t *testing.T) {
	s := &scene{desk: newDesk(t, 6)}
	s.o.Replay, s.id = time.Minute, s.Rec.ReplayID
	secret, _ := s.link(api.ClipsNobody)
	v := s.viewer(s.server.URL, secret)
	p := s.look(v)
	require.Len(t, p.Entries, 6)
	for i, e := range p.Entries {
		require.WithinDuration(t, s.Began.Add(time.Duration(i)*shelftest.SegmentLength), e.Wall, 100*time.Millisecond)
		_, header, err := v.Get(t.Context(), e.URL)
		require.NoError(t, err)
		require.Equal(t, "video/mp2t", header.Get("Content-Type"))
		require.Empty(t, e.Header)
	}
	require.NoError(t, s.DB.Pause(t.Context(), s.id, s.Began.Add(5*time.Second)))
	require.NoError(t, s.DB.Resume(t.Context(), s.id, s.Began.Add(7*time.Second)))
	p = s.look(s.viewer(s.server.URL, secret))
	require.Len(t, p.Entries, 4)
	require.WithinDuration(t, s.Began.Add(4*time.Second), p.Entries[1].End(), 100*time.Millisecond)
	require.WithinDuration(t, s.Began.Add(8*time.Second), p.Entries[2].Wall, 100*time.Millisecond)
}

// The next recording is shown once nothing can come before it anymore.
func TestRecordingsFollowEachOther(t *testing.T) {
	s := newScene(t)
	secret, _ := s.link(api.ClipsNobody)
	begin := time.Now().Add(-10 * time.Second)
	a := s.tape(begin)
	a.add(begin, 2, 0)
	b := s.tape(begin.Add(5 * time.Second))
	b.add(begin.Add(8*time.Second), 1, 0) // it has just ended
	v := s.viewer(s.server.URL, secret)
	require.Len(t, s.look(v).Entries, 2)
	a.add(begin.Add(4*time.Second), 1, 0)
	require.Len(t, s.look(v).Entries, 3)
	a.end()
	require.Len(t, s.look(v).Entries, 4)
}

// A link that is revoked, has expired or is another replay's opens nothing.
func TestWatchLinks(t *testing.T) {
	s := newScene(t)
	begin := time.Now().Add(-4 * time.Second)
	s.tape(begin).add(begin, 2, 0)
	secret, id := s.link(api.ClipsAsk)
	path := "/replays/" + s.id
	s.do(http.StatusOK, "", "GET", path+"/index.m3u8?link="+secret, "", nil)
	s.do(http.StatusOK, s.alice, "GET", path+"/index.m3u8", "", nil)
	require.NotContains(t, string(s.body(s.alice, path+"/index.m3u8")), "link=")
	s.do(http.StatusNotFound, "", "GET", path+"/index.m3u8", "", nil)
	s.do(http.StatusUnauthorized, "hs_guess", "GET", path+"/index.m3u8", "", nil)
	s.do(http.StatusNotFound, "", "GET", "/replays/"+s.Rec.ReplayID+"/index.m3u8?link="+secret, "", nil)
	var list api.WatchLinkList
	s.do(http.StatusOK, s.alice, "GET", path+"/links", "", &list)
	require.Len(t, list.Links, 1)
	require.Equal(t, id, list.Links[0].LinkID)
	require.Empty(t, list.Links[0].URL)
	require.Equal(t, "alice", list.Links[0].MadeBy)
	require.WithinDuration(t, time.Now().Add(24*time.Hour), list.Links[0].ExpiresAt, time.Minute)
	s.do(http.StatusNoContent, s.alice, "DELETE", path+"/links/"+id, "", nil)
	s.do(http.StatusNotFound, s.alice, "DELETE", path+"/links/"+id, "", nil)
	for _, call := range []string{"/index.m3u8", "/timeline", "/segments/x/y"} {
		s.do(http.StatusNotFound, "", "GET", path+call+"?link="+secret, "", nil)
	}
	_, secret, _, err := s.DB.AddWatchLink(t.Context(), s.id, "alice", api.ClipsAsk, time.Now().Add(-time.Second), 10)
	require.NoError(t, err)
	s.do(http.StatusNotFound, "", "GET", path+"/index.m3u8?link="+secret, "", nil)
	for _, bad := range []string{`{"expiresIn":1}`, `{"expiresIn":99999999}`, `{"clips":"all"}`} {
		s.do(http.StatusBadRequest, s.alice, "POST", path+"/links", bad, nil)
	}
	_, said := s.call(s.alice, "POST", path+"/links", "application/json", `{"expiresIn":1}`)
	require.Contains(t, string(said), "between 1 minute and 90 days")
	require.NoError(t, s.DB.DeleteReplay(t.Context(), s.id))
	s.do(http.StatusNotFound, "", "GET", path+"/index.m3u8?link="+secret, "", nil)
}

// When sharing has ended, its links are still listed and can be revoked. Nobody is asked for a clip anymore, for nobody
// would be there to allow it; who may clip at once still does, and the publisher hears of it.
func TestLinksOfAReplayThatHasEnded(t *testing.T) {
	s := newScene(t)
	begin := time.Now().Add(-8 * time.Second)
	p := s.tape(begin)
	p.add(begin, 4, 0)
	asks, id := s.link(api.ClipsAsk)
	anyone, _ := s.link(api.ClipsAnyone)
	path := "/replays/" + s.id
	links := func(token string) (out []api.WatchLink) {
		t.Helper()
		var list api.WatchLinkList
		s.do(http.StatusOK, token, "GET", "/watch-links", "", &list)
		return list.Links
	}
	may := func(secret string) api.ClipPolicy {
		t.Helper()
		s.views.drop(s.id)
		var line api.Timeline
		s.do(http.StatusOK, "", "GET", path+"/timeline?link="+secret, "", &line)
		return line.Clips
	}
	list := links(s.alice)
	require.Len(t, list, 2)
	require.Equal(t, []any{id, s.id, "den", false}, []any{list[0].LinkID, list[0].ReplayID, list[0].RoomName,
		list[0].Ended})
	require.Empty(t, links(s.user("bob", "*", state.Publish)), "they are alice's")
	require.Equal(t, api.ClipsAsk, may(asks))

	s.do(http.StatusOK, s.alice, "POST", "/stop", fmt.Sprintf(`{"replayId":%q}`, s.id), nil)
	require.Equal(t, []api.ClipPolicy{api.ClipsNobody, api.ClipsAnyone}, []api.ClipPolicy{may(asks), may(anyone)})
	resp, said := s.call("", "POST", path+"/clips?link="+asks, "application/json", `{"seconds":2}`)
	require.Equal(t, http.StatusConflict, resp.StatusCode)
	require.Contains(t, string(said), "the publisher no longer shares")
	var clip api.ViewerClip
	s.do(http.StatusAccepted, "", "POST", path+"/clips?link="+anyone, `{"seconds":4}`, &clip)
	var asked api.AskedList
	s.do(http.StatusOK, s.alice, "GET", path+"/asked", "", &asked)
	require.Empty(t, asked.Asked)
	require.Len(t, asked.Made, 1)
	require.Equal(t, clip.ClipID, asked.Made[0].ClipID)
	s.do(http.StatusOK, s.alice, "GET", path+"/asked?wait=1&seen="+asked.Cursor, "", &asked)

	list = links(s.alice)
	require.Len(t, list, 2)
	require.True(t, list[0].Ended && list[1].Ended)
	s.do(http.StatusNoContent, s.alice, "DELETE", path+"/links/"+id, "", nil)
	s.do(http.StatusNotFound, "", "GET", path+"/timeline?link="+asks, "", nil)
	require.Len(t, links(s.alice), 1)
}

// body is that of a GET.
func (d *desk) body(token, path string) []byte {
	d.t.Helper()
	_, body := d.call(token, "GET", path, "", "")
	return body
}

// No name leads out of what the playlist has.
func TestSegmentsAreThoseOfThePlaylist(t *testing.T) {
	s := newScene(t)
	begin := time.Now().Add(-4 * time.Second)
	a := s.tape(begin)
	a.add(begin, 2, 0)
	secret, _ := s.link(api.ClipsNobody)
	get := func(recording, name string) int {
		resp, _ := s.call("", "GET", "/replays/"+s.id+"/segments/"+recording+"/"+name+"?link="+secret, "", "")
		return resp.StatusCode
	}
	require.Equal(t, http.StatusOK, get(a.rec.ID, "s_00000.m4s"))
	for _, name := range []string{recorder.Playlist, recorder.LivePlaylist, "note.json", "s_00002.m4s", "i_00001.mp4",
		"..%2f" + s.Rec.ID + "%2fs_00000.ts", "%2e%2e", "s_00000.m4s%00", "s_00000.ts"} {
		require.Equal(t, http.StatusNotFound, get(a.rec.ID, name), name)
	}
	require.Equal(t, http.StatusNotFound, get(s.Rec.ID, "s_00000.ts"), "another replay's")
	require.Equal(t, http.StatusNotFound, get("..", "s_00000.m4s"))
}

// Who may clip is the link's; the publisher learns of a wish at once, and decides once.
func TestViewersAskForClips(t *testing.T) {
	s := newScene(t)
	begin := time.Now().Add(-8 * time.Second)
	s.tape(begin).add(begin, 4, 0)
	path := "/replays/" + s.id
	nobody, _ := s.link(api.ClipsNobody)
	s.do(http.StatusForbidden, "", "POST", path+"/clips?link="+nobody, `{"seconds":2}`, nil)
	secret, link := s.link(api.ClipsAsk)

	listed := make(chan api.AskedList, 1)
	go func() {
		var list api.AskedList
		_ = json.Unmarshal(s.body(s.alice, path+"/asked?wait=25"), &list)
		listed <- list
	}()
	ask := func(status int, body string) (out api.ViewerClip) {
		t.Helper()
		s.do(status, "", "POST", path+"/clips?link="+secret, body, &out)
		return out
	}
	is := func(id string) (out api.ViewerClip) {
		t.Helper()
		s.do(http.StatusOK, "", "GET", path+"/clips/"+id+"?link="+secret, "", &out)
		return out
	}
	from, to := begin.Add(time.Second).UTC(), begin.Add(4*time.Second).UTC()
	goal := "a 👩‍👩‍👧‍👦 " + strings.Repeat("会", api.MaxTitle-14)
	body := fmt.Sprintf(`{"from":%q,"to":%q,"title":"\u202ea\u0007 👩‍👩‍👧‍👦\n%s"}`, from.Format(time.RFC3339Nano),
		to.Format(time.RFC3339Nano), strings.Repeat("会", 200))
	one := ask(http.StatusAccepted, body)
	require.Equal(t, api.ViewerClipAsked, one.State)
	require.Equal(t, goal, one.Title, "what fits of it is kept")
	list := <-listed
	require.Len(t, list.Asked, 1)
	require.Equal(t, one.ClipID, list.Asked[0].ClipID)
	require.Equal(t, goal, list.Asked[0].Title)
	require.Equal(t, "a viewer of link "+link, list.Asked[0].By)
	require.True(t, from.Equal(list.Asked[0].From) && to.Equal(list.Asked[0].To))
	var replay api.Replay
	s.do(http.StatusOK, s.alice, "GET", path, "", &replay)
	require.Equal(t, list.Asked, replay.Asked)
	_, err := s.DB.Clip(t.Context(), one.ClipID)
	require.ErrorIs(t, err, state.ErrNotFound, "a clip before it is allowed")

	s.do(http.StatusNotFound, "", "GET", path+"/clips/"+one.ClipID+"?link="+nobody, "", nil)
	s.do(http.StatusNoContent, s.alice, "POST", path+"/clips/"+one.ClipID+"/allow", "", nil)
	s.do(http.StatusNoContent, s.alice, "POST", path+"/clips/"+one.ClipID+"/allow", "", nil)
	s.do(http.StatusConflict, s.alice, "POST", path+"/clips/"+one.ClipID+"/deny", "", nil)
	require.Equal(t, api.ViewerClipWaiting, is(one.ClipID).State)
	clip, err := s.DB.Clip(t.Context(), one.ClipID)
	require.NoError(t, err)
	require.Equal(t, "alice", clip.Identity)
	require.True(t, from.Equal(clip.Start()) && to.Equal(clip.Pressed))
	clip.State, clip.From, clip.To, clip.Bytes = api.ClipReady, from, to, 1
	require.NoError(t, s.DB.FinishClip(t.Context(), clip))
	ready := is(one.ClipID)
	require.Equal(t, api.ViewerClipReady, ready.State)
	require.Equal(t, ready, is(one.ClipID), "another link at the second look")
	s.do(http.StatusOK, "", "GET", ready.URL, "", nil)
	var clips api.ClipList
	s.do(http.StatusOK, s.alice, "GET", "/clips", "", &clips)
	require.Equal(t, "a viewer of link "+link, clips.Clips[0].RequestedBy)
	require.Equal(t, goal, clips.Clips[0].Title)
	var links api.LinkList
	s.do(http.StatusOK, s.alice, "GET", "/clips/"+one.ClipID+"/links", "", &links)
	require.Len(t, links.Links, 1)
	s.do(http.StatusNoContent, s.alice, "DELETE", "/clips/"+one.ClipID+"/links/"+links.Links[0].LinkID, "", nil)
	s.do(http.StatusNotFound, "", "GET", ready.URL, "", nil)
	require.Empty(t, is(one.ClipID).URL, "a link that is revoked")

	two := ask(http.StatusAccepted, `{"seconds":3}`)
	s.do(http.StatusNoContent, s.alice, "POST", path+"/clips/"+two.ClipID+"/deny", "", nil)
	s.do(http.StatusConflict, s.alice, "POST", path+"/clips/"+two.ClipID+"/allow", "", nil)
	require.Equal(t, api.ViewerClipFailed, is(two.ClipID).State)
	require.Contains(t, is(two.ClipID).Reason, "no")

	// One that nobody has decided about in time.
	late := state.Ask{ID: state.NewID(), ReplayID: s.id, LinkID: link, State: state.Asked, From: from, To: to,
		Created: time.Now().Add(-(api.AskSeconds + 1) * time.Second)}
	_, err = s.DB.AddAsk(t.Context(), late, 10, 9)
	require.NoError(t, err)
	require.Equal(t, api.ViewerClipFailed, is(late.ID).State)
	require.Contains(t, is(late.ID).Reason, "not replied")
	s.do(http.StatusConflict, s.alice, "POST", path+"/clips/"+late.ID+"/allow", "", nil)
	s.do(http.StatusOK, s.alice, "GET", path+"/asked", "", &list)
	require.Empty(t, list.Asked)

	for _, bad := range []string{`{}`, `{"seconds":0.5}`, `{"seconds":21}`, `{"from":"2026-01-01T00:00:00Z"}`,
		`{"seconds":2,"from":"2026-01-01T00:00:00Z","to":"2026-01-01T00:00:02Z"}`,
		`{"from":"2199-01-01T00:00:00Z","to":"2199-01-01T00:00:02Z"}`} {
		ask(http.StatusBadRequest, bad)
	}
	ask(http.StatusAccepted, `{"seconds":3}`)
	ask(http.StatusAccepted, `{"seconds":3}`)
	ask(http.StatusTooManyRequests, `{"seconds":3}`)

	// With anyone there is no question; a user who may only see asks, the owner does not.
	anyone, _ := s.link(api.ClipsAnyone)
	var got api.ViewerClip
	s.do(http.StatusAccepted, "", "POST", path+"/clips?link="+anyone, `{"seconds":2}`, &got)
	require.Equal(t, api.ViewerClipWaiting, got.State)
	bob := s.user("bob", "*", state.View)
	s.do(http.StatusAccepted, bob, "POST", path+"/clips", `{"seconds":2}`, &got)
	require.Equal(t, api.ViewerClipAsked, got.State)
	s.do(http.StatusOK, bob, "GET", path+"/clips/"+got.ClipID, "", &got)
	s.do(http.StatusAccepted, s.alice, "POST", path+"/clips", `{"seconds":2}`, &got)
	require.Equal(t, api.ViewerClipWaiting, got.State)
}

// Fifty viewers of one playlist through one address all get all of it, each header and byte as it should be.
func TestFiftyViewers(t *testing.T) {
	s := newScene(t)
	s.limiter = newLimiter(20) // as it comes
	begin := time.Now().Add(-10 * time.Second)
	a := s.tape(begin)
	at := a.add(begin, 5, 0)
	secret, _ := s.link(api.ClipsNobody)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}}
	defer client.CloseIdleConnections()
	errs := make(chan error, 50)
	for range 50 {
		v := s.viewer(s.server.URL, secret)
		v.Client = client
		go func() { errs <- watchAll(t, v, a, 8) }()
	}
	for range 3 {
		at = a.add(at, 1, 0)
	}
	for range 50 {
		require.NoError(t, <-errs)
	}
}

// watchAll plays until it has so many segments of a tape.
func watchAll(t *testing.T, v *rewindtest.Viewer, a *tape, count int) error {
	got := map[int]bool{}
	var trouble error
	ok := wait.Slowly(time.Minute, func() bool {
		p, err := v.Look(t.Context())
		if trouble = err; err != nil {
			return true
		}
		for _, e := range p.Entries {
			if got[e.Number] {
				continue
			}
			body, header, err := v.Get(t.Context(), e.URL)
			if want := fmt.Sprintf("%ss_%05d.m4s", a.rec.ID, e.Number); err == nil && string(body) != want {
				err = fmt.Errorf("segment %d is %q", e.Number, body)
			}
			if err == nil && (header.Get("Cache-Control") != "private, max-age=20, immutable" ||
				p.Header.Get("Cache-Control") != "no-store") {
				err = fmt.Errorf("headers are %v and %v", header, p.Header)
			}
			if trouble = err; err != nil {
				return true
			}
			got[e.Number] = true
		}
		return len(got) == count
	})
	if !ok {
		return fmt.Errorf("only %d of %d segments came", len(got), count)
	}
	return trouble
}

// Where the storage is nearly full no clip is made: not a viewer's, not one that the publisher allows, and not one that
// the publisher saves.
func TestNoClipsWithoutSpace(t *testing.T) {
	s := newScene(t)
	begin := time.Now().Add(-8 * time.Second)
	s.tape(begin).add(begin, 4, 0)
	asks, _ := s.link(api.ClipsAsk)
	anyone, _ := s.link(api.ClipsAnyone)
	path := "/replays/" + s.id + "/clips"
	var asked api.ViewerClip
	s.do(http.StatusAccepted, "", "POST", path+"?link="+asks, `{"seconds":2}`, &asked)
	s.o.Space = buffers.Space{Storage: s.Files, Reserve: 1 << 62}
	for _, call := range []struct{ token, path, body, says string }{
		{"", path + "?link=" + asks, `{"seconds":2}`, `nearly full, so it makes no clips now"`},
		{"", path + "?link=" + anyone, `{"seconds":2}`, `nearly full, so it makes no clips now"`},
		{s.alice, path + "/" + asked.ClipID + "/allow", "", "delete clips"},
		{s.alice, "/save", fmt.Sprintf(`{"replayId":%q,"seconds":2}`, s.id), "delete clips"},
	} {
		resp, said := s.call(call.token, "POST", call.path, "application/json", call.body)
		require.Equal(t, http.StatusInsufficientStorage, resp.StatusCode, "%s: %s", call.path, said)
		require.Contains(t, string(said), call.says)
	}
	s.o.Space = buffers.Space{Storage: s.Files}
	s.do(http.StatusNoContent, s.alice, "POST", path+"/"+asked.ClipID+"/allow", "", nil)
}

// What the viewers with one link may have kept in an hour is bounded, and they read when there is more; other links and
// those with a token clip on.
func TestLinksMakeOnlySoManyClips(t *testing.T) {
	s := newScene(t)
	s.clipLimiter = newLimiter(0)
	s.o.Replay = time.Minute
	begin := time.Now().Add(-time.Minute)
	s.tape(begin).add(begin, 30, 0)
	used, id := s.link(api.ClipsAnyone)
	other, _ := s.link(api.ClipsAnyone)
	path := "/replays/" + s.id + "/clips"
	clip := fmt.Sprintf(`{"from":%q,"to":%q}`, begin.Add(6*time.Second).UTC().Format(time.RFC3339Nano),
		begin.Add(time.Minute).UTC().Format(time.RFC3339Nano))
	now := time.Now().UTC()
	for _, ago := range []time.Duration{2 * time.Hour, 50 * time.Minute, 40 * time.Minute, 30 * time.Minute} {
		a := state.Ask{ID: state.NewID(), ReplayID: s.id, LinkID: id, State: state.Allowed, From: now.Add(-54 * time.Second),
			To: now, Created: now.Add(-ago)}
		ok, err := s.DB.AddAsk(t.Context(), a, 9, 9)
		require.NoError(t, err)
		require.True(t, ok)
	}
	resp, said := s.call("", "POST", path+"?link="+used, "application/json", clip)
	require.Equal(t, http.StatusTooManyRequests, resp.StatusCode, "%s", said)
	require.Contains(t, string(said), "; try again in ")
	after, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	require.NoError(t, err)
	require.InDelta(t, 600, after, 300)
	s.do(http.StatusAccepted, "", "POST", path+"?link="+used, `{"seconds":5}`, nil)
	s.do(http.StatusAccepted, "", "POST", path+"?link="+other, clip, nil)
	s.do(http.StatusAccepted, s.alice, "POST", path, clip, nil)
}

// The link to a clip is for who has asked for it: a publisher who looks first does not take it.
func TestWhoAsksGetsTheLink(t *testing.T) {
	s := newScene(t)
	begin := time.Now().Add(-8 * time.Second)
	s.tape(begin).add(begin, 4, 0)
	secret, _ := s.link(api.ClipsAnyone)
	path := "/replays/" + s.id + "/clips"
	finished := func(token, query string) string {
		t.Helper()
		var asked api.ViewerClip
		s.do(http.StatusAccepted, token, "POST", path+query, `{"seconds":2}`, &asked)
		clip, err := s.DB.Clip(t.Context(), asked.ClipID)
		require.NoError(t, err)
		clip.State, clip.From, clip.To, clip.Bytes = api.ClipReady, clip.Start(), clip.Pressed, 1
		require.NoError(t, s.DB.FinishClip(t.Context(), clip))
		return path + "/" + clip.ID
	}
	look := func(token, address string) (out api.ViewerClip) {
		t.Helper()
		s.do(http.StatusOK, token, "GET", address, "", &out)
		require.Equal(t, api.ViewerClipReady, out.State)
		return out
	}
	viewers, boss := finished("", "?link="+secret), s.user("boss", "*", state.Manage)
	require.Empty(t, look(s.alice, viewers).URL)
	require.Empty(t, look(boss, viewers).URL)
	s.do(http.StatusOK, "", "GET", look("", viewers+"?link="+secret).URL, "", nil)
	managers := finished(boss, "")
	require.Empty(t, look(s.alice, managers).URL)
	s.o.JWT = provider{"twin": {Identity: "boss", Issuer: "https://id.example.com", ID: "1", Rooms: "*",
		Scopes: []state.Scope{state.Manage}}}
	require.Empty(t, look("twin", managers).URL, "who only has the same name")
	s.do(http.StatusOK, "", "GET", look(boss, managers).URL, "", nil)
}

// Those with one link leave room for others to ask.
func TestOneLinkDoesNotFillTheQuestions(t *testing.T) {
	s := newScene(t)
	begin := time.Now().Add(-8 * time.Second)
	s.tape(begin).add(begin, 4, 0)
	path := "/replays/" + s.id + "/clips?link="
	loud, _ := s.link(api.ClipsAsk)
	calm, _ := s.link(api.ClipsAsk)
	for range maxAsksEach {
		s.do(http.StatusAccepted, "", "POST", path+loud, `{"seconds":2}`, nil)
	}
	s.do(http.StatusTooManyRequests, "", "POST", path+loud, `{"seconds":2}`, nil)
	s.do(http.StatusAccepted, "", "POST", path+calm, `{"seconds":2}`, nil)
}
