package web

import (
	"bytes"
	"context"
	"encoding/json"
	"image/jpeg"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/archive"
	"github.com/hindsight-app/hindsight/publish/backend/buffers"
	"github.com/hindsight-app/hindsight/publish/backend/leases"
	"github.com/hindsight-app/hindsight/publish/backend/poster"
	"github.com/hindsight-app/hindsight/publish/backend/recorder"
	"github.com/hindsight-app/hindsight/publish/backend/shelftest"
	"github.com/hindsight-app/hindsight/publish/backend/state"
	"github.com/hindsight-app/hindsight/publish/backend/uploads"
)

// desk is a shelf behind HTTP, with users and without a keeper.
type desk struct {
	*Server
	*shelftest.Shelf
	t       *testing.T
	buffers *buffers.Buffers
	archive *archive.Archive
	server  *httptest.Server
	alice   string // user tokens' secrets
	header  map[string]string
}

// resting is a keeper that does nothing.
type resting struct{}

func (resting) Nudge()                                  {}
func (resting) Notify(context.Context, recorder.Status) {}

// serve has calls on a shelf.
func serve(t testing.TB, on *shelftest.Shelf) (*Server, *buffers.Buffers, *archive.Archive) {
	log := slog.Default()
	stored := buffers.New(on.Files, 0)
	stored.Kept = on.DB
	files := &archive.Archive{State: on.DB, Clips: on.Files, Replays: on.Files, Jobs: on.Files, Log: log}
	leased := leases.New(on.DB, log)
	sent, err := uploads.New(uploads.Options{Work: t.TempDir(), MaxOpen: 1000}, uploads.Parts{State: on.DB,
		Files: on.Files, Space: buffers.Space{Storage: on.Files}, Leases: leased, Archive: files, Log: log, Audit: log,
		Metrics: prometheus.NewRegistry()})
	require.NoError(t, err)
	t.Cleanup(sent.Close)
	s := New(Options{Replay: 10 * time.Second}, Parts{State: on.DB, Tokens: on.Fake, Recorder: on.Fake,
		JobRecorder: on.Fake, Storage: on.Files, Clips: on.Files, JobFiles: on.Files, Buffers: stored,
		Space: buffers.Space{Storage: on.Files}, Leases: leased, Archive: files, Uploads: sent, Keeper: resting{}, Log: log,
		Audit: log, Metrics: prometheus.NewRegistry()})
	return s, stored, files
}

func newDesk(t *testing.T, count int) *desk {
	d := &desk{Shelf: shelftest.New(t, count, time.Now().Add(-time.Duration(count)*shelftest.SegmentLength)), t: t}
	d.Server, d.buffers, d.archive = serve(t, d.Shelf)
	d.server = httptest.NewServer(d.Handler())
	t.Cleanup(d.server.Close)
	d.o.BaseURL = d.server.URL
	d.alice = d.user("alice", "*", state.Publish)
	return d
}

func (d *desk) user(identity, rooms string, scopes ...state.Scope) string {
	d.t.Helper()
	_, secret, err := d.DB.CreateToken(d.t.Context(), identity, rooms, scopes...)
	require.NoError(d.t, err)
	return secret
}

