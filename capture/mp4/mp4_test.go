package mp4_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	amp4 "github.com/abema/go-mp4"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/mp4"
)

const fps = 30

// videoSamples makes real H.264: frame n is a flat luma of 16+n (mod 200), which full-range grey shows as n*255/219,
// with an IDR every second.
func videoSamples(t *testing.T, seconds int, size string) []mp4.Sample {
	t.Helper()
	out := made(t, "-f", "lavfi", "-i", "color=black:s="+size+":r=30:d="+strconv.Itoa(seconds),
		"-vf", "geq=lum='16+mod(N,200)':cb=128:cr=128", "-c:v", "libx264", "-qp", "4", "-bf", "0",
		"-x264-params", "aud=1:repeat-headers=1:keyint=30:min-keyint=30:scenecut=0", "-f", "h264", "-")
	var samples []mp4.Sample
	for i, au := range bytes.Split(out, []byte{0, 0, 0, 1, 9})[1:] {
		data := append([]byte{0, 0, 0, 1, 9}, au...)
		at := time.Duration(i) * time.Second / fps
		samples = append(samples, mp4.Sample{PTS: at, DTS: at, Duration: time.Second / fps, Sync: i%30 == 0, Data: data})
	}
	require.Len(t, samples, seconds*fps)
	return samples
}

// sound makes real AAC: a 1 kHz tone that begins at second 2. FFmpeg's encoder adds 1024 samples of priming.
func sound(t *testing.T, seconds int) ([]mp4.Sample, []byte) {
	t.Helper()
	out := made(t, "-f", "lavfi", "-i",
		"aevalsrc='if(gte(t,2),0.5*sin(2*PI*1000*t),0)':s=48000:c=stereo:d="+strconv.Itoa(seconds),
		"-c:a", "aac", "-aac_coder", "fast", "-b:a", "128k", "-f", "adts", "-")
	var packets mpeg4audio.ADTSPackets
	require.NoError(t, packets.Unmarshal(out))
	config, err := (&mpeg4audio.AudioSpecificConfig{Type: mpeg4audio.ObjectTypeAACLC, SampleRate: 48000, ChannelConfig: 2,
		ChannelCount: 2}).Marshal()
	require.NoError(t, err)
	var samples []mp4.Sample
	for i, p := range packets {
		at := time.Duration(i) * 1024 * time.Second / 48000
		samples = append(samples, mp4.Sample{PTS: at, DTS: at, Duration: 1024 * time.Second / 48000, Sync: true, Data: p.AU})
	}
	return samples, config
}

// streams are what ffmpeg has made for tests, by its arguments.
var streams = map[string][]byte{}

// made is a stream that several tests use, and that ffmpeg encodes once.
func made(t *testing.T, args ...string) []byte {
	t.Helper()
	key := strings.Join(args, " ")
	if streams[key] == nil {
		streams[key] = ffmpeg(t, args...)
	}
	return bytes.Clone(streams[key])
}

func ffmpeg(t *testing.T, args ...string) []byte {
	t.Helper()
	var out, msg bytes.Buffer
	c := exec.Command("ffmpeg", append([]string{"-hide_banner", "-v", "error", "-nostdin"}, args...)...)
	c.Stdout, c.Stderr = &out, &msg
	require.NoError(t, c.Run(), "ffmpeg: %s (is it installed? make setup)", msg.String())
	return out.Bytes()
}

type probe struct {
	Format  struct{ Duration string }
	Streams []struct {
		CodecName string `json:"codec_name"`
		Duration  string
	}
}

func ffprobe(t *testing.T, path string) probe {
	t.Helper()
	out, err := exec.Command("ffprobe", "-v", "error", "-show_format", "-show_streams", "-of", "json", path).Output()
	require.NoError(t, err)
	var p probe
	require.NoError(t, json.Unmarshal(out, &p))
	return p
}

func seconds(t *testing.T, s string) float64 {
	v, err := strconv.ParseFloat(s, 64)
	require.NoError(t, err)
	return v
}

func write(t *testing.T, m mp4.Movie) string {
	path := filepath.Join(t.TempDir(), "clip.mp4")
	size, err := mp4.WriteFile(context.Background(), path, m)
	require.NoError(t, err)
	st, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, st.Size(), size)
	return path
}

