package mp4_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/pion/webrtc/v4/pkg/media/oggreader"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/mp4"
)

// opus makes real Opus packets of 20 ms: a 1 kHz tone that begins at second 2. libopus looks 312 samples ahead.
func opus(t *testing.T, seconds string) (samples []mp4.Sample) {
	t.Helper()
	out := made(t, "-f", "lavfi", "-i", "aevalsrc='if(gte(t,2),0.5*sin(2*PI*1000*t),0)':s=48000:c=stereo:d="+seconds,
		"-c:a", "libopus", "-application", "audio", "-b:a", "128k", "-frame_duration", "20", "-page_duration", "20000", "-f",
		"ogg", "-")
	r, head, err := oggreader.NewWith(bytes.NewReader(out))
	require.NoError(t, err)
	require.EqualValues(t, 312, head.PreSkip)
	for {
		page, _, err := r.ParseNextPage()
		if errors.Is(err, io.EOF) {
			return samples
		}
		require.NoError(t, err)
		if bytes.HasPrefix(page, []byte("OpusTags")) {
			continue
		}
		at := time.Duration(len(samples)) * 20 * time.Millisecond
		samples = append(samples, mp4.Sample{PTS: at, DTS: at, Duration: 20 * time.Millisecond, Sync: true, Data: page})
	}
}

func TestOpusIsExactToTheSample(t *testing.T) {
	v, a := videoSamples(t, 4, "128x72"), opus(t, "4")
	start, length := time.Second+17*time.Second/fps, 2*time.Second
	path := write(t, mp4.Movie{
		Tracks: []mp4.Track{{Kind: mp4.H264, Samples: v[30:]},
			{Kind: mp4.Opus, Samples: a[60:], Priming: 312 * time.Second / 48000}},
		Start: start, End: start + length,
	})
	p := ffprobe(t, path)
	require.Len(t, p.Streams, 2)
	require.Equal(t, "opus", p.Streams[1].CodecName)
	require.InDelta(t, length.Seconds(), seconds(t, p.Streams[0].Duration), 0.001)
	require.InDelta(t, length.Seconds(), seconds(t, p.Streams[1].Duration), 0.001)
	pcm := ffmpeg(t, "-i", path, "-f", "s16le", "-ac", "1", "-")
	require.InDelta(t, length.Seconds(), float64(len(pcm)/2)/48000, 0.021)
	require.InDelta(t, (2*time.Second - start).Seconds(), float64(onset(pcm))/48000, 0.003, "the tone begins where it was")
}

// onset is the number of the first loud sample.
func onset(pcm []byte) int {
	for i := 0; i+1 < len(pcm); i += 2 {
		if v := int16(uint16(pcm[i]) | uint16(pcm[i+1])<<8); v > 3000 || v < -3000 {
			return i / 2
		}
	}
	return -1
}
