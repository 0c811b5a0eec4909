package web

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/recorder"
	"github.com/hindsight-app/hindsight/publish/backend/shelftest"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// accessTable reads the table in the OpenAPI document: what each call lets each column do.
func accessTable(t *testing.T) (columns []string, rows map[string]map[string]string) {
	t.Helper()
	var doc struct{ Info struct{ Description string } }
	require.NoError(t, json.Unmarshal(api.OpenAPI, &doc))
	readme, err := os.ReadFile("../../deploy/README.md")
	require.NoError(t, err)
	_, table, _ := strings.Cut(doc.Info.Description, "\n\n")
	require.Contains(t, string(readme), table, "deploy/README.md has another table than openapi.json")
	rows = map[string]map[string]string{}
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(strings.ReplaceAll(line, "`", ""), "| \n"), " | ")
		switch {
		case !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "| ---"):
		case columns == nil:
			columns = cells[1:]
		default:
			require.Len(t, cells, len(columns)+1, line)
			rows[cells[0]] = map[string]string{}
			for i, c := range columns {
				rows[cells[0]][c] = cells[i+1]
			}
		}
	}
	return columns, rows
}

// takesCookie is whether a call takes the cookie of a session in the place of a token.
func takesCookie(path string) bool {
	return strings.HasPrefix(path, "/team") || path == "/sessions/end"
}

// belongings are one user's things in a room, made again for each call, for calls delete them.
type belongings struct {
	replay, clip, link, secret, job, running, upload string
	recording, watchLink, watchSecret, ask           string
}

// beginUpload has a user begin an upload of five bytes.
func beginUpload(t testing.TB, on *shelftest.Shelf, owner string) (id string) {
	t.Helper()
	id = state.NewID()
	sum := sha256.Sum256([]byte(id))
	_, err := on.DB.AddUpload(t.Context(), state.Upload{ID: id, Identity: owner, SHA256: hex.EncodeToString(sum[:]),
		Bytes: 5, State: api.UploadReceiving, Created: time.Now(), Expires: time.Now().Add(time.Hour)}, state.UploadLimits{})
	require.NoError(t, err)
	return id
}

// tusHeaders are what requests about an upload have.
func tusHeaders(offset, length string) map[string]string {
	sum := sha256.Sum256([]byte(state.NewID()))
	return map[string]string{"Tus-Resumable": "1.0.0", "Upload-Offset": offset, "Upload-Length": length,
		"Upload-Metadata": "sha256 " + base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString(sum[:])))}
}

func (d *desk) belongings(owner, room string) (b belongings) {
	d.t.Helper()
	ctx, db := d.t.Context(), d.DB
	b = belongings{replay: state.NewID(), clip: state.NewID(), job: state.NewID(), running: state.NewID()}
	require.NoError(d.t, db.AddReplay(ctx, state.Replay{ID: b.replay, Identity: owner, Room: room, Created: time.Now()}))
	clip := state.Clip{ID: b.clip, ReplayID: b.replay, Identity: owner, Room: room, State: api.ClipWaiting,
		Asked: time.Second, Pressed: time.Now(), Created: time.Now()}
	ok, err := db.AddClip(ctx, clip, 1000)
	require.NoError(d.t, err)
	require.True(d.t, ok)
	clip.State, clip.From, clip.To, clip.Bytes = api.ClipReady, clip.Pressed.Add(-time.Second), clip.Pressed, 1
	require.NoError(d.t, db.FinishClip(ctx, clip))
	require.NoError(d.t, os.WriteFile(filepath.Join(d.Folder, "../../clips", b.clip+".mp4"), []byte("x"), 0o600))
	require.NoError(d.t, db.SetPoster(ctx, b.clip, []byte(shelftest.JPEG(d.t, 16, 16))))
	link, secret, ok, err := db.AddLink(ctx, b.clip, owner, time.Now().Add(time.Hour), 10)
	require.NoError(d.t, err)
	require.True(d.t, ok)
	b.link, b.secret, b.upload = link.ID, secret, beginUpload(d.t, d.Shelf, owner)
	d.watchable(&b, owner)
	for id, is := range map[string]api.State{b.job: api.StateEnded, b.running: api.StateActive} {
		_, err := d.Files.NewRecording(ctx, id)
		require.NoError(d.t, err)
		require.NoError(d.t, d.Files.WriteFile(ctx, id, "recording.mp4", []byte("x")))
		require.NoError(d.t, db.AddJob(ctx, state.Job{ID: id, Identity: owner, EgressID: "EG_" + id, State: is,
			Created: time.Now(), Fingerprint: id, Request: api.RecordingRequest{RoomName: room, Type: api.TypeTrackComposite}}))
	}
	return b
}

