package backend_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/shelftest"
	"github.com/hindsight-app/hindsight/publish/backend/state"
	"github.com/hindsight-app/hindsight/publish/client"
)

// focused is what has the keyboard.
const focused = `document.activeElement.textContent.trim()`

// tabTo presses Tab until something with a text has the keyboard.
func tabTo(t *testing.T, tab context.Context, text string) {
	t.Helper()
	var at string
	for range 60 {
		require.NoError(t, chromedp.Run(tab, chromedp.KeyEvent(kb.Tab), chromedp.Evaluate(focused, &at)))
		if strings.HasPrefix(at, text) {
			return
		}
	}
	require.Fail(t, "Tab does not lead to "+text)
}

// settled waits for a text on the page.
func settled(t *testing.T, tab context.Context, text string) {
	t.Helper()
	var body string
	defer func() {
		if t.Failed() {
			t.Logf("the page says: %s", body)
		}
	}()
	require.Eventually(t, func() bool {
		err := chromedp.Run(tab, chromedp.Evaluate(`document.readyState == 'complete' ? document.body.innerText : ''`, &body))
		return err == nil && strings.Contains(body, text)
	}, 30*time.Second, 50*time.Millisecond, "%s", text)
}

// until waits for a condition on the page.
func until(t *testing.T, tab context.Context, condition string) {
	t.Helper()
	require.Eventually(t, func() bool {
		var is bool
		err := chromedp.Run(tab, chromedp.Evaluate(condition, &is))
		return err == nil && is
	}, 30*time.Second, 50*time.Millisecond, condition)
}

