package embedded

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/backend/recorder"
)

// A header whose first segment cannot be stored is named before the next segment, in both playlists.
func TestHeaderIsListedThoughASegmentIsLost(t *testing.T) {
	ctx := t.Context()
	stored := map[string]string{}
	full := errors.New("no space left on the disk")
	lost := map[string]bool{}
	w := &writer{put: func(_ context.Context, name string, data []byte) error {
		if lost[name] {
			delete(lost, name) // there is room the next time
			return full
		}
		stored[name] = string(data)
		return nil
	}}
	count := 0
	write := func(level byte) error {
		sps := bytes.Clone(spsHD)
		sps[3] = level
		at := after(time.Duration(count) * time.Second)
		count++
		return w.write(ctx, &segment{from: at, to: at.Add(time.Second), sets: parameterSets{string(sps), "\x68\xce"},
			frames: []sample{{at: at, length: time.Second, key: true, data: []byte("picture")}}})
	}
	lost["s_00000.m4s"] = true
	require.ErrorIs(t, write(40), full)
	require.NoError(t, write(40))
	require.NoError(t, write(40))
	lost["s_00002.m4s"] = true
	require.ErrorIs(t, write(41), full)
	require.NoError(t, write(41))

	var marks []string
	for line := range strings.Lines(stored[recorder.Playlist]) {
		if strings.HasPrefix(line, "#EXT-X-MAP") || strings.HasPrefix(line, "#EXT-X-DIS") || strings.HasPrefix(line, "s_") {
			marks = append(marks, strings.TrimSpace(line))
		}
	}
	require.Equal(t, []string{`#EXT-X-MAP:URI="i_00000.mp4"`, "s_00000.m4s", "s_00001.m4s", "#EXT-X-DISCONTINUITY",
		`#EXT-X-MAP:URI="i_00001.mp4"`, "s_00002.m4s"}, marks)
	live := stored[recorder.LivePlaylist]
	require.Contains(t, live, `"i_00001.mp4"`)
	require.NotContains(t, live, "s_00001.m4s", "it is of the header before")
}
