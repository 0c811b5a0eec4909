package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/shelftest"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

const formType = "application/x-www-form-urlencoded"

// signIn signs a browser in as the user of a token, and returns the Cookie header.
func (d *desk) signIn(token string) string {
	d.t.Helper()
	var code api.SignInCode
	d.do(http.StatusCreated, token, http.MethodPost, "/sessions/code", `{}`, &code)
	resp := d.send(http.MethodPost, "/sessions", url.Values{"code": {code.Code}}.Encode(), nil)
	require.Equal(d.t, http.StatusSeeOther, resp.StatusCode)
	require.Len(d.t, resp.Cookies(), 1)
	return resp.Cookies()[0].Name + "=" + resp.Cookies()[0].Value
}

// send makes a call as a browser does, and follows nothing.
func (d *desk) send(method, path, form string, headers map[string]string) *http.Response {
	d.t.Helper()
	r := httptest.NewRequest(method, d.server.URL+api.Prefix+path, strings.NewReader(form))
	r.Header.Set("Content-Type", formType)
	for k, v := range headers {
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	d.Handler().ServeHTTP(w, r)
	return w.Result()
}

// page asks for a page with a cookie.
func (d *desk) page(status int, cookie, path string) string {
	d.t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, d.server.URL+path, nil)
	r.Header.Set("Cookie", cookie)
	d.Handler().ServeHTTP(w, r)
	require.Equal(d.t, status, w.Code, w.Body)
	require.Contains(d.t, w.Header().Get("Content-Security-Policy"), "default-src 'none'")
	require.Equal(d.t, "no-store", w.Header().Get("Cache-Control"))
	return w.Body.String()
}

// A code signs in once; its cookie is out of reach of scripts and other sites, and ends with the session.
func TestSignIn(t *testing.T) {
	d := newDesk(t, 1)
	require.Contains(t, d.page(200, "", "/"), "hindsightctl team --print")
	var code api.SignInCode
	d.do(201, d.alice, "POST", "/sessions/code", `{}`, &code)
	require.Equal(t, d.server.URL+"/#code="+code.Code, code.URL)
	require.WithinDuration(t, time.Now().Add(2*time.Minute), code.ExpiresAt, time.Minute)

	form := "code=" + strings.ToLower(strings.ReplaceAll(code.Code, "-", "+"))
	resp := d.send("POST", "/sessions", form, nil)
	require.Equal(t, 303, resp.StatusCode)
	require.Equal(t, "../../", resp.Header.Get("Location"))
	c := resp.Cookies()[0]
	require.True(t, c.HttpOnly)
	require.Equal(t, http.SameSiteStrictMode, c.SameSite)
	require.Equal(t, []any{"hindsight-session", "/", false}, []any{c.Name, c.Path, c.Secure})
	require.WithinDuration(t, time.Now().Add(7*24*time.Hour), c.Expires, time.Minute)
	require.Equal(t, 401, d.send("POST", "/sessions", form, nil).StatusCode, "a code works twice")
	cookie := c.Name + "=" + c.Value
	require.Contains(t, d.page(200, cookie, "/"), "alice")

	// What signs in is no token, and a token is no cookie.
	d.do(401, c.Value, "GET", "/clips", "", nil)
	require.NotContains(t, d.page(200, c.Name+"="+d.alice, "/"), "Sign out")
	d.header = map[string]string{"Cookie": cookie}
	d.do(401, "", "GET", "/clips", "", nil)
	d.header = nil

	// Signing out ends it on the server, not only in the browser.
	resp = d.send("POST", "/sessions/end", "", map[string]string{"Cookie": cookie})
	require.Equal(t, 303, resp.StatusCode)
	require.Negative(t, resp.Cookies()[0].MaxAge)
	require.NotContains(t, d.page(200, cookie, "/"), "Sign out")
	require.Contains(t, d.page(401, cookie, teamPath+"/usage"), "Sign in")
}