func TestWindowIsExactToTheFrameAndTheSample(t *testing.T) {
	v := videoSamples(t, 8, "128x72")
	a, config := sound(t, 8)
	priming := 1024 * time.Second / 48000
	start := 1*time.Second + 17*time.Second/fps // in the middle of a GOP
	for _, length := range []time.Duration{500 * time.Millisecond, 3 * time.Second, 5 * time.Second} {
		path := write(t, mp4.Movie{
			Tracks: []mp4.Track{{Kind: mp4.H264, Samples: v[30:]}, {Kind: mp4.AAC, Samples: a[40:], AACConfig: config,
				Priming: priming}},
			Start: start, End: start + length,
		})
		p := ffprobe(t, path)
		require.Len(t, p.Streams, 2)
		require.InDelta(t, length.Seconds(), seconds(t, p.Format.Duration), 0.001)
		require.InDelta(t, length.Seconds(), seconds(t, p.Streams[0].Duration), 0.001)
		require.InDelta(t, length.Seconds(), seconds(t, p.Streams[1].Duration), 0.001)

		frames := ffmpeg(t, "-i", path, "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "gray", "-s", "1x1", "-")
		require.Len(t, frames, int(length.Seconds()*fps), "exactly the frames of the window")
		require.InDelta(t, 47*255/219, int(frames[0]), 2, "the first frame shown is the one at the window's start")

		if length < time.Second {
			continue
		}
		pcm := ffmpeg(t, "-i", path, "-f", "s16le", "-ac", "1", "-")
		require.InDelta(t, (2*time.Second - start).Seconds(), float64(onset(pcm))/48000, 0.003,
			"the tone begins where it was")
	}
}

func TestFirstBytesAreTheHeader(t *testing.T) {
	path := write(t, mp4.Movie{Tracks: []mp4.Track{{Kind: mp4.H264, Samples: videoSamples(t, 1, "128x72")}},
		End: time.Second})
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	moov, mdat := bytes.Index(b, []byte("moov")), bytes.Index(b, []byte("mdat"))
	require.Positive(t, moov)
	require.Less(t, moov, mdat)
	info, err := amp4.Probe(bytes.NewReader(b)) // an independent reader
	require.NoError(t, err)
	require.True(t, info.FastStart)
	require.Len(t, info.Tracks, 1)
	require.Len(t, info.Tracks[0].Samples, 30)
}

func TestFrameSizeMayChangeWithinAClip(t *testing.T) {
	first, second := videoSamples(t, 2, "128x72"), videoSamples(t, 2, "160x90")
	for i := range second {
		second[i].PTS += 2 * time.Second
		second[i].DTS += 2 * time.Second
	}
	path := write(t, mp4.Movie{Tracks: []mp4.Track{{Kind: mp4.H264, Samples: append(first, second...)}},
		End: 4 * time.Second})
	frames := ffmpeg(t, "-i", path, "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "gray", "-s", "1x1", "-")
	require.Len(t, frames, 4*fps, "every frame decodes")
	require.InDelta(t, 59*255/219, int(frames[119]), 2)
}

func TestLateSoundStartsLate(t *testing.T) {
	v := videoSamples(t, 3, "128x72")
	a, config := sound(t, 3)
	for i := range a {
		a[i].PTS += time.Second
		a[i].DTS += time.Second
	}
	path := write(t, mp4.Movie{Tracks: []mp4.Track{{Kind: mp4.H264, Samples: v},
		{Kind: mp4.AAC, Samples: a, AACConfig: config}}, End: 3 * time.Second})
	out, err := exec.Command("ffprobe", "-v", "error", "-select_streams", "a", "-show_entries", "stream=start_time", "-of",
		"csv=p=0", path).Output()
	require.NoError(t, err)
	require.InDelta(t, 1.0, seconds(t, string(bytes.TrimSpace(out))), 0.001)
}

func TestNeverOverwritesAndLeavesNothingBehind(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "clip.mp4")
	require.NoError(t, os.WriteFile(path, []byte("precious"), 0o644))
	m := mp4.Movie{Tracks: []mp4.Track{{Kind: mp4.H264, Samples: videoSamples(t, 1, "128x72")}}, End: time.Second}
	_, err := mp4.WriteFile(context.Background(), path, m)
	require.ErrorIs(t, err, os.ErrExist)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = mp4.WriteFile(ctx, filepath.Join(folder, "other.mp4"), m)
	require.ErrorIs(t, err, context.Canceled)
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "precious", string(b))
}

func TestRefusesWhatCannotBePlayed(t *testing.T) {
	v := videoSamples(t, 1, "128x72")
	for name, m := range map[string]mp4.Movie{
		"no tracks":         {End: time.Second},
		"empty window":      {Tracks: []mp4.Track{{Kind: mp4.H264, Samples: v}}, Start: time.Second, End: time.Second},
		"before the window": {Tracks: []mp4.Track{{Kind: mp4.H264, Samples: v}}, Start: -2 * time.Second, End: -time.Second},
		"no parameter sets": {Tracks: []mp4.Track{{Kind: mp4.H264, Samples: v[1:]}}, End: time.Second},
	} {
		_, err := mp4.Write(context.Background(), &bytes.Buffer{}, m)
		require.Error(t, err, name)
	}
}

func TestFurtherSoundIsThereButOff(t *testing.T) {
	v := videoSamples(t, 2, "128x72")
	a, config := sound(t, 2)
	track := func(name string, off bool) mp4.Track {
		return mp4.Track{Kind: mp4.AAC, Samples: a, AACConfig: config, Name: name, Off: off}
	}
	path := write(t, mp4.Movie{End: 2 * time.Second, Tracks: []mp4.Track{
		{Kind: mp4.H264, Samples: v}, track("Mix", false), track("Desktop", true), track("Microphone", true)}})
	out, err := exec.Command("ffprobe", "-v", "error", "-show_entries",
		"stream=codec_type:stream_tags=handler_name:stream_disposition=default", "-of", "csv=p=0", path).Output()
	require.NoError(t, err)
	require.Equal(t, "video,1,Picture\naudio,1,Mix\naudio,0,Desktop\naudio,0,Microphone\n", string(out))
}
