//go:build linux

package sharetest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
	"github.com/hindsight-app/hindsight/cmd/devstack/wait"
	"github.com/hindsight-app/hindsight/publish"
	"github.com/hindsight-app/hindsight/publish/publishtest"
)

// The parts of the ends of a link with two layers: at the far end a LiveKit server and a viewer, at the near one
// another viewer, and the publisher at either.
const (
	roomPart      = "room"
	roomSharePart = "room that shares"
	viewerPart    = "viewer"
	sharePart     = "share"
)

// The layers' widths, and their bitrates in kb/s.
const (
	fullWidth, fullKbps = 1280, 2500
	lowWidth, lowKbps   = 640, 500
)

// seen is what a viewer gets now, and what the publisher at the same end says.
type seen struct {
	Width, Frames int
	// Units counts all frames, Whole is the share of the newest wholeOf that arrived whole.
	Units  int
	Whole  float64
	Status publish.Status
}

// wholeOf is over how many frames Whole is measured: 5 s.
const wholeOf = 150

// roomEnd runs a LiveKit server and a viewer, and shares two layers where it is to.
func roomEnd(share bool) func(context.Context, string) error {
	return func(ctx context.Context, dir string) error {
		lk, err := stack.StartLiveKit(ctx, filepath.Join(dir, "livekit"), stack.LiveKitOptions{Address: stack.LinkFar,
			SendSideEstimate: share})
		if err != nil {
			return err
		}
		defer func() {
			_ = lk.Signal(syscall.SIGKILL)
			_ = lk.Close()
		}()
		facts := serverFacts{lk.URL, lk.APIKey, lk.APISecret}
		if share {
			_, end, err := startLayers(ctx, dir, facts)
			if err != nil {
				return err
			}
			defer end()
		}
		viewer, err := publishtest.SubscribeAs(ctx, lk.URL, lk.APIKey, lk.APISecret, room, "near")
		if err != nil {
			return err
		}
		defer viewer.Close()
		if err := writeJSON(dir, "server.json", facts); err != nil {
			return err
		}
		return tellSeen(ctx, dir, "far.json", viewer, nil)
	}
}

// viewerEnd is a viewer of the room at the other end.
func viewerEnd(ctx context.Context, dir string) error {
	var facts serverFacts
	if err := readJSON(dir, "server.json", &facts); err != nil {
		return err
	}
	viewer, err := publishtest.SubscribeAs(ctx, facts.URL, facts.Key, facts.Secret, room, "far away")
	if err != nil {
		return err
	}
	defer viewer.Close()
	return tellSeen(ctx, dir, "near.json", viewer, nil)
}

// shareEnd shares two layers in the room at the other end.
func shareEnd(ctx context.Context, dir string) error {
	var facts serverFacts
	if err := readJSON(dir, "server.json", &facts); err != nil {
		return err
	}
	p, end, err := startLayers(ctx, dir, facts)
	if err != nil {
		return err
	}
	defer end()
	return tellSeen(ctx, dir, "near.json", nil, p)
}

// startLayers shares two layers until the function it returns is called.
func startLayers(ctx context.Context, dir string, facts serverFacts) (p *publish.Publisher, end func(), err error) {
	backend := publishtest.NewBackend(facts.URL, facts.Key, facts.Secret)
	source := func(name string, o publishtest.SourceOptions) (*publishtest.Source, error) {
		at := filepath.Join(dir, name)
		if err := os.MkdirAll(at, 0o700); err != nil {
			return nil, err
		}
		return publishtest.NewSource(ctx, at, o)
	}
	full, err := source("full", publishtest.SourceOptions{Width: fullWidth, Height: 720, BitrateKbps: fullKbps,
		Seconds: 4})
	if err != nil {
		return nil, nil, err
	}
	low, err := source("low", publishtest.SourceOptions{Width: lowWidth, Height: 360, BitrateKbps: lowKbps, Seconds: 4,
		Beside: full})
	if err != nil {
		return nil, nil, err
	}
	p, err = publish.Start(ctx, publish.Config{BackendURL: backend.URL(), UserToken: publishtest.UserToken, Room: room,
		Low: low}, full)
	return p, func() {
		closing, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		_ = p.Close(closing)
		_ = errors.Join(low.Close(), full.Close(), backend.Close())
	}, err
}