// A person signs in with a code from the app, and searches, watches, copies a link, deletes and signs out without a
// mouse. The cookie is out of reach of scripts and of other sites; a link on another site leads to the page all the
// same.
func TestTeamPageInChromium(t *testing.T) {
	on := shelftest.New(t, 3, time.Now().Add(-6*time.Second))
	ctx := t.Context()
	_, secret, err := on.DB.CreateToken(ctx, "alice", "*", state.Publish, state.View)
	require.NoError(t, err)
	server := httptest.NewServer(run(t, options(on.DB, on.Files, on.Began)).Handler())
	t.Cleanup(server.Close)
	app, err := client.New(server.URL, secret)
	require.NoError(t, err)
	pressed := on.Began.Add(5 * time.Second)
	saved, err := app.Save(ctx, api.SaveRequest{ReplayID: on.Rec.ReplayID, Seconds: 4, PressedAt: &pressed})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		clip, err := app.Clip(ctx, saved.ClipID)
		return err == nil && clip.State == api.ClipReady
	}, 30*time.Second, 50*time.Millisecond)
	require.NoError(t, app.SetPoster(ctx, saved.ClipID, []byte(shelftest.JPEG(t, 320, 180))))
	for i, title := range []string{"Overtime, last minute", "Bug: the dialog closes by itself when a long name is typed " +
		"into it and Enter is pressed", "", "Level 3"} {
		at := time.Now().Add(-time.Duration(i+1) * time.Hour)
		c := state.Clip{ID: state.NewID(), Identity: []string{"alice", "bob"}[i%2], Room: "den", State: api.ClipReady,
			Title: title, Pressed: at, Created: at, From: at.Add(-time.Duration(20+37*i) * time.Second), To: at,
			Bytes: int64(i+1) * 7_300_000, Origin: api.OriginUpload}
		note := state.Note{Clip: &c, Poster: []byte(shelftest.JPEG(t, 320, 180))}
		if i == 3 { // a viewer's, of which nobody has sent a poster
			c.Origin, c.Asker, note.Poster = api.OriginReplay, "a viewer of link vhp4oo3qd6xa", nil
		}
		require.NoError(t, on.DB.Restore(ctx, note, &state.Restored{}))
	}

	tab := browser(t)
	run := func(actions ...chromedp.Action) {
		t.Helper()
		require.NoError(t, chromedp.Run(tab, actions...))
	}
	press := func(keys string) chromedp.Action { return chromedp.KeyEvent(keys) }
	run(chromedp.Navigate(server.URL))
	settled(t, tab, "hindsightctl team")
	looksOf(t, tab, "signin")
	code, err := app.SignInCode(ctx)
	require.NoError(t, err)
	// As from the app: in a new tab, by nobody's link.
	run(chromedp.Navigate("about:blank"), chromedp.Navigate(code.URL))
	settled(t, tab, "The code is filled in")
	var address, cookies, at string
	run(chromedp.Location(&address), chromedp.Evaluate(focused, &at))
	require.Equal(t, []string{server.URL + "/", "Sign in"}, []string{address, at}, "nobody is signed in unasked")
	looksOf(t, tab, "code")
	run(press(kb.Enter))
	settled(t, tab, "Overtime")
	settled(t, tab, "alice")
	run(chromedp.Location(&address), chromedp.Evaluate(`document.cookie`, &cookies))
	require.Equal(t, server.URL+"/", address)
	require.Empty(t, cookies, "a script reads the cookie")
	var jar []*network.Cookie
	run(chromedp.ActionFunc(func(ctx context.Context) (err error) {
		jar, err = storage.GetCookies().Do(ctx)
		return err
	}))
	require.Len(t, jar, 1)
	require.True(t, jar[0].HTTPOnly)
	require.Equal(t, network.CookieSameSiteStrict, jar[0].SameSite)
	looksOf(t, tab, "clips")

	// Another site cannot have anything done, but may link here.
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprintf(w, `<a id="link" href="%s/">The team's clips</a><form method="post"
			action="%[1]s%s/team/clips/%s/delete"><button id="evil">Win a prize</button></form>`, server.URL, api.Prefix,
			saved.ClipID)
	}))
	t.Cleanup(other.Close)
	elsewhere := strings.Replace(other.URL, "127.0.0.1", "localhost", 1)
	run(chromedp.Navigate(elsewhere), chromedp.Click("#evil"))
	settled(t, tab, "Sign in")
	_, err = app.Clip(ctx, saved.ClipID)
	require.NoError(t, err, "another site has deleted a clip")
	run(chromedp.Navigate(elsewhere), chromedp.Click("#link"))
	settled(t, tab, "Overtime")

	// Key and text in one, as from a keyboard: chromedp sends the text also where the page has taken the key.
	run(input.DispatchKeyEvent(input.KeyDown).WithKey("/").WithText("/"), press("bob dialog"), press(kb.Enter))
	until(t, tab, `document.querySelectorAll('a.clip').length == 1`)
	settled(t, tab, "Bug: the dialog")
	run(chromedp.Navigate(server.URL))
	settled(t, tab, "Overtime")
	run(press(kb.ArrowDown), chromedp.Evaluate(focused, &at))
	require.Equal(t, "Clip of 4 s", at)
	run(press(kb.ArrowDown), chromedp.Evaluate(focused, &at))
	require.Equal(t, "Overtime, last minute", at)
	run(press(kb.ArrowUp), press(kb.Enter))
	settled(t, tab, "A new link works for")
	var video struct{ Duration float64 }
	run(chromedp.Evaluate(`new Promise((done, fail) => {
		const v = document.querySelector('video');
		const end = () => done({Duration: v.duration});
		v.readyState ? end() : v.addEventListener('loadedmetadata', end);
		v.addEventListener('error', fail);
	})`, &video, awaitPromise))
	require.InDelta(t, 4, video.Duration, 0.1)

	// What runs is watched and rewound without a link.
	run(chromedp.Navigate(server.URL))
	tabTo(t, tab, "Watch and rewind")
	run(press(kb.Enter))
	until(t, tab, `document.title.startsWith('Replay of alice') && document.getElementById('video').readyState >= 2`)
	run(chromedp.Navigate(server.URL + api.Prefix + "/team/clips/" + saved.ClipID))

	tabTo(t, tab, "Create link")
	run(press(kb.Enter))
	settled(t, tab, "It is shown once")
	run(chromedp.Evaluate(focused, &at), chromedp.Value("#link", &address))
	require.Equal(t, "Copy link", at)
	run(press(kb.Enter))
	settled(t, tab, "Copied")
	resp, err := http.Get(address)
	require.NoError(t, err)
	_, _ = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode)
	looksOf(t, tab, "clip")
	_, _, _, err = on.DB.AddWatchLink(ctx, on.Rec.ReplayID, "alice", api.ClipsAsk, time.Now().Add(time.Hour), 9)
	require.NoError(t, err)
	run(chromedp.Navigate(server.URL + api.Prefix + "/team/links"))
	settled(t, tab, "Replay in den")
	_, _, _, err = on.DB.AddLink(ctx, saved.ClipID, "alice", time.Now().Add(time.Hour), 9)
	require.NoError(t, err)
	_, _, _, err = on.DB.AddWatchLink(ctx, on.Rec.ReplayID, "alice", api.ClipsNobody, time.Now().Add(time.Hour), 9)
	require.NoError(t, err)
	run(chromedp.Reload())
	looksOf(t, tab, "links")
	tabTo(t, tab, "Revoke")
	run(press(kb.Enter))
	settled(t, tab, "The link is revoked")
	run(chromedp.Evaluate(focused, &at))
	require.Equal(t, "Replay in den", at, "the next link has the keyboard")
	run(chromedp.Navigate(server.URL + api.Prefix + "/team/usage"))
	settled(t, tab, "Size of clips")
	looksOf(t, tab, "usage")

	run(chromedp.Navigate(server.URL + "/?q=alice"))
	settled(t, tab, "Overtime")
	tabTo(t, tab, "Rename Clip of 4 s")
	run(press(kb.Enter))
	until(t, tab, `document.activeElement.name == 'title'`)
	looksOf(t, tab, "rename")
	run(press(kb.Escape), chromedp.Evaluate(focused, &at))
	require.Equal(t, "Rename Clip of 4 s", at)
	run(chromedp.Focus("#clip-"+saved.ClipID), press(kb.F2), press("A goal"), press(kb.Enter))
	settled(t, tab, "The clip is renamed.")
	run(chromedp.Evaluate(focused, &at), chromedp.Location(&address))
	require.Equal(t, "A goal", at, "the clip has the keyboard")
	require.NotContains(t, address, "done=", "the page says it again when it is loaded anew")
	tabTo(t, tab, "Delete A goal")
	run(press(kb.Enter), chromedp.Evaluate(focused, &at))
	require.Equal(t, "Keep", at, "the safe answer has the keyboard")
	looksOf(t, tab, "delete")
	run(press(kb.Escape), chromedp.Evaluate(focused, &at))
	require.Equal(t, "Delete A goal", at)
	run(press(kb.Enter))
	tabTo(t, tab, "Delete clip")
	run(press(kb.Enter))
	settled(t, tab, "The clip is deleted.")
	run(chromedp.Evaluate(focused, &at))
	require.Equal(t, "Overtime, last minute", at, "the next clip has the keyboard")
	looksOf(t, tab, "deleted")
	run(press(kb.Delete), chromedp.Evaluate(focused, &at))
	require.Equal(t, "Keep", at)
	run(press(kb.Tab), press(kb.Tab))
	until(t, tab, `!document.querySelector(':popover-open')`)
	_, err = app.Clip(ctx, saved.ClipID)
	require.ErrorIs(t, err, client.ErrNotFound)
	run(chromedp.Value("#q", &at))
	require.Equal(t, "alice", at, "the search is lost")

	tabTo(t, tab, "Sign out")
	run(press(kb.Enter))
	settled(t, tab, "You are signed out.")
	run(chromedp.Navigate(elsewhere), chromedp.Click("#link"))
	settled(t, tab, "hindsightctl team")
}