// call makes a call below the prefix and returns status and body.
func (d *desk) call(token, method, path, kind, body string) (*http.Response, []byte) {
	d.t.Helper()
	target := path
	if strings.HasPrefix(path, "/") {
		target = d.server.URL + api.Prefix + path
	}
	req, err := http.NewRequestWithContext(d.t.Context(), method, target, strings.NewReader(body))
	require.NoError(d.t, err)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	for key, value := range d.header {
		req.Header.Set(key, value)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(d.t, err)
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	require.NoError(d.t, err)
	described(d.t, resp, out)
	return resp, out
}

// do wants a status and decodes the answer.
func (d *desk) do(status int, token, method, path, body string, out any) {
	d.t.Helper()
	kind := ""
	if body != "" {
		kind = "application/json"
	}
	resp, answer := d.call(token, method, path, kind, body)
	require.Equal(d.t, status, resp.StatusCode, "%s %s: %s", method, path, answer)
	if out != nil {
		require.NoError(d.t, json.Unmarshal(answer, out))
	}
}

// clip cuts a clip of alice's in room den.
func (d *desk) clip(seconds int) state.Clip {
	d.t.Helper()
	ctx := d.t.Context()
	segments, _, err := d.buffers.Segments(ctx, d.Rec)
	require.NoError(d.t, err)
	c := d.Order(d.t, "alice", time.Duration(seconds)*time.Second, segments[d.Count-1].To, time.Now().UTC())
	segments = slices.DeleteFunc(segments, func(s buffers.Segment) bool { return !s.To.After(c.Start()) })
	made, err := (&buffers.Remuxer{Storage: d.Files, Clips: d.Files}).Cut(ctx, c, segments)
	require.NoError(d.t, err)
	c.State, c.From, c.To, c.Bytes = api.ClipReady, made.From, made.To, made.Bytes
	require.NoError(d.t, d.DB.FinishClip(ctx, c))
	c, err = d.DB.Clip(ctx, c.ID)
	require.NoError(d.t, err)
	return c
}

// The marks of a save become chapters, as far as they are in the clip, and its title that of the clip.
func TestMarksBecomeChapters(t *testing.T) {
	d := newDesk(t, 3)
	pressed := time.Now().UTC()
	req := api.SaveRequest{ReplayID: d.Rec.ReplayID, Seconds: 4, PressedAt: &pressed, Title: "The match",
		Marks: []api.Mark{
			{At: pressed.Add(-5 * time.Second), Title: "before"}, {At: pressed.Add(-3 * time.Second), Title: "a goal"},
			{At: pressed.Add(time.Second), Title: "after"}}}
	send := func(status int, out any) {
		body, err := json.Marshal(req)
		require.NoError(t, err)
		d.do(status, d.alice, "POST", "/save", string(body), out)
	}
	var saved api.SaveResponse
	send(202, &saved)
	var got api.Clip
	d.do(200, d.alice, "GET", "/clips/"+saved.ClipID, "", &got)
	require.Equal(t, []api.Chapter{{Seconds: 1, Title: "a goal"}}, got.Chapters)
	require.Equal(t, "The match", got.Title)
	req.Title, req.Marks[1].Title = " "+strings.Repeat("ä", api.MaxTitle+1), "a\x07"
	send(202, &saved)
	d.do(200, d.alice, "GET", "/clips/"+saved.ClipID, "", &got)
	require.Equal(t, strings.Repeat("ä", api.MaxTitle), got.Title, "what fits of it is kept")
	require.Equal(t, []api.Chapter{{Seconds: 1, Title: "a"}}, got.Chapters)
	req.Marks = make([]api.Mark, api.MaxMarks+1)
	send(400, nil)
}

// What the owner saves for a viewer in the room is the viewer's, which leaves out what was paused; what others save is
// theirs, whomever they name.
func TestSaveForAViewer(t *testing.T) {
	d := newDesk(t, 3)
	boss := d.user("boss", "*", state.Manage)
	for _, c := range []struct{ token, by, want string }{
		{d.alice, "", ""}, {d.alice, " carol\a", "carol"}, {d.alice, "\a", "a viewer"}, {boss, "carol", "boss"},
	} {
		body, err := json.Marshal(api.SaveRequest{ReplayID: d.Rec.ReplayID, Seconds: 4, RequestedBy: c.by})
		require.NoError(t, err)
		var saved api.SaveResponse
		d.do(202, c.token, "POST", "/save", string(body), &saved)
		clip, err := d.DB.Clip(t.Context(), saved.ClipID)
		require.NoError(t, err)
		require.Equal(t, c.want, clip.Asker, "%+v", c)
	}
}

// A link shows its clip to anybody, with poster, download and ranges, until it is revoked.
func TestLinkShowsTheClip(t *testing.T) {
	d := newDesk(t, 3)
	clip := d.clip(4)
	var link api.Link
	d.do(201, d.alice, "POST", "/clips/"+clip.ID+"/links", `{"expiresIn":3600}`, &link)
	require.WithinDuration(t, time.Now().Add(time.Hour), link.ExpiresAt, time.Minute)
	require.Contains(t, link.URL, d.server.URL+api.Prefix+"/watch/")

	resp, page := d.call("", "GET", link.URL, "", "")
	require.Equal(t, 200, resp.StatusCode)
	require.Equal(t, "text/html; charset=utf-8", resp.Header.Get("Content-Type"))
	require.Equal(t, "no-referrer", resp.Header.Get("Referrer-Policy"))
	require.Contains(t, resp.Header.Get("Content-Security-Policy"), "default-src 'none'")
	require.Contains(t, string(page), `property="og:video" content="`+link.URL+`/video"`)
	require.NotContains(t, string(page), "og:image", "there is no poster yet")
	require.NotContains(t, string(page), "<script")

	resp, video := d.call("", "GET", link.URL+"/video", "", "")
	require.Equal(t, 200, resp.StatusCode)
	require.Equal(t, clip.Bytes, int64(len(video)))
	require.Contains(t, resp.Header.Get("Content-Disposition"), "inline")
	d.oneRange(link.URL+"/video", video)
	resp, _ = d.call("", "GET", link.URL+"/video?download=1", "", "")
	require.Contains(t, resp.Header.Get("Content-Disposition"), "attachment")

	resp, answer := d.call(d.alice, "PUT", "/clips/"+clip.ID+"/poster", "image/jpeg",
		shelftest.JPEG(t, 320, 180)+"<script>")
	require.Equal(t, 204, resp.StatusCode, "%s", answer)
	_, page = d.call("", "GET", link.URL, "", "")
	require.Contains(t, string(page), `property="og:image" content="`+link.URL+`/poster.jpg"`)
	resp, image := d.call("", "GET", link.URL+"/poster.jpg", "", "")
	require.Equal(t, "image/jpeg", resp.Header.Get("Content-Type"))
	require.NotContains(t, string(image), "<script>", "what followed the image is served")
	size, err := jpeg.DecodeConfig(bytes.NewReader(image))
	require.NoError(t, err)
	require.Equal(t, 320, size.Width)

	var list api.LinkList
	d.do(200, d.alice, "GET", "/clips/"+clip.ID+"/links", "", &list)
	require.True(t, list.Links[0].IsAt(link.URL))
	require.False(t, list.Links[0].IsAt(link.URL+"x"))
	require.Len(t, list.Links, 1)
	require.Empty(t, list.Links[0].URL, "the secret is told twice")
	d.do(204, d.alice, "DELETE", "/clips/"+clip.ID+"/links/"+link.LinkID, "", nil)
	for _, part := range []string{"", "/video", "/poster.jpg"} {
		resp, _ = d.call("", "GET", link.URL+part, "", "")
		require.Equal(t, 404, resp.StatusCode, part)
	}
	resp, page = d.call("", "GET", "/watch/"+strings.Repeat("a", 26), "", "")
	require.Equal(t, 404, resp.StatusCode)
	require.Contains(t, string(page), "This link doesn't work")
	require.NotContains(t, string(page), "alice")
}

// oneRange wants one range to be sent, and several to be ignored.
func (d *desk) oneRange(url string, whole []byte) {
	d.t.Helper()
	for ranges, want := range map[string][]byte{"bytes=2-9": whole[2:10], "bytes=-4": whole[len(whole)-4:],
		"bytes=0-0" + strings.Repeat(",5-5", 5500): whole, "bytes=0-0, 2-2": whole} {
		req, err := http.NewRequestWithContext(d.t.Context(), "GET", url, nil)
		require.NoError(d.t, err)
		req.Header.Set("Range", ranges)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(d.t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(d.t, err)
		require.NoError(d.t, resp.Body.Close())
		require.Equal(d.t, want, body)
		require.Equal(d.t, len(want) == len(whole), resp.StatusCode == http.StatusOK)
	}
}

// A poster is a JPEG of a size that can be looked at; anything else is refused and nothing is kept.
func TestPostersAreChecked(t *testing.T) {
	d := newDesk(t, 2)
	clip := d.clip(2)
	whole := shelftest.JPEG(t, 64, 36)
	for name, body := range map[string]string{"empty": "", "text": "hello", "half": whole[:len(whole)/2],
		"tiny": shelftest.JPEG(t, 8, 8),
		"wide": shelftest.JPEG(t, 5000, 16), "huge": strings.Repeat(whole, 1+poster.MaxBytes/len(whole)),
		"PNG": "\x89PNG\r\n\x1a\n"} {
		resp, answer := d.call(d.alice, "PUT", "/clips/"+clip.ID+"/poster", "image/jpeg", body)
		require.True(t, resp.StatusCode == 400 || resp.StatusCode == 413, "%s: %d %s", name, resp.StatusCode, answer)
	}
	_, err := d.DB.Poster(t.Context(), clip.ID)
	require.ErrorIs(t, err, state.ErrNotFound)
}

// What chats read of a link: a player with its size, its title, its poster and its chapters, by Open Graph and oEmbed.
func TestLinkShowsAPlayerInChats(t *testing.T) {
	d := newDesk(t, 2)
	ctx := t.Context()
	now := time.Now().UTC()
	u := state.Clip{ID: state.NewID(), Identity: "alice", State: api.ClipReady, From: now.Add(-90 * time.Second), To: now,
		Created: now, Bytes: 5, Origin: api.OriginUpload, Title: `Top "goal" <b>`, Width: 1920, Height: 1080,
		Chapters: []api.Chapter{{Seconds: 61.5, Title: "The <goal>"}}}
	require.NoError(t, d.DB.Restore(ctx, state.Note{Clip: &u, Poster: []byte(shelftest.JPEG(t, 320, 180))},
		&state.Restored{}))
	require.NoError(t, os.WriteFile(filepath.Join(d.Folder, "../../clips", u.ID+".mp4"), []byte("video"), 0o600))
	var clip api.Clip
	d.do(200, d.alice, "GET", "/clips/"+u.ID, "", &clip)
	require.Equal(t, api.OriginUpload, clip.Origin)
	require.Equal(t, "The <goal>", clip.Chapters[0].Title)
	var link api.Link
	d.do(201, d.alice, "POST", "/clips/"+u.ID+"/links", `{}`, &link)
	_, page := d.call("", "GET", link.URL, "", "")
	for _, want := range []string{"<h1>Top &#34;goal&#34; &lt;b&gt;</h1>", `og:video" content="` + link.URL + `/video"`,
		`og:video:width" content="1920"`, `og:image" content="` + link.URL + `/poster.jpg"`,
		`<link rel="alternate" type="application/json+oembed" href="` + link.URL + `/oembed?format=json"`,
		`<a href="?t=61.500"><span>1:01</span> The &lt;goal&gt;</a>`, `twitter:player" content="` + link.URL + `/embed"`} {
		require.Contains(t, string(page), want)
	}
	_, page = d.call("", "GET", link.URL+"?t=61.5", "", "")
	require.Contains(t, string(page), `<source src="`+link.URL+`/video#t=61.500"`)

	var chat oEmbed
	d.do(200, "", "GET", link.URL+"/oembed?format=json&maxwidth=640", "", &chat)
	require.Equal(t, 640, chat.Width)
	require.Equal(t, 360, chat.Height)
	require.Equal(t, `Top "goal" <b>`, chat.Title)
	require.Contains(t, chat.HTML, `<iframe src="`+link.URL+`/embed" width="640" height="360"`)
	require.NotContains(t, chat.HTML, "<b>")
	resp, player := d.call("", "GET", link.URL+"/embed", "", "")
	require.Contains(t, resp.Header.Get("Content-Security-Policy"), "frame-ancestors *")
	require.Contains(t, string(player), `<source src="`+link.URL+`/video"`)
	resp, _ = d.call("", "GET", link.URL+"/oembed?format=xml", "", "")
	require.Equal(t, 400, resp.StatusCode)
	d.do(204, d.alice, "DELETE", "/clips/"+u.ID+"/links/"+link.LinkID, "", nil)
	for _, part := range []string{"/oembed", "/embed"} {
		resp, _ = d.call("", "GET", link.URL+part, "", "")
		require.Equal(t, 404, resp.StatusCode)
	}
}

// Without a base URL a page names no host: the one in the request is the caller's word, and others would keep it.
func TestPagesDoNotRepeatTheHost(t *testing.T) {
	d := newDesk(t, 2)
	clip := d.clip(2)
	d.o.BaseURL = ""
	var link api.Link
	d.do(201, d.alice, "POST", "/clips/"+clip.ID+"/links", `{}`, &link)
	resp, _ := d.call(d.alice, "PUT", "/clips/"+clip.ID+"/poster", "image/jpeg", shelftest.JPEG(t, 320, 180))
	require.Equal(t, 204, resp.StatusCode)
	r := httptest.NewRequest("GET", strings.TrimPrefix(link.URL, d.server.URL), nil)
	r.Host = "evil.example.com"
	w := httptest.NewRecorder()
	d.Handler().ServeHTTP(w, r)
	require.Equal(t, 200, w.Code)
	require.NotContains(t, w.Body.String(), "evil.example.com")
	require.NotContains(t, w.Body.String(), "og:url")
	secret := link.URL[strings.LastIndex(link.URL, "/")+1:]
	require.Contains(t, w.Body.String(), `<source src="`+secret+`/video"`)
	require.Contains(t, w.Body.String(), `poster="`+secret+`/poster.jpg"`)
	r.URL.Path += "/embed"
	w = httptest.NewRecorder()
	d.Handler().ServeHTTP(w, r)
	require.Contains(t, w.Body.String(), `<source src="video"`)
	require.Contains(t, w.Body.String(), `poster="poster.jpg"`)
	resp, _ = d.call("", "GET", link.URL+"/oembed", "", "")
	require.Equal(t, 404, resp.StatusCode, "there is nothing to say")
}

// Names that users choose are text on the page, and nothing else.
func TestPageQuotesNames(t *testing.T) {
	d := newDesk(t, 2)
	clip := d.clip(2)
	clip.Identity = `"><script>alert(1)</script>`
	var p watched
	p.fill(clip, state.Link{}, "y", "https://x", true)
	var out bytes.Buffer
	require.NoError(t, watchPage.Execute(&out, p))
	require.NotContains(t, out.String(), "<script>")
}

// Who may see, save, delete and hand out what: by token.
func TestScopes(t *testing.T) {
	d := newDesk(t, 2)
	clip := d.clip(2)
	tokens := map[string]string{
		"owner": d.alice, "owner's viewer": d.user("alice", "*", state.View), "stranger": d.user("bob", "*", state.Publish),
		"viewer": d.user("carol", "d*", state.View), "viewer of others": d.user("carol", "team-*", state.View),
		"manager": d.user("dave", "den", state.Manage), "manager of others": d.user("dave", "lab", state.Manage),
	}
	save := `{"replayId":"` + d.Rec.ReplayID + `","seconds":1}`
	for _, c := range []struct {
		who                                     string
		see, list, save, stop, link, del, token int
	}{
		{"stranger", 404, 0, 404, 404, 404, 404, 200}, {"viewer", 200, 1, 403, 403, 403, 403, 403},
		{"viewer of others", 404, 0, 404, 404, 404, 404, 403}, {"manager of others", 404, 0, 404, 404, 404, 404, 403},
		{"owner's viewer", 200, 1, 403, 403, 403, 403, 403}, {"manager", 200, 1, 202, 200, 201, 204, 200},
		{"owner", 404, 0, 202, 200, 404, 404, 200}, // the manager has deleted it
	} {
		t.Run(c.who, func(t *testing.T) {
			d := *d
			d.t = t
			token := tokens[c.who]
			d.do(c.see, token, "GET", "/clips/"+clip.ID, "", nil)
			d.do(c.see, token, "GET", "/clips/"+clip.ID+"/video", "", nil)
			var list api.ClipList
			d.do(200, token, "GET", "/clips?whose=all", "", &list)
			ready := 0
			for _, l := range list.Clips {
				require.Equal(t, "alice", l.Owner)
				if l.State == api.ClipReady {
					ready++
				}
			}
			require.Equal(t, c.list, ready)
			d.do(c.save, token, "POST", "/save", save, nil)
			d.do(c.link, token, "POST", "/clips/"+clip.ID+"/links", `{}`, nil)
			d.do(c.stop, token, "POST", "/stop", `{"replayId":"`+d.Rec.ReplayID+`"}`, nil)
			d.do(c.token, token, "POST", "/token", `{"roomName":"den"}`, nil)
			d.do(c.del, token, "DELETE", "/clips/"+clip.ID, "", nil)
		})
	}
}
