package backend_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/backendtest"
	"github.com/hindsight-app/hindsight/publish/client"
)

// landed is the newest moment that is stored: a clip up to it need not wait.
func (b *bench) landed(replay string) time.Time {
	b.Helper()
	r, err := b.client.Replay(b.ctx, replay)
	require.NoError(b, err)
	require.NotNil(b, r.To)
	return *r.To
}

// save asks for a clip and downloads it.
func (b *bench) save(replay string, seconds float64, pressed time.Time) (api.Clip, string) {
	b.Helper()
	saved, err := b.client.Save(b.ctx, api.SaveRequest{ReplayID: replay, Seconds: seconds, PressedAt: &pressed})
	require.NoError(b, err)
	return b.download(saved.ClipID)
}

// download waits for a clip and fetches it.
func (b *bench) download(id string) (api.Clip, string) {
	b.Helper()
	var clip *api.Clip
	var err error
	b.eventually(60*time.Second, "the clip", func() bool {
		clip, err = b.client.Clip(b.ctx, id)
		require.NoError(b, err)
		return clip.State != api.ClipWaiting
	})
	require.Equal(b, api.ClipReady, clip.State, clip.Reason)
	file := filepath.Join(b.TempDir(), "clip.mp4")
	f, err := os.Create(file)
	require.NoError(b, err)
	n, err := b.client.Video(b.ctx, clip.ClipID, f)
	require.NoError(b, errors.Join(err, f.Close()))
	require.Equal(b, clip.Bytes, n)
	return *clip, file
}

// check wants one H.264 and one AAC stream of the asked length, and marks within half a second of where the publisher
// set them.
func (b *bench) check(clip api.Clip, file string, seconds float64, pub *backendtest.Publisher) {
	b.Helper()
	b.checkClip(clip, file, seconds, pub, "aac", 500*time.Millisecond)
}

func (b *bench) checkClip(clip api.Clip, file string, seconds float64, pub *backendtest.Publisher, sound string,
	off time.Duration) {
	b.Helper()
	streams, length, err := backendtest.Probe(b.ctx, file)
	require.NoError(b, err)
	require.Len(b, streams, 2)
	require.Equal(b, "h264", streams[0].Codec)
	require.Equal(b, sound, streams[1].Codec)
	require.Equal(b, b.loop.Width, streams[0].Width)
	require.InDelta(b, seconds, length.Seconds(), 0.1)
	require.InDelta(b, seconds, clip.Seconds, 0.1)
	marks, err := backendtest.FindMarks(b.ctx, file)
	require.NoError(b, err)
	offset, pairs := marks.Offset()
	b.Logf("clip of %v: sound against video %v in %d pairs", length, offset, pairs)
	require.GreaterOrEqual(b, pairs, max(2, int(seconds/backendtest.MarkEvery.Seconds())/2))
	require.LessOrEqual(b, offset.Abs(), 25*time.Millisecond)
	if pub == nil {
		return
	}
	var sum time.Duration
	for _, f := range marks.Flashes {
		since := clip.From.Add(f).Sub(pub.Start)
		sum += (since+backendtest.MarkEvery/2)%backendtest.MarkEvery - backendtest.MarkEvery/2
	}
	late := sum / time.Duration(len(marks.Flashes))
	b.Logf("the clip's wall clock against the publisher's: %v", late)
	require.LessOrEqual(b, late.Abs(), off)
}

// savesWhole saves a stretch that spans several recordings, and wants a file that decodes from end to end without
// complaint.
func (b *bench) savesWhole(replay string, seconds float64, pressed time.Time) api.Clip {
	b.Helper()
	clip, file := b.save(replay, seconds, pressed)
	require.InDelta(b, seconds, clip.Seconds, 0.1)
	streams, length, err := backendtest.Probe(b.ctx, file)
	require.NoError(b, err)
	require.Len(b, streams, 2)
	require.InDelta(b, seconds, length.Seconds(), 0.1)
	_, err = backendtest.FindMarks(b.ctx, file)
	require.NoError(b, err)
	return clip
}

// The main job: record, save, survive the backend's being killed, stop.
func TestReplayOnRealStack(t *testing.T) {
	b := newBench(t, with{egress: true})
	pub := b.publish("den")
	req := api.StartRequest{RoomName: "den", VideoTrackID: pub.VideoID, AudioTrackID: pub.AudioID}
	started, err := b.client.Start(b.ctx, req)
	require.NoError(t, err)
	again, err := b.client.Start(b.ctx, req)
	require.NoError(t, err)
	require.Equal(t, started.ReplayID, again.ReplayID)
	require.Equal(t, started.EgressID, again.EgressID)
	b.waitBuffered(started.ReplayID, 12)

	clip, file := b.save(started.ReplayID, 10, b.landed(started.ReplayID))
	b.check(clip, file, 10, pub)
	checkRange(b, clip)

	// Viewers rewind it, but for a pause.
	v := b.rewinds(started.ReplayID, api.ClipsAnyone)
	p := b.shows(v, time.Now().Add(-10*time.Second))
	b.plays(v, p, "video/mp2t")
	from := p.Entries[0].Wall.Add(time.Second)
	clip, file = b.viewerClip(v, from, from.Add(6*time.Second))
	b.check(clip, file, 6, pub)
	b.pauses(v, started.ReplayID)

	// Killed, the service goes on with the replay, and finishes a clip that it left waiting.
	pressed := time.Now()
	waiting, err := b.client.Save(b.ctx, api.SaveRequest{ReplayID: started.ReplayID, Seconds: 12, PressedAt: &pressed})
	require.NoError(t, err)
	b.killBackend()
	again, err = b.client.Start(b.ctx, req)
	require.NoError(t, err)
	require.Equal(t, started.EgressID, again.EgressID, "the recording did not go on without the backend")
	clip, file = b.download(waiting.ClipID)
	b.check(clip, file, 12, pub)

	stopped, err := b.client.Stop(b.ctx, api.StopRequest{ReplayID: started.ReplayID})
	require.NoError(t, err)
	require.Equal(t, api.StateEnded, stopped.State)
	require.NoError(t, b.calls().DeleteClip(b.ctx, clip.ClipID))
	_, err = b.client.Clip(b.ctx, clip.ClipID)
	require.ErrorIs(t, err, client.ErrNotFound)
	_, err = os.Stat(filepath.Join(b.backend.Folder, "clips", clip.ClipID+".mp4"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func checkRange(b *bench, clip api.Clip) {
	b.Helper()
	req, err := http.NewRequestWithContext(b.ctx, http.MethodGet, b.backend.URL+clip.URL, nil)
	require.NoError(b, err)
	req.Header.Set("Authorization", "Bearer "+b.backend.Token)
	req.Header.Set("Range", "bytes=4-7")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(b, err)
	defer resp.Body.Close()
	require.Equal(b, http.StatusPartialContent, resp.StatusCode)
	require.Equal(b, "video/mp4", resp.Header.Get("Content-Type"))
	var box [4]byte
	_, err = resp.Body.Read(box[:])
	require.True(b, err == nil || err.Error() == "EOF")
	require.Equal(b, "ftyp", string(box[:]))
}