// tellSeen keeps a file up to date until ctx is done.
func tellSeen(ctx context.Context, dir, name string, viewer *publishtest.Subscriber, p *publish.Publisher) error {
	var video *publishtest.Stream
	var failed error
	_ = wait.Poll(ctx, func() bool {
		var now seen
		if p != nil {
			now.Status = p.Status()
		}
		if viewer != nil {
			if video == nil {
				if video, failed = viewer.Wait(ctx, media.Video); failed != nil {
					return true
				}
			}
			units := video.Units()
			now.Width, now.Frames = video.Layer()
			if now.Units = len(units); now.Units >= wholeOf {
				newest := units[now.Units-wholeOf:]
				now.Whole = float64(wholeOf-1) / (float64(newest[wholeOf-1].RTP-newest[0].RTP) / (90000 / 30))
			}
		}
		failed = writeJSON(dir, name, now)
		return failed != nil
	})
	if ctx.Err() != nil {
		return nil
	}
	return failed
}

// layerLink is a link with two layers.
type layerLink struct {
	*stack.Link
	ctx       context.Context
	dir       string
	far, near seen
}

func newLayerLink(t *testing.T, far, near string) *layerLink {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	t.Cleanup(cancel)
	l := &layerLink{Link: stack.NewLink(), ctx: ctx, dir: t.TempDir()}
	t.Cleanup(func() { l.Close() })
	for _, start := range []struct {
		start       func(context.Context, stack.Spec) (*stack.Proc, error)
		part, ready string
	}{{l.StartFar, far, "server.json"}, {l.StartNear, near, "near.json"}} {
		p, err := start.start(ctx, endSpec(t, l.dir, start.part, start.ready))
		require.NoError(t, err)
		t.Cleanup(func() { p.Close() })
	}
	return l
}

// until reads what both ends tell until ok.
func (l *layerLink) until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	err := wait.Poll(l.ctx, func() bool {
		_ = errors.Join(readJSON(l.dir, "far.json", &l.far), readJSON(l.dir, "near.json", &l.near))
		return ok()
	})
	require.NoError(t, err, "%s; far: %+v, near: %+v", what, l.far, l.near)
	t.Logf("%s; far: %+v, near: %+v", what, l.far, l.near)
}

// A viewer whose connection becomes slow gets the low layer, while another one keeps the full one.
func TestSlowViewerGetsTheLowLayer(t *testing.T) {
	l := newLayerLink(t, roomSharePart, viewerPart)
	l.until(t, "both get the full layer", func() bool {
		return l.far.Width == fullWidth && l.far.Frames > 30 && l.near.Width == fullWidth && l.near.Frames > 30
	})
	l.SetShapes(stack.Shape{}, stack.Shape{Kbps: 1200, Queue: time.Second})
	l.until(t, "the slow one gets the low layer for two seconds", func() bool {
		require.Equal(t, fullWidth, l.far.Width, "the other one gets another layer")
		return l.near.Width == lowWidth && l.near.Frames > 60
	})
	kept := l.far.Frames
	l.until(t, "the other one goes on", func() bool { return l.far.Width == fullWidth && l.far.Frames > kept+30 })
	l.SetShapes(stack.Shape{}, stack.Shape{})
}

// A publisher's lost packets are sent again. One whose connection becomes slow goes on with the low layer alone, says
// so, and comes back with both.
func TestSlowPublisherKeepsTheLowLayer(t *testing.T) {
	l := newLayerLink(t, roomPart, sharePart)
	l.until(t, "the full layer is there", func() bool { return l.far.Width == fullWidth && l.far.Frames > 30 })
	require.Empty(t, l.near.Status.Error)
	l.SetShapes(stack.Shape{Loss: 0.03, Delay: 20 * time.Millisecond}, stack.Shape{Delay: 20 * time.Millisecond})
	begin := l.far.Units
	l.until(t, "of the lossy path's frames some have come", func() bool { return l.far.Units > begin+wholeOf })
	require.Greater(t, l.far.Whole, 0.9, "a frame has nine packets: without retransmissions three quarters were whole")
	l.SetShapes(stack.Shape{Kbps: 1100, Queue: time.Second / 2}, stack.Shape{})
	l.until(t, "the low layer alone", func() bool {
		st := l.near.Status
		return l.far.Width == lowWidth && l.far.Frames > 60 && st.Layers == publish.Layers{Low: true}
	})
	require.Contains(t, l.near.Status.Error, "too slow for the full resolution")
	require.Equal(t, fullKbps, l.near.Status.BitrateKbps, "the local replay does not pay for the link")
	l.SetShapes(stack.Shape{}, stack.Shape{})
	both := publish.Layers{Full: true, Low: true}
	l.until(t, "both are sent again", func() bool { return l.near.Status.Layers == both })
	l.until(t, "both are back", func() bool {
		return l.far.Width == fullWidth && l.far.Frames > 60 && l.near.Status.Layers == both
	})
	require.Empty(t, l.near.Status.Error)
}