// watchable gives a replay a segment, a watch link and a clip that its viewers ask for.
func (d *desk) watchable(b *belongings, owner string) {
	d.t.Helper()
	ctx, now := d.t.Context(), time.Now()
	b.recording, b.ask = state.NewID(), state.NewID()
	require.NoError(d.t, d.DB.AddRecording(ctx, state.Recording{ID: b.recording, ReplayID: b.replay,
		EgressID: "EG_" + b.recording, VideoTrack: "TR_v", State: api.StateActive, Created: now, Began: now}))
	_, err := d.Files.NewRecording(ctx, b.recording)
	require.NoError(d.t, err)
	require.NoError(d.t, d.Files.WriteFile(ctx, b.recording, "s_00000.m4s", []byte("segment")))
	require.NoError(d.t, d.Files.WriteFile(ctx, b.recording, recorder.Playlist, []byte("#EXTM3U\n"+
		"#EXT-X-MAP:URI=\"i_00000.mp4\"\n#EXT-X-PROGRAM-DATE-TIME:"+now.Add(-3*time.Second).UTC().Format(time.RFC3339Nano)+
		"\n#EXTINF:2.0,\ns_00000.m4s\n")))
	link, secret, ok, err := d.DB.AddWatchLink(ctx, b.replay, owner, api.ClipsAnyone, now.Add(time.Hour), 10)
	require.NoError(d.t, err)
	require.True(d.t, ok)
	b.watchLink, b.watchSecret = link.ID, secret
	ok, err = d.DB.AddAsk(ctx, state.Ask{ID: b.ask, ReplayID: b.replay, LinkID: link.ID, State: state.Asked, Created: now,
		From: now.Add(-2 * time.Second), To: now}, 10, 9)
	require.NoError(d.t, err)
	require.True(d.t, ok)
}

// tryCall makes one call about somebody's belongings; subject is whose tracks a new recording takes.
func (d *desk) tryCall(pattern, token string, b belongings, subject string) int {
	d.t.Helper()
	method, path, _ := strings.Cut(pattern, " ")
	path = strings.TrimPrefix(path, api.Prefix)
	id, kind, body := b.clip, "application/json", `{}`
	switch {
	case path == "/recordings":
		body = subject
		running, err := d.DB.RunningJobs(d.t.Context()) // of which one would refuse another in its room
		require.NoError(d.t, err)
		for _, job := range running {
			job.State = api.StateEnded
			require.NoError(d.t, d.DB.UpdateJob(d.t.Context(), job))
		}
	case strings.HasSuffix(path, "/stop") && path != "/stop":
		id = b.running
	case strings.HasPrefix(path, "/recordings/"):
		id = b.job
	case strings.HasPrefix(path, "/replays/{id}"):
		id, body = b.replay, `{"seconds":2}`
	case path == "/token":
		body = `{"roomName":"den"}`
	case path == "/start":
		body = fmt.Sprintf(`{"roomName":"den","videoTrackId":"TR_%s","replayId":%q}`, state.NewID()[:8], b.replay)
	case path == "/stop", path == "/save":
		body = fmt.Sprintf(`{"replayId":%q,"seconds":1}`, b.replay)
	case strings.HasPrefix(path, "/uploads"):
		id, kind, body = b.upload, "application/offset+octet-stream", "ab"
		d.header = tusHeaders("0", "5")
		if method == http.MethodPatch {
			delete(d.header, "Upload-Length")
		}
		defer func() { d.header = nil }()
	case path == "/sessions":
		kind, body = "application/x-www-form-urlencoded", "code=AAAA-BBBB-CCCC"
	case takesCookie(path):
		kind, body = "application/x-www-form-urlencoded", ""
		if strings.HasPrefix(path, "/team/replays/") {
			id = b.replay
		}
		if token != "" {
			d.header = map[string]string{"Cookie": d.signIn(token)}
			defer func() { d.header = nil }()
		}
	case method == http.MethodPatch && path == "/clips/{id}":
		body = `{"title":"x"}`
	case path == "/clips/{id}/poster":
		kind, body = "image/jpeg", shelftest.JPEG(d.t, 16, 16)
	}
	if method != http.MethodPost && method != http.MethodPut && method != http.MethodPatch {
		kind, body = "", ""
	}
	link := b.link
	if strings.HasPrefix(path, "/watch/") {
		link = b.secret
	}
	if takesCookie(path) {
		token = ""
	}
	name := "recording.mp4"
	if strings.Contains(path, "/replays/") {
		link, name = b.watchLink, "s_00000.m4s"
	}
	if strings.HasPrefix(path, "/assets/") {
		name = rewindScript.name
	}
	target := strings.NewReplacer("{version}", rewindScript.version, "{id}", id, "{link}", link, "{name}", name,
		"{recording}", b.recording, "{clip}", b.ask).Replace(path)
	if secret, through := strings.CutPrefix(token, throughLink); through {
		token, target = "", target+"?link="+secret
	}
	signedIn := d.header["Cookie"] != ""
	listed := method == http.MethodGet && (path == "/clips" || path == "/recordings" || path == "/links" ||
		path == "/watch-links" ||
		signedIn && (path == "/team" || path == "/team/links"))
	if listed {
		target += "?whose=all"
	}
	resp, answer := d.call(token, method, target, kind, body)
	if listed && resp.StatusCode == http.StatusOK && !strings.Contains(string(answer), b.clip) &&
		!strings.Contains(string(answer), b.job) && !strings.Contains(string(answer), b.watchLink) {
		return http.StatusNotFound // it is not in the list
	}
	return resp.StatusCode
}

