package backend_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/client"
)

// bad is a request that must be refused with a 4xx problem.
type bad struct {
	name, method, path, body string
	status                   int
	header                   map[string]string
}

func badRequests() []bad {
	long := strings.Repeat("x", 200)
	post := func(name, path, body string, status int) bad {
		return bad{name: name, method: "POST", path: path, body: body, status: status}
	}
	get := func(name, path string) bad { return bad{name: name, method: "GET", path: path, status: 404} }
	start := `{"roomName":"den","videoTrackId":%s}`
	list := []bad{
		post("token: no body", "/token", "", 400), post("token: no JSON", "/token", "{", 400),
		post("token: array", "/token", "[]", 400), post("token: null room", "/token", `{"roomName":null}`, 400),
		post("token: number", "/token", `{"roomName":7}`, 400), post("token: empty", "/token", `{"roomName":""}`, 400),
		post("token: control", "/token", `{"roomName":"a\u0000b"}`, 400),
		post("token: newline", "/token", `{"roomName":"a\nb"}`, 400),
		post("token: long", "/token", `{"roomName":"`+long+`"}`, 400),
		post("token: two objects", "/token", `{"roomName":"a"}{"roomName":"b"}`, 400),
		post("token: huge", "/token", `{"roomName":"`+strings.Repeat("x", 100000)+`"}`, 413),
		post("token: deep", "/token", strings.Repeat("[", 20000), 400),
		post("start: empty", "/start", `{}`, 400), post("start: no track", "/start", `{"roomName":"den"}`, 400),
		post("start: path as track", "/start", fmt.Sprintf(start, `"../../etc/passwd"`), 400),
		post("start: template as track", "/start", fmt.Sprintf(start, `"{room_name}"`), 400),
		post("start: long track", "/start", fmt.Sprintf(start, `"TR_`+long+`"`), 400),
		post("start: slash in track", "/start", fmt.Sprintf(start, `"TR_a/b"`), 400),
		post("start: number as track", "/start", fmt.Sprintf(start, `7`), 400),
		post("start: same tracks", "/start", `{"roomName":"den","videoTrackId":"TR_a","audioTrackId":"TR_a"}`, 400),
		post("start: bad audio", "/start", `{"roomName":"den","videoTrackId":"TR_a","audioTrackId":"x"}`, 400),
		post("start: foreign replay", "/start", `{"roomName":"den","videoTrackId":"TR_a","replayId":"nope"}`, 404),
		post("start: path as replay", "/start", `{"roomName":"den","videoTrackId":"TR_a","replayId":"../x"}`, 404),
		post("start: nobody there", "/start", `{"roomName":"void","videoTrackId":"TR_a"}`, 422),
		post("stop: empty", "/stop", `{}`, 400), post("stop: unknown", "/stop", `{"replayId":"nope"}`, 404),
		post("stop: SQL", "/stop", `{"replayId":"' OR 1=1 --"}`, 404),
		post("stop: object", "/stop", `{"replayId":{}}`, 400),
		post("save: empty", "/save", `{}`, 400), post("save: unknown", "/save", `{"replayId":"nope","seconds":5}`, 404),
		post("save: zero", "/save", `{"replayId":"nope","seconds":0}`, 400),
		post("save: negative", "/save", `{"replayId":"nope","seconds":-5}`, 400),
		post("save: too long", "/save", `{"replayId":"nope","seconds":1e9}`, 400),
		post("save: beyond float", "/save", `{"replayId":"nope","seconds":1e999}`, 400),
		post("save: text", "/save", `{"replayId":"nope","seconds":"5"}`, 400),
		post("save: no time", "/save", `{"replayId":"nope","seconds":5,"pressedAt":"yesterday"}`, 400),
		post("save: future", "/save", `{"replayId":"nope","seconds":5,"pressedAt":"2199-01-01T00:00:00Z"}`, 400),
		post("save: past", "/save", `{"replayId":"nope","seconds":5,"pressedAt":"1970-01-01T00:00:00Z"}`, 400),
		get("recording: unknown", "/recordings/nope"), get("recording: dots", "/recordings/..%2f..%2fprivate"),
		get("recording file: unknown", "/recordings/nope/files/full.m3u8"),
		get("recording file: dots", "/recordings/nope/files/..%2f..%2f..%2fprivate%2fstate.db"),
		post("recording stop: unknown", "/recordings/nope/stop", "", 404),
		{name: "recording delete: unknown", method: "DELETE", path: "/recordings/nope", status: 404},
		{name: "recording delete: dots", method: "DELETE", path: "/recordings/%2e%2e", status: 404},
		get("replay: unknown", "/replays/nope"), get("replay: dots", "/replays/..%2f..%2fstate.db"),
		get("clip: unknown", "/clips/nope"), get("clip: dots", "/clips/..%2f..%2fprivate%2fstate.db"),
		get("clip: long", "/clips/"+long), get("clip: zero byte", "/clips/a%00b"),
		get("video: unknown", "/clips/nope/video"), get("video: dots", "/clips/..%2f..%2fprivate%2fstate.db/video"),
		get("no such call", "/nothing"), get("wrong method", "/start"),
		{name: "delete: unknown", method: "DELETE", path: "/clips/nope", status: 404},
		{name: "delete: dots", method: "DELETE", path: "/clips/%2e%2e%2fprivate", status: 404},
		{name: "put", method: "PUT", path: "/clips/nope", status: 404},
		{name: "webhook: unsigned", method: "POST", path: "/webhook", body: `{"event":"egress_ended"}`, status: 401},
		{name: "webhook: forged", method: "POST", path: "/webhook", body: `{"event":"egress_ended"}`, status: 401,
			header: map[string]string{"Authorization": "eyJhbGciOiJub25lIn0.e30."}},
		{name: "form", method: "POST", path: "/token", body: "roomName=den", status: 415,
			header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}},
		{name: "text", method: "POST", path: "/token", body: `{"roomName":"den"}`, status: 415,
			header: map[string]string{"Content-Type": "text/plain"}},
	}
	for name, c := range map[string]struct {
		fields string
		status int
	}{
		"nothing": {``, 400}, "number as type": {`"type":7`, 400}, "unknown type": {`"type":"web"`, 400},
		"path as track": {`"videoTrackId":"../../etc/passwd"`, 400}, "template": {`"videoTrackId":"{room_name}"`, 400},
		"same tracks": {`"videoTrackId":"TR_a","audioTrackId":"TR_a"`, 400}, "no such track": {`"videoTrackId":"TR_a"`, 422},
		"track of composite": {`"videoTrackId":"TR_a","trackId":"TR_b"`, 400}, "no track": {`"type":"track"`, 400},
		"tracks of track":    {`"type":"track","trackId":"TR_a","videoTrackId":"TR_b"`, 400},
		"segments of track":  {`"type":"track","trackId":"TR_a","outputs":{"segments":true}`, 400},
		"stream of track":    {`"type":"track","trackId":"TR_a","outputs":{"streams":["rtmp://a/b/c"]}`, 400},
		"other person":       {`"type":"participant","identity":"bob"`, 403},
		"layout":             {`"type":"track","trackId":"TR_a","layout":"../x"`, 400},
		"layout of others":   {`"videoTrackId":"TR_a","layout":"grid"`, 400},
		"empty room":         {`"type":"roomComposite"`, 403},
		"path as file":       {`"videoTrackId":"TR_a","outputs":{"file":"/etc/x.mp4"}`, 400},
		"ogg with video":     {`"videoTrackId":"TR_a","outputs":{"file":"ogg"}`, 400},
		"ogg and segments":   {`"audioTrackId":"TR_a","outputs":{"file":"ogg","segments":true}`, 400},
		"webm":               {`"videoTrackId":"TR_a","outputs":{"file":"webm"}`, 400},
		"outputs as list":    {`"videoTrackId":"TR_a","outputs":[]`, 400},
		"stream not allowed": {`"videoTrackId":"TR_a","outputs":{"streams":["rtmp://a/b/c"]}`, 403},
		"stream by HTTP":     {`"videoTrackId":"TR_a","outputs":{"streams":["http://a/b/c"]}`, 400},
		"stream to a file":   {`"videoTrackId":"TR_a","outputs":{"streams":["file:///etc/passwd"]}`, 400},
		"stream options":     {`"videoTrackId":"TR_a","outputs":{"streams":["rtmp://a/b/c socks=x:1"]}`, 400},
	} {
		body := `{"roomName":"void",` + c.fields + `}`
		if c.fields == "" {
			body = `{"roomName":"void"}`
		}
		list = append(list, post("recording: "+name, "/recordings", body, c.status))
	}
	for name, value := range map[string]string{"none": "", "scheme only": "Bearer", "basic": "Basic YTpi",
		"wrong": "Bearer hs_wrong", "long": "Bearer " + strings.Repeat("x", 5000), "SQL": "Bearer ' OR 1=1 --"} {
		for _, path := range []string{"/clips", "/replays/x", "/clips/x/video", "/recordings/x/files/full.m3u8"} {
			list = append(list, bad{name: "auth " + name + " " + path, method: "GET", path: path, status: 401,
				header: map[string]string{"Authorization": value}})
		}
		list = append(list, bad{name: "auth " + name + " start", method: "POST", path: "/start", body: `{}`, status: 401,
			header: map[string]string{"Authorization": value}})
	}
	return list
}

