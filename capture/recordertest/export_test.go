package recordertest

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture"
	"github.com/hindsight-app/hindsight/capture/capturetest"
	"github.com/hindsight-app/hindsight/capture/export"
)

func TestMain(m *testing.M) {
	export.Worker()
	os.Exit(m.Run())
}

// While clips are exported, with all that encoding costs, and others are saved, not one frame is lost.
func TestExportsDoNotDisturbTheCapture(t *testing.T) {
	newBench(t, 640, 360)
	c := config(t)
	r := openRecorder(t, c)
	waitBuffered(t, r, 4*time.Second)
	first, err := r.Save(context.Background(), capture.SaveRequest{Length: 4 * time.Second})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	begun, done, exported := make(chan struct{}), make(chan error, 1), 0
	go func() {
		began := false
		for ctx.Err() == nil {
			got, err := export.Run(ctx, export.Request{Path: first.Path, Preset: export.Fits, Limit: 200_000},
				func(export.Progress) {
					if !began {
						began = true
						close(begun)
					}
				})
			if err == nil {
				exported++
				err = os.Remove(got.Path)
			}
			if err != nil && ctx.Err() == nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	<-begun
	from := r.Status().Buffered
	waitBuffered(t, r, from+3*time.Second)
	_, err = r.Save(context.Background(), capture.SaveRequest{Length: 3 * time.Second})
	require.NoError(t, err)
	waitBuffered(t, r, from+6*time.Second)
	whole, err := r.Save(context.Background(), capture.SaveRequest{Length: 6 * time.Second})
	require.NoError(t, err)
	stop()
	require.NoError(t, <-done)
	frames, err := capturetest.Frames(context.Background(), whole.Path)
	require.NoError(t, err)
	t.Logf("%d frames in %.2f s, %d exports", len(frames), whole.Seconds, exported)
	require.InDelta(t, whole.Seconds*30, len(frames), 1.01, "a constant frame rate without gaps")
}
