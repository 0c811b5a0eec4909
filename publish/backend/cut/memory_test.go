package cut

import (
	"bytes"
	"io"
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts"
	tscodecs "github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/codecs"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/mp4"
)

// The shape of a heavy screen share: 20 Mb/s, 60 frames a second, segments of 4 s.
const (
	heavyRate    = 20_000_000
	heavyFrames  = 60
	heavySegment = 4 * time.Second
)

// A parameter set each of H.264 at 1920×1080, as x264 writes them.
var (
	heavySPS = []byte{0x67, 0x42, 0xc0, 0x28, 0xda, 0x01, 0xe0, 0x08, 0x9f, 0x97, 0x01, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10,
		0x00, 0x00, 0x03, 0x03, 0xc0, 0xf1, 0x83, 0x2a}
	heavyPPS = []byte{0x68, 0xce, 0x3c, 0x80}
)

// heavy is a segment of frames that are all filler, with sound.
func heavy(t testing.TB) []byte {
	t.Helper()
	var out bytes.Buffer
	video := &mpegts.Track{Codec: &tscodecs.H264{}}
	audio := &mpegts.Track{Codec: &tscodecs.MPEG4Audio{Config: mpeg4audio.AudioSpecificConfig{
		Type: mpeg4audio.ObjectTypeAACLC, SampleRate: 48000, ChannelConfig: 2}}}
	w := &mpegts.Writer{W: &out, Tracks: []*mpegts.Track{video, audio}}
	require.NoError(t, w.Initialize())
	const base = int64(ClockBase/time.Second) * 90000
	n := heavyFrames * int(heavySegment/time.Second)
	sound := int64(0)
	for i := range n {
		frame := bytes.Repeat([]byte{0x55}, heavyRate/8/heavyFrames)
		frame[0] = 0x41
		nals := [][]byte{frame}
		if i == 0 {
			frame[0] = 0x65
			nals = [][]byte{heavySPS, heavyPPS, frame}
		}
		at := int64(i) * 90000 / heavyFrames
		require.NoError(t, w.WriteH264(video, base+at, base+at, nals))
		for ; sound <= at; sound += 1024 * 90000 / 48000 {
			require.NoError(t, w.WriteMPEG4Audio(audio, base+sound, [][]byte{bytes.Repeat([]byte{0x55}, 340)}))
		}
	}
	return out.Bytes()
}

// peak watches how much memory the heap takes until stop is called, which returns by how much it grew at most.
func peak() (stop func() (bytes uint64)) {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/unused:bytes"}}
	read := func() uint64 { metrics.Read(sample); return sample[0].Value.Uint64() + sample[1].Value.Uint64() }
	runtime.GC()
	idle := read()
	highest, ended := idle, make(chan struct{})
	var over atomic.Bool
	go func() {
		defer close(ended)
		for tick := time.NewTicker(2 * time.Millisecond); !over.Load(); <-tick.C {
			highest = max(highest, read())
		}
	}()
	return func() uint64 { over.Store(true); <-ended; return highest - idle }
}

// Long clips are cut in little memory, one alone and two at a time. HINDSIGHT_CUT_MINUTES makes them longer, for a look
// by hand.
func TestLongClipsTakeLittleMemory(t *testing.T) {
	length := 2 * time.Minute
	if m, err := strconv.Atoi(os.Getenv("HINDSIGHT_CUT_MINUTES")); err == nil {
		length = time.Duration(m) * time.Minute
	}
	segment := heavy(t)
	var list []Source
	for i := range int(length / heavySegment) {
		start := began.Add(time.Duration(i) * heavySegment)
		list = append(list, Source{Zero: start.Add(-ClockBase), Wall: start,
			Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(segment)), nil }})
	}
	for clips, most := range map[int]uint64{1: 64 << 20, 2: 128 << 20} {
		stop := peak()
		begun := time.Now()
		var wait sync.WaitGroup
		errs := make([]error, clips)
		for i := range clips {
			wait.Go(func() {
				m, err := Movie(t.Context(), list, began, began.Add(length), 0)
				if err == nil {
					var n int64
					n, err = mp4.Write(t.Context(), io.Discard, m)
					if want := int64(length.Seconds()) * heavyRate / 8; n < want {
						t.Errorf("the clip has %d bytes, want %d", n, want)
					}
				}
				errs[i] = err
			})
		}
		wait.Wait()
		for _, err := range errs {
			require.NoError(t, err)
		}
		grew := stop()
		t.Logf("%d clips of %v: %d MiB in %v", clips, length, grew>>20, time.Since(begun).Round(time.Millisecond))
		require.LessOrEqual(t, grew, most, "%d clips of %v", clips, length)
	}
}