// Where the base URL has TLS or a path, the cookie is for that alone.
func TestSessionCookie(t *testing.T) {
	d := newDesk(t, 1)
	for base, want := range map[string][]any{
		"https://x.example.com":      {"__Host-hindsight-session", "/", true},
		"https://x.example.com/team": {"__Secure-hindsight-session", "/team", true},
		"http://x.example.com/team":  {"hindsight-session", "/team", false},
	} {
		d.o.BaseURL = base
		var code api.SignInCode
		d.do(201, d.alice, "POST", "/sessions/code", `{}`, &code)
		require.True(t, strings.HasPrefix(code.URL, base+"/#code="), code.URL)
		c := d.send("POST", "/sessions", "code="+code.Code, nil).Cookies()[0]
		require.Equal(t, want, []any{c.Name, c.Path, c.Secure})
	}
}

// A session ends with its token at once, and has the scopes that the token has. One of an identity provider is taken as
// long as the provider is.
func TestSessionsEnd(t *testing.T) {
	d := newDesk(t, 1)
	token, secret, err := d.DB.CreateToken(t.Context(), "bob", "", state.View)
	require.NoError(t, err)
	cookie := d.signIn(secret)
	require.Contains(t, d.page(200, cookie, "/"), "Sign out")
	require.NoError(t, d.DB.RevokeToken(t.Context(), token.ID))
	require.NotContains(t, d.page(200, cookie, "/"), "Sign out")
	d.page(401, cookie, teamPath+"/usage")

	d.o.JWT = provider{"a.b.c": {Identity: "carol", Issuer: "https://id.example.com", ID: "1", Rooms: "d*",
		Scopes: []state.Scope{state.View}, Expires: time.Now().Add(time.Hour)}}
	cookie = d.signIn("a.b.c")
	d.belongings("alice", "den")
	d.belongings("alice", "lab")
	require.Equal(t, 1, strings.Count(d.page(200, cookie, "/"), `class="clip"`))
	d.o.JWT = nil
	require.NotContains(t, d.page(200, cookie, "/"), "Sign out")
}