// throughLink stands before a watch link's secret where a user token could be.
const throughLink = "link:"

// Every call, with every scope and without a token, about one's own things and others', does what the table says. A
// call without a row has nobody who has thought about who may make it.
func TestAccessTable(t *testing.T) {
	columns, rows := accessTable(t)
	require.Equal(t, []string{"no token", "view", "publish", "record", "manage"}, columns)
	served := (&Server{}).routes()
	for call := range rows {
		method, path, _ := strings.Cut(call, " ")
		require.Contains(t, served, method+" "+api.Prefix+path, "the table has a call that is not served")
	}
	for pattern := range served {
		require.Contains(t, rows, strings.Replace(pattern, api.Prefix, "", 1),
			"it has no row in the table of openapi.json and deploy/README.md")
	}
	for _, column := range columns {
		t.Run(column, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, 1)
			begins := shelftest.Starting{Recorder: d.Fake}
			d.o.Recorder, d.o.JobRecorder, d.o.MaxRunning, d.o.MaxWaiting = begins, begins, 1000, 1000
			d.guesses = newLimiter(0) // the test signs in all the time
			var token state.Token
			var secret string
			if column != "no token" {
				var err error
				token, secret, err = d.DB.CreateToken(t.Context(), "erin "+column, "d*", state.Scope(column))
				require.NoError(t, err)
			}
			for pattern := range served {
				call := strings.Replace(pattern, api.Prefix, "", 1)
				t.Run(call, func(t *testing.T) {
					d := *d
					d.t = t
					d.access(pattern, column, rows[call][column], token, secret)
				})
			}
		})
	}
}

// access tries one cell of the table.
func (d *desk) access(pattern, column, cell string, token state.Token, secret string) {
	d.t.Helper()
	mine := token.Identity
	if column == "no token" {
		mine = "nobody"
	}
	jobBody := func(subject string) string {
		return fmt.Sprintf(`{"roomName":"den","type":"participant","identity":%q}`, subject)
	}
	own := d.tryCall(pattern, secret, d.belongings(mine, "den"), jobBody(token.AppIdentity()))
	others := []int{
		d.tryCall(pattern, secret, d.belongings("frank", "den"), jobBody("frank")),
		d.tryCall(pattern, secret, d.belongings("frank", "den"), `{"roomName":"den","type":"roomComposite"}`),
	}
	elsewhere := d.tryCall(pattern, secret, d.belongings("frank", "lab"), strings.Replace(jobBody("frank"), "den", "lab",
		1))
	refused := []int{401, 403, 404}
	if cell == "link" {
		require.Equal(d.t, []int{404, 404, 404, 404}, append(others, own, elsewhere))
		b, other := d.belongings("frank", "den"), d.belongings("frank", "den")
		require.Equal(d.t, 2, d.tryCall(pattern, throughLink+b.watchSecret, b, "")/100)
		for _, wrong := range []string{other.watchSecret, "nonsense", b.watchLink, b.secret} {
			require.Equal(d.t, 404, d.tryCall(pattern, throughLink+wrong, b, ""))
		}
		// A link leads nowhere but to its replay: not to what is another's, under its own address either.
		mixed := b
		mixed.recording, mixed.ask = other.recording, other.ask
		if strings.Contains(pattern, "{recording}") || strings.Contains(pattern, "{clip}") {
			require.Equal(d.t, 404, d.tryCall(pattern, throughLink+b.watchSecret, mixed, ""))
		}
		return
	}
	switch cell {
	case "yes":
		require.Equal(d.t, 2, own/100, own)
		require.Equal(d.t, 2, others[0]/100, others)
	case "own":
		require.Equal(d.t, 2, own/100, own)
		require.Subset(d.t, refused, append(others, elsewhere))
	case "all":
		require.Equal(d.t, []int{2, 2, 2}, []int{own / 100, others[0] / 100, others[1] / 100}, "%d %d", own, others)
		require.Contains(d.t, refused, elsewhere, "in a room that the token is not for")
	case "–":
		if column == "no token" {
			require.Equal(d.t, []int{401, 401, 401}, append(others, own))
			return
		}
		require.Contains(d.t, refused[:2], own)
		require.Subset(d.t, refused, append(others, elsewhere))
	default:
		require.Fail(d.t, "the table has a cell that means nothing", cell)
	}
}
