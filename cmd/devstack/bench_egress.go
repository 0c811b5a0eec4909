package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/livekit/protocol/auth"

	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/backendtest"
	"github.com/hindsight-app/hindsight/publish/client"
)

type benchEgressCommand struct {
	Seconds int      `help:"How long each type is measured, in seconds." default:"15"`
	Streams int      `help:"Number of shares for the embedded recorder to record at once." default:"1"`
	Kbps    int      `help:"Video bitrate in kb/s." default:"3000"`
	Types   []string `help:"Egress types to measure, and embedded for the backend's own recorder." default:"embedded,track,trackComposite,participant,roomComposite"`
}

// stated is what LiveKit says a recording needs, in its documentation of Egress.
var stated = map[api.RecordingType]string{
	api.TypeTrack:          "0.2 to 0.5 CPU, 200 to 500 MB",
	api.TypeTrackComposite: "0.5 to 1 CPU, 500 MB to 1 GB",
	api.TypeParticipant:    "0.5 to 1 CPU, 500 MB to 1 GB",
	api.TypeRoomComposite:  "2 to 6 CPU, 2 to 4 GB",
}

// egressRow is one line of the result, for one recording of 1080p30 video with sound into an MP4 file.
type egressRow struct {
	Type string `json:"type"`
	// Cores is CPU time by wall time, MiB the highest memory, of the recorder's process for this recording and all that
	// it starts: browser, display.
	Cores float64 `json:"cores"`
	MiB   float64 `json:"mib"`
	// FPS is what arrived in the file: less than 30 where the machine was too small.
	FPS float64 `json:"fps"`
}

// Run measures one recording of each type in turn, on the real servers, as the backend starts them.
func (b *benchEgressCommand) Run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "hs-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	w := &world{opts: worldOptions{Say: os.Stderr}}
	defer w.close()
	if err := w.startEgressBench(ctx, dir); err != nil {
		return err
	}
	c, err := client.New(w.backend.URL, w.backend.Token)
	if err != nil {
		return err
	}
	loop, err := backendtest.NewLoopAt(ctx, dir, 1920, 1080, 30, b.Kbps)
	if err != nil {
		return err
	}
	screen, err := publishBench(ctx, w, c, loop)
	if err != nil {
		return err
	}
	for i, typ := range b.Types {
		var row egressRow
		if typ == embedded {
			row, err = b.measureEmbedded(ctx, w, filepath.Join(dir, embedded), loop)
		} else {
			row, err = b.measure(ctx, w, c, api.RecordingType(typ), screen)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", typ, err)
		}
		if i == 0 {
			fmt.Printf("%-16s %7s %10s %6s   %s\n", "1080p30 to MP4", "cores", "memory", "fps", "LiveKit states")
		}
		fmt.Printf("%-16s %7.2f %6.0f MiB %6.1f   %s\n", row.Type, row.Cores, row.MiB, row.FPS,
			stated[api.RecordingType(row.Type)])
		if err := json.NewEncoder(os.Stdout).Encode(row); err != nil {
			return err
		}
	}
	return nil
}

// startEgressBench starts the servers, with a recorder that has a browser.
func (w *world) startEgressBench(ctx context.Context, dir string) (err error) {
	if w.redis, err = stack.StartRedis(ctx, dir); err != nil {
		return err
	}
	w.own("redis-server", w.redis.Close)
	if w.livekit, err = stack.StartLiveKit(ctx, dir, stack.LiveKitOptions{RedisAddr: w.redis.Addr,
		Log: os.Stderr}); err != nil {
		return err
	}
	w.own("livekit-server", w.livekit.Close)
	w.egress, err = stack.StartEgress(ctx, dir, stack.EgressOptions{RedisAddr: w.redis.Addr, LiveKit: w.livekit,
		Log:     os.Stderr,
		Browser: true})
	if err != nil {
		return err
	}
	w.own("LiveKit Egress", w.egress.Close)
	program, err := built("hindsight-backend")
	if err != nil {
		return err
	}
	w.backend, err = stack.StartBackend(ctx, dir, stack.BackendOptions{LiveKit: w.livekit, Identity: "bench",
		Scopes: "publish,record", Program: program})
	if err != nil {
		return err
	}
	w.own("the backend", w.backend.Close)
	return nil
}

// publishBench plays one 1080p30 loop into the room twice: as a shared screen, whose tracks are answered, and as the
// camera and microphone that Participant wants.
func publishBench(ctx context.Context, w *world, c *client.Client, loop *backendtest.Loop) (*backendtest.Publisher,
	error) {
	screen, err := share(ctx, c, room, loop)
	if err != nil {
		return nil, err
	}
	w.own("the screen's publisher", screen.Close)
	own, err := auth.NewAccessToken(w.livekit.APIKey, w.livekit.APISecret).SetIdentity("bench").SetValidFor(time.Minute).
		SetVideoGrant(&auth.VideoGrant{RoomJoin: true, Room: people}).ToJWT()
	if err != nil {
		return nil, err
	}
	camera, err := backendtest.PublishCamera(w.livekit.URL, own, loop)
	if err != nil {
		return nil, err
	}
	w.own("the camera's publisher", camera.Close)
	return screen, nil
}

