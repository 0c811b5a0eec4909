package embedded

import (
	"bytes"
	"log/slog"
	"testing"

	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/recorder"
)

// A fault of the recorder ends the recording that meets it, with an error and a stack in the log, and nothing else: what
// comes later for it is dropped, and stopping it works.
func TestPanicEndsOneRecording(t *testing.T) {
	var log bytes.Buffer
	r := New(Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	s := newSession("EM_bad", recorder.Request{ID: "x", VideoTrack: "TR_v"}, r.o)
	s.room = lksdk.NewRoom(&lksdk.RoomCallback{})
	s.cutter = nil // what a fault would do: nothing can be added
	r.sessions[s.id] = s
	s.readers.Add(1)
	go s.run()
	s.units <- received{unit{data: frame(true)}, true}
	for range queued { // the loop is gone, and its reader goes on for a while
		select {
		case s.units <- received{unit{data: frame(false)}, true}:
		default:
		}
	}
	s.readers.Done()
	require.NoError(t, r.Stop(t.Context(), s.id))
	status, err := r.Status(t.Context(), s.id)
	require.NoError(t, err)
	require.Equal(t, api.StateFailed, status.State)
	require.Equal(t, errPanicked.Error(), status.Error)
	require.Contains(t, log.String(), "segmenter.go", "the stack")
	require.NoError(t, r.Close())
	require.True(t, s.guarded("reading a track", func() { panic("a packet") }))
}