// What another site has a browser do is refused; who guesses codes is slowed down.
func TestSessionsAreSafe(t *testing.T) {
	d := newDesk(t, 1)
	b := d.belongings("alice", "den")
	cookie := d.signIn(d.alice)
	for _, evil := range []map[string]string{{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
		{"Origin": "https://evil.example.com"}, {"Origin": "null"}} {
		require.Equal(t, 403, d.send("POST", "/sessions", "code=x", evil).StatusCode)
		evil["Cookie"] = cookie
		for _, path := range []string{"/sessions/end", "/team/clips/" + b.clip + "/delete", "/team/clips/" + b.clip +
			"/rename", "/team/clips/" + b.clip + "/links", "/team/clips/" + b.clip + "/links/" + b.link + "/revoke"} {
			require.Equal(t, 403, d.send("POST", path, "", evil).StatusCode, "%s %v", path, evil)
		}
	}
	for _, path := range []string{"/team/clips/" + b.clip + "/delete", "/sessions/end"} {
		r := d.send("GET", path, "", map[string]string{"Cookie": cookie})
		require.Contains(t, []int{404, 405}, r.StatusCode, "a link is followed")
	}
	require.Equal(t, 200, d.send("POST", "/team/clips/"+b.clip+"/links", "", map[string]string{"Cookie": cookie,
		"Origin": d.server.URL, "Sec-Fetch-Site": "same-origin"}).StatusCode)
	statuses := map[int]int{}
	for i := range 30 {
		statuses[d.send("POST", "/sessions", fmt.Sprintf("code=%d", i), nil).StatusCode]++
	}
	require.Positive(t, statuses[429], statuses)
	// A link on another site comes without the cookie; the page then asks again by itself.
	require.Contains(t, d.refresh("cross-site"), `http-equiv="refresh"`)
	require.NotContains(t, d.refresh("same-origin"), `http-equiv="refresh"`)
}

func (d *desk) refresh(from string) string {
	d.t.Helper()
	r := httptest.NewRequest(http.MethodGet, d.server.URL+"/", nil)
	r.Header.Set("Sec-Fetch-Site", from)
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	w := httptest.NewRecorder()
	d.Handler().ServeHTTP(w, r)
	return w.Body.String()
}

// The search finds by words in title, person, room and chapters, by room, person and day, page by page.
func TestTeamSearch(t *testing.T) {
	d := newDesk(t, 1)
	ctx, now := t.Context(), time.Date(2026, 5, 10, 12, 0, 0, 0, time.UTC)
	add := func(i int, owner, room, title string, days int) string {
		at := now.AddDate(0, 0, -days).Add(-time.Duration(i) * time.Second)
		c := state.Clip{ID: state.NewID(), Identity: owner, Room: room, State: api.ClipReady, Pressed: at, Created: at,
			From: at.Add(-time.Second), To: at, Bytes: 1, Title: title}
		require.NoError(t, d.DB.Restore(ctx, state.Note{Clip: &c}, &state.Restored{}))
		return c.ID
	}
	goal, save := add(0, "bob", "den", "Überzeugendes Tor <b>", 0), add(1, "carol", "dojo", "A save", 3)
	secret := add(2, "bob", "lab", "Secret", 1)
	for i := range 60 {
		add(i, "dave", "den", fmt.Sprintf("Round %d", i), 30)
	}
	cookie := d.signIn(d.user("erin", "d*", state.View))
	find := func(query string) string { return d.page(200, cookie, "/?"+query) }
	for query, found := range map[string][]bool{
		"": {true, true, false}, "q=überzeug+BOB": {true, false, false}, "q=secret": {false, false, false},
		"room=doj": {false, true, false}, "person=Bob": {true, false, false}, "q=den&person=carol": {false, false, false},
		"from=2026-05-08": {true, false, false}, "to=2026-05-09": {false, true, false},
		"from=2026-05-07&to=2026-05-07&zone=120": {false, true, false}, "from=2026-05-08&zone=-720": {true, false, false},
	} {
		page := find(query)
		for i, id := range []string{goal, save, secret} {
			require.Equal(t, found[i], strings.Contains(page, "/clips/"+id+`"`), "%s: %d", query, i)
		}
		require.NotContains(t, page, "Tor <b>")
	}
	page := find("q=round")
	require.Equal(t, perPage, strings.Count(page, `class="clip"`))
	_, older, ok := strings.Cut(page, `rel="next" href=".`)
	require.True(t, ok)
	older, _, _ = strings.Cut(older, `"`)
	page = d.page(200, cookie, strings.ReplaceAll(older, "&amp;", "&"))
	require.Equal(t, 60-perPage, strings.Count(page, `class="clip"`))
	require.NotContains(t, page, `rel="next"`)
	require.Contains(t, find("from=yesterday"), "is not of the form")
	require.Contains(t, find("q=nothing+like+it"), "No clips found")
}

// A user has so many searches run at once; one more is refused, and nobody else's.
func TestTeamSearchesAtOnce(t *testing.T) {
	d := newDesk(t, 1)
	erin, bob := d.signIn(d.user("erin", "*", state.View)), d.signIn(d.user("bob", "*", state.View))
	for range maxSearches {
		end, ok := d.downloads.begin("searches of erin", maxSearches)
		require.True(t, ok)
		defer end()
	}
	require.Contains(t, d.page(429, erin, "/?q=x"), "4 of your searches are running already")
	d.page(200, bob, "/?q=x")
}

// The pages lead to each other by relative addresses, below whatever path a proxy has them.
func TestTeamPagesAreRelative(t *testing.T) {
	d := newDesk(t, 1)
	b := d.belongings("alice", "den")
	cookie := d.signIn(d.alice)
	for path, root := range map[string]string{"/": "./", teamPath: "../../", teamPath + "/clips/" + b.clip: "../../../../",
		teamPath + "/links": "../../../"} {
		page := d.page(200, cookie, path)
		require.Contains(t, page, `href="`+root+`"`, path)
		require.NotContains(t, page, `="/`, path)
		require.NotContains(t, page, "http://", path)
	}
	resp := d.send("POST", "/team/clips/"+b.clip+"/links/"+b.link+"/revoke", "back=links",
		map[string]string{"Cookie": cookie})
	require.Equal(t, "../../../../../../../api/livekit-replay/team/links?done=revoked#main", resp.Header.Get("Location"))
	form := "next=clip-x&back=" + url.QueryEscape("q=a b&x=y")
	resp = d.send("POST", "/team/clips/"+b.clip+"/rename", form, map[string]string{"Cookie": cookie})
	require.Equal(t, "../../../../../?q=a+b&done=renamed#clip-"+b.clip, resp.Header.Get("Location"))
	resp = d.send("POST", "/team/clips/"+b.clip+"/rename", "on=clip", map[string]string{"Cookie": cookie})
	require.Equal(t, "../../../../../api/livekit-replay/team/clips/"+b.clip+"?done=renamed#title",
		resp.Header.Get("Location"))
	resp = d.send("POST", "/team/clips/"+b.clip+"/delete", form, map[string]string{"Cookie": cookie})
	require.Equal(t, "../../../../../?q=a+b&done=deleted#clip-x", resp.Header.Get("Location"))
}

// A clip is renamed by its owner and by who manages it, by call and on the page, while links to it stay; its note
// beside the file has the title, too, and the audit log says who did it.
func TestRename(t *testing.T) {
	d := newDesk(t, 1)
	b := d.belongings("alice", "den")
	var log bytes.Buffer
	d.o.Audit = slog.New(slog.NewTextHandler(&log, nil))
	titled := func(want string) {
		t.Helper()
		clip, err := d.DB.Clip(t.Context(), b.clip)
		require.NoError(t, err)
		require.Equal(t, want, clip.Title)
		file, err := os.ReadFile(filepath.Join(d.Folder, "../../clips", b.clip+".json"))
		require.NoError(t, err)
		note, err := state.ReadNote(file)
		require.NoError(t, err)
		require.Equal(t, clip, *note.Clip)
	}
	var clip api.Clip
	d.do(200, d.alice, "PATCH", "/clips/"+b.clip, `{"title":"Überstunden"}`, &clip)
	require.Equal(t, "Überstunden", clip.Title)
	titled("Überstunden")
	require.Contains(t, log.String(), `call="PATCH /api/livekit-replay/clips/{id}" status=200`)
	require.Contains(t, log.String(), "user=alice")
	d.do(400, d.alice, "PATCH", "/clips/"+b.clip, `{}`, nil)
	d.do(200, d.alice, "PATCH", "/clips/"+b.clip, `{"title":" `+strings.Repeat("ä", api.MaxTitle)+`b"}`, &clip)
	require.Equal(t, strings.Repeat("ä", api.MaxTitle), clip.Title)
	d.do(403, d.user("frank", "*", state.View, state.Publish), "PATCH", "/clips/"+b.clip, `{"title":"x"}`, nil)
	manager := d.signIn(d.user("erin", "*", state.Manage))
	resp := d.send("POST", "/team/clips/"+b.clip+"/rename", "title=+A+%3Cgoal%3E%0A+",
		map[string]string{"Cookie": manager})
	require.Equal(t, 303, resp.StatusCode)
	titled("A <goal>")
	require.Contains(t, log.String(), "user=erin")
	page := d.page(200, manager, "/")
	require.Contains(t, page, `value="A &lt;goal&gt;"`)
	require.NotContains(t, d.page(200, d.signIn(d.user("frank", "*", state.View)), "/"), "/rename")
	watch := d.send("GET", "/watch/"+b.secret, "", nil)
	text, err := io.ReadAll(watch.Body)
	require.NoError(t, err)
	require.Contains(t, string(text), "A &lt;goal&gt;")
	d.do(200, d.alice, "PATCH", "/clips/"+b.clip, `{"title":""}`, nil)
	titled("")

	waiting := state.Clip{ID: state.NewID(), ReplayID: b.replay, Identity: "alice", Room: "den", State: api.ClipWaiting,
		Asked: time.Second, Pressed: time.Now(), Created: time.Now()}
	_, err = d.DB.AddClip(t.Context(), waiting, 10)
	require.NoError(t, err)
	d.do(409, d.alice, "PATCH", "/clips/"+waiting.ID, `{"title":"x"}`, nil)
}

// The list says when a clip was saved, which it is sorted by, when it was recorded where that is another time, and who
// asked for it; the list of links says what each is for.
func TestWhatTheListsSay(t *testing.T) {
	d := newDesk(t, 1)
	b := d.belongings("alice", "den")
	saved := time.Date(2026, 5, 10, 12, 0, 0, 0, time.UTC)
	for i, at := range []time.Time{saved.Add(-time.Minute), saved.AddDate(0, 0, -3)} {
		c := state.Clip{ID: state.NewID(), Identity: "alice", Room: "den", State: api.ClipReady, Pressed: at, Created: saved,
			From: at.Add(-time.Second), To: at, Bytes: 1, Title: fmt.Sprint("Round ", i), Asker: "a viewer of link abc"}
		require.NoError(t, d.DB.Restore(t.Context(), state.Note{Clip: &c}, &state.Restored{}))
	}
	cookie := d.signIn(d.alice)
	page := d.page(200, cookie, "/?q=round+viewer")
	require.Equal(t, 2, strings.Count(page, `saved <time datetime="2026-05-10T12:00:00Z">`))
	require.Equal(t, 1, strings.Count(page, `Recorded <time datetime="2026-05-07T11:59:59Z">`))
	require.Equal(t, 2, strings.Count(page, "Asked for by a viewer of link abc"))
	for policy, text := range map[api.ClipPolicy]string{api.ClipsNobody: "Rewind, not clip",
		api.ClipsAsk: "Rewind, and clip if you allow it", api.ClipsAnyone: "Rewind and clip"} {
		l, _, _, err := d.DB.AddWatchLink(t.Context(), b.replay, "alice", policy, time.Now().Add(time.Hour), 9)
		require.NoError(t, err)
		_, row, _ := strings.Cut(d.page(200, cookie, teamPath+"/links"), `id="link-`+l.ID+`"`)
		row, _, _ = strings.Cut(row, "</li>")
		require.Contains(t, row, "Replay in den</a>")
		require.Contains(t, row, "<dd>"+text+"</dd>")
		require.Contains(t, row, "<code>"+l.ID+"</code>")
	}
	page = d.page(200, cookie, teamPath+"/links")
	require.Contains(t, page, "<code>"+b.link+"</code>")
	require.NotContains(t, page, "· ended")
	require.NoError(t, d.DB.SetStopped(t.Context(), b.replay, time.Now().Add(-time.Hour)))
	page = d.page(200, cookie, teamPath+"/links")
	require.Contains(t, page, "· ended")
	require.NotContains(t, page, "if you allow it", "nobody is asked anymore")
}

// Replays that run are shown to who may see them, and only those.
func TestTeamReplays(t *testing.T) {
	d := newDesk(t, 1)
	require.NoError(t, d.DB.AddReplay(t.Context(), state.Replay{ID: "r", Identity: "bob", Room: "den",
		Created: time.Now()}))
	require.NoError(t, d.DB.AddRecording(t.Context(), state.Recording{ID: "c", ReplayID: "r", EgressID: "EG_c",
		State: api.StateActive, Created: time.Now()}))
	for name, sees := range map[string]bool{"d*": true, "lab": false} {
		page := d.page(200, d.signIn(d.user("erin", name, state.View)), "/")
		require.Equal(t, sees, strings.Contains(page, "Live now") && strings.Contains(page, "<b>bob</b>"), name)
	}
	require.NotContains(t, d.page(200, d.signIn(d.user("erin", "*", state.Publish)), "/"), "<b>bob</b>")
}

// A poster is kept by the browser for a while, and by nobody between.
func TestTeamPoster(t *testing.T) {
	d := newDesk(t, 1)
	b := d.belongings("alice", "den")
	r := d.send("GET", "/team/clips/"+b.clip+"/poster.jpg", "", map[string]string{"Cookie": d.signIn(d.alice)})
	require.Equal(t, 200, r.StatusCode)
	require.Equal(t, "private, max-age=600", r.Header.Get("Cache-Control"))
	require.Equal(t, int64(len(shelftest.JPEG(t, 16, 16))), r.ContentLength)
}

// Who is signed in watches what their token may see, and clips it from this server's page alone.
func TestSessionWatches(t *testing.T) {
	d := newDesk(t, 1)
	b := d.belongings("alice", "den")
	cookie := func(user string, scopes ...state.Scope) map[string]string {
		return map[string]string{"Cookie": d.signIn(d.user(user, "d*", scopes...)), "Content-Type": "application/json"}
	}
	viewer, stranger, owner := cookie("erin", state.View), cookie("frank", state.Publish), cookie("alice", state.Publish)
	for _, path := range []string{"/index.m3u8", "/timeline", "/segments/" + b.recording + "/s_00000.m4s"} {
		require.Equal(t, 200, d.send("GET", "/replays/"+b.replay+path, "", viewer).StatusCode, path)
		require.Equal(t, 404, d.send("GET", "/replays/"+b.replay+path, "", stranger).StatusCode, path)
	}
	const body = `{"seconds":1}`
	require.Equal(t, 404, d.send("POST", "/replays/"+b.replay+"/clips", body, stranger).StatusCode)
	owner["Sec-Fetch-Site"] = "same-site"
	require.Equal(t, 403, d.send("POST", "/replays/"+b.replay+"/clips", body, owner).StatusCode)
	owner["Sec-Fetch-Site"] = "same-origin"
	resp := d.send("POST", "/replays/"+b.replay+"/clips", body, owner)
	require.Equal(t, 202, resp.StatusCode)
	var clip api.ViewerClip
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&clip))
	c, err := d.DB.Clip(t.Context(), clip.ClipID)
	require.NoError(t, err)
	c.State, c.From, c.To, c.Bytes = api.ClipReady, c.Start(), c.Pressed, 1
	require.NoError(t, d.DB.FinishClip(t.Context(), c))
	require.NoError(t, json.NewDecoder(d.send("GET", "/replays/"+b.replay+"/clips/"+c.ID, "", owner).Body).Decode(&clip))
	require.Equal(t, api.ViewerClipReady, clip.State)
	links, err := d.DB.Links(t.Context(), c.ID)
	require.NoError(t, err)
	require.Len(t, links, 1)
	_, value, _ := strings.Cut(owner["Cookie"], "=")
	secret := viewerSecret(value, c.ID)
	require.True(t, strings.HasSuffix(clip.URL, secret), "the link follows from the session, which the viewer alone has")
	require.NotEqual(t, viewerSecret("", c.ID), viewerSecret("", c.ID), "nobody can compute a link from a clip's id")
}

