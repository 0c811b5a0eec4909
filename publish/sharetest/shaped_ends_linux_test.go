//go:build linux

package sharetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hindsight-app/hindsight/capture"
	"github.com/hindsight-app/hindsight/capture/clip"
	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
	"github.com/hindsight-app/hindsight/cmd/devstack/wait"
	"github.com/hindsight-app/hindsight/publish"
	"github.com/hindsight-app/hindsight/publish/publishtest"
)

// endEnv names the part that this program plays at an end of a link, dirEnv the folder where both ends leave what they
// have to say.
const (
	endEnv, dirEnv = "HINDSIGHT_TEST_END", "HINDSIGHT_TEST_DIR"
	serverPart     = "server"
	publisherPart  = "publisher"
)

// TestMain also is the programs at the ends of a link: the tests start themselves there.
func TestMain(m *testing.M) {
	part := os.Getenv(endEnv)
	if part == "" {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	err := joined()
	if err == nil {
		err = map[string]func(context.Context, string) error{
			serverPart: serverEnd, publisherPart: publisherEnd,
			roomPart: roomEnd(false), roomSharePart: roomEnd(true), viewerPart: viewerEnd, sharePart: shareEnd,
		}[part](ctx, os.Getenv(dirEnv))
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func joined() error {
	there, err := stack.JoinLink()
	if err == nil && !there {
		err = errors.New("no link started this program")
	}
	return err
}

// serverFacts is what the publisher's end needs to know of the server's.
type serverFacts struct{ URL, Key, Secret string }

// viewed is what the viewer got.
type viewed struct {
	Frames []publishtest.Shown
}

// serverEnd runs a LiveKit server and a viewer beside it until ctx is done, and writes what the viewer got.
func serverEnd(ctx context.Context, dir string) error {
	lk, err := stack.StartLiveKit(ctx, filepath.Join(dir, "livekit"), stack.LiveKitOptions{Address: stack.LinkFar})
	if err != nil {
		return err
	}
	defer func() {
		_ = lk.Signal(syscall.SIGKILL)
		_ = lk.Close()
	}()
	viewer, err := publishtest.Subscribe(ctx, lk.URL, lk.APIKey, lk.APISecret, room)
	if err != nil {
		return err
	}
	defer viewer.Close()
	if err := writeJSON(dir, "server.json", serverFacts{lk.URL, lk.APIKey, lk.APISecret}); err != nil {
		return err
	}
	video, err := viewer.Wait(ctx, media.Video)
	if err != nil {
		return err
	}
	if err := wait.Poll(ctx, func() bool { return len(video.Shown()) > 0 }); err != nil {
		return err
	}
	if err := writeJSON(dir, "viewing.json", true); err != nil {
		return err
	}
	<-ctx.Done()
	return writeJSON(dir, "viewed.json", viewed{Frames: video.Shown()})
}

// frameSize is an encoded frame as the recorder gave it out.
type frameSize struct {
	At    time.Time
	Bytes int
	Key   bool
}

// moment is the publisher's state at a time.
type moment struct {
	At     time.Time
	Status publish.Status
	// LocalKbps is what the local stream is encoded with.
	LocalKbps int
}

// published is what the publisher's end saw.
type published struct {
	Local, Sent []frameSize
	Moments     []moment
	Clip        clip.Clip
}

// publisherEnd captures the screen, shares it in the low resolution and keeps the local replay, until ctx is done.
func publisherEnd(ctx context.Context, dir string) error {
	var facts serverFacts
	if err := readJSON(dir, "server.json", &facts); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	c := capture.Defaults()
	c.Video.Preset, c.Mic.Enabled, c.ClipFolder, c.Log = "performance", false, dir, log
	rec, err := capture.Open(ctx, c)
	if err != nil {
		return err
	}
	defer rec.Close()
	backend := publishtest.NewBackend(facts.URL, facts.Key, facts.Secret)
	defer backend.Close()
	out := published{}
	local, sent := watchFrames(rec), watchFrames(rec.LowLayer())
	sharing, err := publish.Start(ctx, publish.Config{BackendURL: backend.URL(), UserToken: publishtest.UserToken,
		Room: room, Log: log}, rec.LowLayer())
	if err != nil {
		return err
	}
	_ = wait.Poll(ctx, func() bool {
		out.Moments = append(out.Moments, moment{time.Now(), sharing.Status(), rec.Status().BitrateKbps})
		return false
	})
	if out.Clip, err = rec.Save(context.Background(), capture.SaveRequest{Length: clipLength}); err != nil {
		return err
	}
	out.Local, out.Sent = local(), sent()
	err = writeJSON(dir, "published.json", out)
	closing, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	return errors.Join(err, sharing.Close(closing))
}

// watchFrames notes the frames of a source until what it returns is called, which gives them.
func watchFrames(src publish.Source) func() []frameSize {
	reader := src.NewReader(1000, media.Video)
	var frames []frameSize
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			p, err := reader.Read(context.Background())
			if err != nil {
				return
			}
			frames = append(frames, frameSize{time.Now(), len(p.Data), p.Key})
		}
	})
	return func() []frameSize {
		_ = reader.Close()
		wg.Wait()
		return frames
	}
}

// writeJSON writes a file that is whole once it has its name.
func writeJSON(dir, name string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func readJSON(dir, name string, value any) error {
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	return json.Unmarshal(text, value)
}