// Whatever comes in: no 5xx, a problem in the answer, nothing left on disk. Then: no recorder, wrong room, wrong token,
// wrong URL and no backend each have a message and an error of their own in the client.
func TestRefusalsOnRealStack(t *testing.T) {
	b := newBench(t, with{})
	b.users()
	before := files(t, b.backend.Folder)
	list := append(badRequests(), moreBadRequests()...)
	require.GreaterOrEqual(t, len(list), 100)
	// LiveKit takes its time to say that it has no recorder.
	pub := b.publish("attic")
	started := make(chan error, 1)
	go func() {
		_, err := b.client.Start(b.ctx, api.StartRequest{RoomName: "attic", VideoTrackID: pub.VideoID,
			AudioTrackID: pub.AudioID})
		started <- err
	}()
	t.Run("bad", func(t *testing.T) {
		for _, c := range list {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				b.refuses(t, c)
			})
		}
	})
	require.ErrorIs(t, <-started, client.ErrEgress)
	require.Equal(t, before, files(t, b.backend.Folder), "something was left on disk")

	t.Run("wrong token", func(t *testing.T) {
		c, err := client.New(b.backend.URL, "hs_other")
		require.NoError(t, err)
		_, err = c.Clips(b.ctx)
		require.ErrorIs(t, err, client.ErrToken)
	})
	t.Run("wrong URL", func(t *testing.T) {
		for _, url := range []string{"", "backend", "ftp://host", "http://", "http://a b/"} {
			_, err := client.New(url, "hs_x")
			require.ErrorIs(t, err, client.ErrURL, url)
		}
		c, err := client.New(b.livekit.HTTPURL, "hs_x") // something responds, but no backend
		require.NoError(t, err)
		_, err = c.Token(b.ctx, api.TokenRequest{RoomName: "den"})
		require.ErrorIs(t, err, client.ErrURL)
	})
	t.Run("unreachable", func(t *testing.T) {
		require.NoError(t, b.backend.Close())
		_, err := b.client.Save(b.ctx, api.SaveRequest{ReplayID: "x", Seconds: 5})
		require.ErrorIs(t, err, client.ErrUnreachable)
		require.Contains(t, err.Error(), "nothing listens")
	})
}