// Behind a proxy that has the service below a path of its own, all of it works, and other services of the same host do
// not get the cookie.
func TestTeamBelowAPath(t *testing.T) {
	d := newDesk(t, 1)
	b := d.belongings("alice", "den")
	target, err := url.Parse(d.server.URL)
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.Handle("/hindsight/", http.StripPrefix("/hindsight", httputil.NewSingleHostReverseProxy(target)))
	mux.HandleFunc("/other", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Header.Get("Cookie"))
	})
	proxy := httptest.NewServer(mux)
	t.Cleanup(proxy.Close)
	d.o.BaseURL = proxy.URL + "/hindsight"
	d.sameOrigin = sameOrigin(d.o.BaseURL)
	var code api.SignInCode
	d.do(201, d.alice, "POST", "/sessions/code", `{}`, &code)
	home, secret, _ := strings.Cut(code.URL, "#code=")
	require.Equal(t, proxy.URL+"/hindsight/", home)
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	browser := &http.Client{Jar: jar}
	// at is a page, reached as a browser does: from an address that the page before has, and after redirects.
	at, err := url.Parse(home)
	require.NoError(t, err)
	body := ""
	visit := func(method, to, form string) {
		t.Helper()
		next, err := at.Parse(to)
		require.NoError(t, err)
		req, err := http.NewRequestWithContext(t.Context(), method, next.String(), strings.NewReader(form))
		require.NoError(t, err)
		if method == http.MethodPost {
			req.Header.Set("Content-Type", formType)
			req.Header.Set("Origin", proxy.URL)
		}
		resp, err := browser.Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Equal(t, 200, resp.StatusCode, "%s %s", method, next)
		at, body = resp.Request.URL, string(text)
	}
	// link is the first address on the page that has a text in it.
	link := func(attribute, part string) string {
		t.Helper()
		m := regexp.MustCompile(attribute + `="([^"]*` + regexp.QuoteMeta(part) + `[^"]*)"`).FindStringSubmatch(body)
		require.NotNil(t, m, "%s %s", part, body)
		return strings.ReplaceAll(m[1], "&amp;", "&")
	}
	visit("GET", home, "")
	visit("POST", link("action", "/sessions"), "code="+secret)
	require.Equal(t, home, at.String())
	visit("GET", link("src", "poster.jpg"), "")
	visit("GET", home, "")
	visit("GET", link("href", "/clips/"+b.clip), "")
	visit("POST", link("action", "/links"), "life=3600")
	require.Contains(t, body, proxy.URL+"/hindsight"+api.Prefix+"/watch/")
	visit("POST", link("action", "/revoke"), "")
	visit("POST", link("action", "/delete"), "")
	require.Contains(t, body, "The clip is deleted.")
	visit("GET", proxy.URL+"/other", "")
	require.Empty(t, body)
	visit("GET", home, "")
	visit("POST", link("action", "/sessions/end"), "")
	require.Equal(t, home, strings.TrimSuffix(at.String(), "?done=signed-out"))
}