// share plays a loop into a room as a shared screen.
func share(ctx context.Context, c *client.Client, room string, loop *backendtest.Loop) (*backendtest.Publisher, error) {
	token, err := c.Token(ctx, api.TokenRequest{RoomName: room})
	if err != nil {
		return nil, err
	}
	return backendtest.Publish(token.ServerURL, token.Token, loop)
}

// people is the room of the camera. It is a separate room, so that Room Composite captures the same single video as the
// rest.
const people = "people"

// measure makes one recording.
func (b *benchEgressCommand) measure(ctx context.Context, w *world, c *client.Client, typ api.RecordingType,
	screen *backendtest.Publisher) (row egressRow, err error) {
	idle, err := treeTime(w.egress.PID(), nil)
	if err != nil {
		return row, err
	}
	req := api.RecordingRequest{RoomName: room, Type: typ}
	switch typ {
	case api.TypeTrack:
		req.TrackID = screen.VideoID
	case api.TypeTrackComposite:
		req.VideoTrackID, req.AudioTrackID = screen.VideoID, screen.AudioID
	case api.TypeParticipant:
		req.RoomName = people
	}
	rec, err := c.Record(ctx, req)
	if err != nil {
		return row, err
	}
	if err := awaitRecording(ctx, c, rec.RecordingID, api.StateActive); err != nil {
		return row, err
	}
	if err := pause(ctx, w.egress.Proc, warmUp); err != nil {
		return row, err
	}
	row = egressRow{Type: typ.String()}
	// The service itself runs on for other recordings and is not counted.
	if row.Cores, row.MiB, err = watchTree(ctx, w.egress.Proc, idle, time.Duration(b.Seconds)*time.Second); err != nil {
		return row, err
	}
	if _, err := c.StopRecording(ctx, rec.RecordingID); err != nil {
		return row, err
	}
	if err := awaitRecording(ctx, c, rec.RecordingID, api.StateEnded); err != nil {
		return row, err
	}
	row.FPS, err = backendtest.FrameRate(ctx, filepath.Join(w.backend.Folder, "segments", rec.RecordingID,
		"recording.mp4"))
	return row, err
}

// embedded is the recorder of replays in the backend's own process, which encodes nothing.
const embedded = "embedded"

// measureEmbedded has its own backend record replays, all of one share, and counts all that this backend does. The
// frame rate is the least of any clip's.
func (b *benchEgressCommand) measureEmbedded(ctx context.Context, w *world, dir string, loop *backendtest.Loop) (
	row egressRow, err error) {
	backend, err := stack.StartBackend(ctx, dir, stack.BackendOptions{LiveKit: w.livekit, Identity: "bench",
		Program: w.backend.Program, Args: []string{"--recorder", embedded}})
	if err != nil {
		return row, err
	}
	defer backend.Close()
	c, err := client.New(backend.URL, backend.Token)
	if err != nil {
		return row, err
	}
	var replays []string
	for i := range b.Streams {
		name := fmt.Sprint(embedded, i)
		screen, err := share(ctx, c, name, loop)
		if err != nil {
			return row, err
		}
		defer screen.Close()
		replay, err := c.Start(ctx, api.StartRequest{RoomName: name, VideoTrackID: screen.VideoID,
			AudioTrackID: screen.AudioID})
		if err != nil {
			return row, err
		}
		replays = append(replays, replay.ReplayID)
	}
	if err := pause(ctx, backend.Proc, warmUp); err != nil {
		return row, err
	}
	row = egressRow{Type: embedded}
	if b.Streams > 1 {
		row.Type = fmt.Sprintf("%s, %d", embedded, b.Streams)
	}
	if row.Cores, row.MiB, err = watchTree(ctx, backend.Proc, nil, time.Duration(b.Seconds)*time.Second); err != nil {
		return row, err
	}
	row.FPS = math.Inf(1)
	for _, id := range replays {
		fps, err := clipFrameRate(ctx, c, id, filepath.Join(dir, "clip.mp4"))
		if err != nil {
			return row, err
		}
		row.FPS = min(row.FPS, fps)
	}
	return row, nil
}

// clipFrameRate saves what a replay's last seconds hold.
func clipFrameRate(ctx context.Context, c *client.Client, replay, file string) (fps float64, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	saved, err := c.Save(ctx, api.SaveRequest{ReplayID: replay, Seconds: 5})
	if err != nil {
		return 0, err
	}
	for {
		clip, err := c.Clip(ctx, saved.ClipID)
		switch {
		case err != nil:
			return 0, err
		case clip.State == api.ClipFailed:
			return 0, errors.New("the replay cannot be saved: " + clip.Reason)
		case clip.State == api.ClipReady:
			f, err := os.Create(file)
			if err != nil {
				return 0, err
			}
			_, err = c.Video(ctx, saved.ClipID, f)
			if err = errors.Join(err, f.Close()); err != nil {
				return 0, err
			}
			return backendtest.FrameRate(ctx, file)
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// awaitRecording waits for a state.
func awaitRecording(ctx context.Context, c *client.Client, id string, state api.State) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		rec, err := c.Recording(ctx, id)
		switch {
		case err != nil:
			return err
		case rec.State == state:
			return nil
		case rec.State.Over():
			return errors.New("the recording is over already: " + cmp.Or(rec.LastError, rec.State.String()))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the recording is not %s in time: %w", state, ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}