// refuses sends a bad request.
func (b *bench) refuses(t *testing.T, c bad) {
	req, err := http.NewRequestWithContext(b.ctx, c.method, b.backend.URL+api.Prefix+c.path, strings.NewReader(c.body))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+b.backend.Token)
	req.Header.Set("Content-Type", "application/json")
	for k, v := range c.header {
		req.Header.Set(k, v)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, c.status, resp.StatusCode, "%s", body)
	require.Equal(t, api.ProblemMediaType, resp.Header.Get("Content-Type"))
	var p api.Problem
	require.NoError(t, json.Unmarshal(body, &p))
	require.NotEmpty(t, p.Detail)
	require.Equal(t, c.status, p.Status)
	require.False(t, bytes.Contains(body, []byte(b.backend.Folder)), "the answer tells a path: %s", body)
}

// files lists what lies in the data folder beside the database.
func files(t *testing.T, folder string) (out []string) {
	t.Helper()
	require.NoError(t, fs.WalkDir(os.DirFS(folder), ".", func(path string, d fs.DirEntry, err error) error {
		if path != "private" && filepath.Dir(path) != "private" {
			out = append(out, path)
		}
		return err
	}))
	return out
}

// users: a token is for its rooms only, shows only its user's things, and is useless once revoked.
func (b *bench) users() {
	b.Helper()
	other := b.token("--identity", "bob", "--rooms", "team-*")
	bob, err := client.New(b.backend.URL, other.Token)
	require.NoError(b, err)
	_, err = bob.Token(b.ctx, api.TokenRequest{RoomName: "den"})
	require.ErrorIs(b, err, client.ErrRoom)
	tok, err := bob.Token(b.ctx, api.TokenRequest{RoomName: "team-1"})
	require.NoError(b, err)
	require.NotEqual(b, "bob", tok.Identity, "the app must not take the user's own identity")
	require.WithinDuration(b, time.Now().Add(10*time.Minute), tok.ExpiresAt, time.Minute)

	b.command("token", "revoke", other.ID)
	_, err = bob.Token(b.ctx, api.TokenRequest{RoomName: "team-1"})
	require.ErrorIs(b, err, client.ErrToken)

	// The secret is nowhere in the data folder.
	require.NoError(b, filepath.WalkDir(b.backend.Folder, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			content, err := os.ReadFile(path)
			require.NoError(b, err)
			require.False(b, bytes.Contains(content, []byte(other.Token)), path)
		}
		return err
	}))
	for url, status := range map[string]int{
		b.backend.URL + "/healthz": 200, b.backend.URL + "/readyz": 404, b.backend.URL + "/metrics": 404,
		b.backend.URL + api.Prefix + "/openapi.json": 200, b.backend.OperatorURL + "/healthz": 200,
		b.backend.OperatorURL + "/readyz": 200, b.backend.OperatorURL + "/metrics": 200,
	} {
		resp, err := http.Get(url)
		require.NoError(b, err)
		resp.Body.Close()
		require.Equal(b, status, resp.StatusCode, url)
	}
}