// Neither codes nor sessions are in a log.
func TestSessionsAreInNoLog(t *testing.T) {
	d := newDesk(t, 1)
	var log bytes.Buffer
	d.o.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	d.o.Audit = d.o.Log
	var code api.SignInCode
	d.do(201, d.alice, "POST", "/sessions/code", `{}`, &code)
	resp := d.send("POST", "/sessions", "code="+code.Code, nil)
	secret := resp.Cookies()[0].Value
	d.page(200, resp.Cookies()[0].Name+"="+secret, "/?q=x")
	d.send("POST", "/sessions/end", "", map[string]string{"Cookie": resp.Cookies()[0].Name + "=" + secret})
	require.Contains(t, log.String(), "user=alice")
	require.NotContains(t, log.String(), code.Code)
	require.NotContains(t, log.String(), secret)
}

// Thousands of clips are shown by the page, and searched without a look at each but once.
func TestManyClips(t *testing.T) {
	d := newDesk(t, 1)
	now := time.Now()
	for i := range 5000 {
		at := now.Add(-time.Duration(i) * time.Minute)
		c := state.Clip{ID: state.NewID(), Identity: []string{"alice", "bob", "carol"}[i%3], Room: "den",
			State: api.ClipReady, Title: fmt.Sprintf("Round %d", i), Pressed: at, Created: at, From: at, To: at, Bytes: 1}
		require.NoError(t, d.DB.Restore(t.Context(), state.Note{Clip: &c}, &state.Restored{}))
	}
	cookie := d.signIn(d.user("erin", "*", state.Manage))
	begun := time.Now()
	page := d.page(200, cookie, "/")
	t.Log("first page:", time.Since(begun), len(page), "bytes")
	require.Equal(t, perPage, strings.Count(page, `class="clip"`))
	require.Less(t, len(page), 150_000)
	begun = time.Now()
	page = d.page(200, cookie, "/?q=round+4999")
	t.Log("search:", time.Since(begun))
	require.Equal(t, 1, strings.Count(page, `class="clip"`))
}
