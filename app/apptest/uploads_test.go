package apptest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/control"
	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
	"github.com/hindsight-app/hindsight/publish/api"
)

// testUploads saves a clip, which is uploaded and gets a link by itself, and goes through what the command line does
// with the clips of a server: the real program, command and backend.
func testUploads(t *testing.T, m *machine) {
	backend, err := stack.StartBackend(t.Context(), t.TempDir(), stack.BackendOptions{
		LiveKit: &stack.LiveKit{URL: "ws://127.0.0.1:1", APIKey: "devstack", APISecret: strings.Repeat("s", 32)}})
	require.NoError(t, err)
	t.Cleanup(func() { backend.Close() })
	ctl, dir := buildCtl(t, t.Context()), t.TempDir()
	more := []string{"HINDSIGHT_SHARING_BACKEND_URL=" + backend.URL, "HINDSIGHT_TOKEN=" + backend.Token,
		"HINDSIGHT_SHARING_LINK_SAVED=true"}
	run := func(args ...string) string {
		t.Helper()
		c := exec.CommandContext(t.Context(), ctl, args...)
		c.Env = append(os.Environ(), m.env(dir, more...)...)
		out, err := c.CombinedOutput()
		require.NoError(t, err, "%v: %s", args, out)
		return strings.TrimSpace(string(out))
	}
	links := func(args ...string) (list []control.LinkInfo) {
		t.Helper()
		require.NoError(t, json.Unmarshal([]byte(run(append([]string{"links", "--json"}, args...)...)), &list))
		return list
	}
	server := func() (list []control.ServerClip) {
		t.Helper()
		require.NoError(t, json.Unmarshal([]byte(run("clips", "--server", "--json")), &list))
		return list
	}
	r := m.start(t, dir, more...)
	r.until(t, "the replay runs", buffering)
	r.call(t, control.Request{Command: control.Save}, nil)
	first := r.saved(t, 1)
	require.Eventually(t, func() bool { return len(links()) == 1 }, time.Minute, 250*time.Millisecond,
		"the clip that was saved has no link")
	link := run("link", first)
	watch := func() int {
		resp, err := http.Get(link + "/video")
		require.NoError(t, err)
		defer resp.Body.Close()
		_, err = io.Copy(io.Discard, resp.Body)
		require.NoError(t, err)
		return resp.StatusCode
	}
	require.Equal(t, http.StatusOK, watch())
	list := links(first)
	require.Len(t, list, 2)
	require.Equal(t, "demo", list[0].MadeBy)
	run("unlink", list[1].ID)
	require.Len(t, links(), 1)
	require.Equal(t, http.StatusNotFound, watch())

	require.Equal(t, "Nothing is being uploaded or downloaded.", run("transfers"))
	id := run("upload", first)
	require.Equal(t, list[0].ClipID, id, "it is there already")
	require.Eventually(t, func() bool { clips := server(); return len(clips) == 1 && clips[0].Path == first }, time.Minute,
		250*time.Millisecond)
	testTeam(t, run("team", "--print", "--json"), id)
	require.NoError(t, os.Remove(first))
	require.Eventually(t, func() bool { return server()[0].Path == "" }, time.Minute, 250*time.Millisecond)
	got, err := os.ReadFile(run("download", id))
	require.NoError(t, err)
	want, err := os.ReadFile(filepath.Join(backend.Folder, "clips", id+".mp4"))
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.Eventually(t, func() bool { return server()[0].Path != "" }, time.Minute, 250*time.Millisecond)
}

// testTeam signs in at the team's page with what hindsightctl team printed, which works once, and wants the clip there.
func testTeam(t *testing.T, printed, clip string) {
	var answer control.TeamAnswer
	require.NoError(t, json.Unmarshal([]byte(printed), &answer))
	require.Equal(t, answer.Page+"#code="+answer.Code, answer.URL)
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	browser := &http.Client{Jar: jar}
	signIn := func() (status int, page string) {
		resp, err := browser.PostForm(strings.TrimSuffix(answer.Page, "/")+api.Prefix+"/sessions",
			url.Values{"code": {answer.Code}})
		require.NoError(t, err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp.StatusCode, string(body)
	}
	status, page := signIn()
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, page, "/clips/"+clip)
	status, _ = signIn()
	require.Equal(t, http.StatusUnauthorized, status)
}
