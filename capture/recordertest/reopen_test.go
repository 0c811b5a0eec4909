package recordertest

import (
	"image"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture"
)

// openings counts in the log what was opened.
type openings struct {
	mu  sync.Mutex
	log strings.Builder
}

func (o *openings) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.log.Write(b)
}

// count returns how often the encoder and the source of the screen were opened.
func (o *openings) count() (encoders, sources int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Count(o.log.String(), `msg="encoding the video"`),
		strings.Count(o.log.String(), `msg="source is running" source=screen`)
}

// How video is encoded does not reopen the source; what is captured does not reopen the encoder, unless its size is
// another one.
func TestAChangeReopensOnlyWhatItConcerns(t *testing.T) {
	newBench(t, 640, 360)
	c := config(t)
	o := &openings{}
	c.Log = slog.New(slog.NewTextHandler(o, nil))
	r := openRecorder(t, c)
	want := func(encoders, sources int, why string) {
		t.Helper()
		require.NoError(t, r.Apply(c))
		frames := r.Status().Frames
		require.Eventually(t, func() bool {
			e, s := o.count()
			return e == encoders && s == sources && r.Status().Frames > frames+5
		}, 30*time.Second, 10*time.Millisecond, why)
	}
	want(1, 1, "the begin")
	c.Video.BitrateKbps = 3000
	want(2, 1, "a bitrate is the encoder's")
	require.Equal(t, 3000, r.Status().BitrateKbps)
	c.Video.Encoder = r.Status().Encoder
	want(3, 1, "so is an encoder")
	c.Video.HideCursor = true
	want(3, 2, "a pointer is the source's")
	c.Video.Target = capture.Target{Area: image.Rect(0, 0, 640, 360)}
	want(3, 3, "another target of the same size")
	c.Video.Target = capture.Target{Area: image.Rect(0, 0, 320, 180)}
	want(4, 4, "another size is both's")
	require.Equal(t, 320, r.Status().Width)
	c.Replay, c.Mic.Muted = 10*time.Second, true
	want(4, 4, "neither")
}
