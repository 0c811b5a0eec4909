package web

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/shelftest"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// Whatever a caller with a good token sends, the response is no 5xx, and a refusal is a problem with a message.
func FuzzHandlers(f *testing.F) {
	on := shelftest.New(f, 1, time.Now())
	s, _, _ := serve(f, on)
	begins := shelftest.Starting{Recorder: on.Fake}
	s.o.Recorder, s.o.JobRecorder, s.o.MaxRunning = begins, begins, 1<<30
	_, secret, err := on.DB.CreateToken(f.Context(), "alice", "*", state.Manage)
	require.NoError(f, err)
	handler := s.Handler()
	begun := beginUpload(f, on, "alice")
	const replay = `{"replayId":"x","seconds":5,"pressedAt":"2026-01-01T00:00:00Z"}`
	for _, seed := range [][4]string{
		{"POST", "/token", "application/json", `{"roomName":"den"}`},
		{"POST", "/start", "application/json", `{"roomName":"den","videoTrackId":"TR_a","audioTrackId":"TR_b"}`},
		{"POST", "/stop", "application/json", `{"replayId":"` + on.Rec.ReplayID + `"}`},
		{"POST", "/save", "application/json", replay}, {"GET", "/replays/" + on.Rec.ReplayID, "", ""},
		{"GET", "/clips?whose=all&before=2026-01-01T00:00:00Z", "", ""}, {"DELETE", "/clips/x", "", ""},
		{"GET", "/clips/x/video", "", ""}, {"POST", "/clips/x/links", "application/json", `{"expiresIn":60}`},
		{"PUT", "/clips/x/poster", "image/jpeg", "\xff\xd8\xff"}, {"GET", "/watch/x", "", ""},
		{"GET", "/watch/x/video?download=1", "", ""}, {"POST", "/webhook", "application/webhook+json", "{}"},
		{"POST", "/recordings", "application/json",
			`{"roomName":"den","type":"track","trackId":"TR_a","file":{"type":"mp4"}}`},
		{"GET", "/recordings/x/files/..%2fy", "", ""}, {"GET", "/links", "", ""},
		{"GET", "/watch/x/oembed?maxwidth=1", "", ""},
		{"GET", "/watch/x/embed", "", ""}, {"POST", "/uploads", "", ""}, {"OPTIONS", "/uploads", "", ""},
		{"HEAD", "/uploads/x", "", ""}, {"PATCH", "/uploads/" + begun, "application/offset+octet-stream", "abc"},
		{"POST", "/replays/" + on.Rec.ReplayID + "/links", "application/json", `{"clips":"ask","expiresIn":60}`},
		{"GET", "/replays/" + on.Rec.ReplayID + "/links", "", ""}, {"DELETE", "/replays/x/links/y", "", ""},
		{"GET", "/replays/" + on.Rec.ReplayID + "/index.m3u8", "", ""}, {"GET", "/replays/x/index.m3u8?link=y", "", ""},
		{"GET", "/replays/" + on.Rec.ReplayID + "/segments/" + on.Rec.ID + "/s_00000.ts", "", ""},
		{"GET", "/replays/" + on.Rec.ReplayID + "/timeline", "", ""},
		{"GET", "/replays/" + on.Rec.ReplayID + "/asked?wait=0&seen=x", "", ""},
		{"POST", "/replays/" + on.Rec.ReplayID + "/pause", "application/json",
			`{"paused":true,"at":"0001-01-01T00:00:00Z"}`},
		{"POST", "/replays/" + on.Rec.ReplayID + "/clips", "application/json", `{"seconds":1,"title":"x"}`},
		{"POST", "/replays/" + on.Rec.ReplayID + "/clips", "application/json",
			`{"from":"0001-01-01T00:00:00Z","to":"0001-01-01T00:00:02Z"}`},
		{"GET", "/replays/x/watch?link=y", "", ""}, {"GET", "/replays/" + on.Rec.ReplayID + "/watch", "", ""},
		{"GET", "/assets/x/rewind.js", "", ""},
		{"GET", "/replays/x/clips/y", "", ""}, {"POST", "/replays/x/clips/y/allow", "", ""},
		{"DELETE", "/uploads/" + begun, "", ""}, {"GET", "/uploads/" + begun, "", ""}, {"GET", "/openapi.json", "", ""},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3])
	}
	f.Fuzz(func(t *testing.T, method, path, kind, body string) {
		target, err := url.Parse("http://host" + api.Prefix + path)
		if err != nil {
			return // no client can send it
		}
		r, err := http.NewRequestWithContext(t.Context(), method, target.String(), strings.NewReader(body))
		if err != nil {
			return
		}
		r.RemoteAddr = "192.0.2.1:1"
		r.Header.Set("Authorization", "Bearer "+secret)
		r.Header.Set("Content-Type", kind)
		for key, value := range tusHeaders("0", "5") {
			r.Header.Set(key, value)
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		require.Less(t, w.Code, 500, "%s", w.Body)
		if w.Code >= 400 && !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
			require.Equal(t, api.ProblemMediaType, w.Header().Get("Content-Type"), "%d %s", w.Code, w.Body)
		}
	})
}
