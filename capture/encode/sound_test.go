package encode

import (
	"encoding/hex"
	"fmt"
	"math"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/encode/engine"
	"github.com/hindsight-app/hindsight/capture/gst"
	"github.com/hindsight-app/hindsight/capture/media"
)

// collector keeps the packets of one encoder.
type collector struct {
	mu      sync.Mutex
	packets []*media.Packet
}

func (c *collector) emit(p *media.Packet) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.packets = append(c.packets, p)
}

func (c *collector) all() []*media.Packet {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]*media.Packet(nil), c.packets...)
}

// decode plays packets through a GStreamer decoder and returns the left channel.
func decode(t *testing.T, caps, decoder string, packets []*media.Packet) []float32 {
	t.Helper()
	p, err := gst.Parse("appsrc name=in format=time caps=\"" + caps + "\" ! " + decoder +
		" ! audioconvert ! audio/x-raw,format=F32LE,channels=2,layout=interleaved ! appsink name=out sync=false")
	require.NoError(t, err)
	defer p.Close()
	in, err := p.Element("in")
	require.NoError(t, err)
	out, err := p.Element("out")
	require.NoError(t, err)
	require.NoError(t, p.Play(0))
	for i, k := range packets {
		b, err := gst.NewBuffer(k.Data)
		require.NoError(t, err)
		require.NoError(t, in.Push(b, time.Duration(i)*k.Duration, k.Duration))
	}
	in.EndStream()
	var pcm []float32
	for {
		s, err := out.Pull(5*time.Second, time.Millisecond)
		if err != nil {
			require.ErrorIs(t, err, gst.ErrEnded)
			return pcm
		}
		b, err := s.Bytes()
		require.NoError(t, err)
		if len(b) > 0 {
			all := unsafe.Slice((*float32)(unsafe.Pointer(&b[0])), len(b)/4)
			for i := 0; i < len(all); i += 2 {
				pcm = append(pcm, all[i])
			}
		}
		s.Release()
	}
}

// A burst that begins at a known time must come out of a decoder at that time, counted from the first packet's PTS.
func TestDecodedSoundIsInTime(t *testing.T) {
	for _, k := range soundEncoders {
		if k.Installed() != nil && k.Name == "fdkaacenc" {
			continue // not free software: Debian does not carry it
		}
		rates := []int{0}
		if k.Track == media.AAC {
			rates = []int{0, 64}
		}
		for _, kbps := range rates {
			testInTime(t, k, kbps)
		}
	}
}

func testInTime(t *testing.T, k engine.SoundEncoder, kbps int) {
	t.Run(fmt.Sprintf("%s at %d kbps", k.Name, kbps), func(t *testing.T) {
		var got collector
		s, err := openSound(k, k.Track, kbps, got.emit)
		require.NoError(t, err)
		defer s.Close()
		const origin, length, burst = 100 * time.Second, 2 * time.Second, 1200 * time.Millisecond
		at := time.Duration(0)
		next := func() {
			b := make([]float32, 960*2)
			for i := range 960 {
				x := at + media.SamplesToDuration(i) - burst
				if x >= 0 && x < 2*time.Millisecond { // a short burst of 3 kHz with a smooth envelope
					sec := x.Seconds()
					v := float32(0.8 * math.Sin(2*math.Pi*3000*sec) * math.Pow(math.Sin(math.Pi*sec/0.002), 2))
					b[2*i], b[2*i+1] = v, v
				}
			}
			assert.NoError(t, s.Encode(media.PCM{PTS: origin + at, Samples: b}))
			at += 20 * time.Millisecond
		}
		for at < length {
			next()
		}
		require.Eventually(t, func() bool {
			if k.Track != media.Opus {
				next() // packets for clips are collected with it
			}
			return len(got.all()) >= 80
		}, time.Minute, 10*time.Millisecond)
		packets := got.all()
		caps, decoder := "audio/x-opus,channel-mapping-family=0,channels=2,rate=48000", "opusdec"
		if k.Track == media.AAC {
			config := packets[0].Config
			require.NotEmpty(t, config)
			caps = fmt.Sprintf("audio/mpeg,mpegversion=4,stream-format=raw,rate=48000,channels=2,codec_data=(buffer)%s",
				hex.EncodeToString(config))
			decoder = "avdec_aac"
		}
		pcm := decode(t, caps, decoder, packets)
		var weight, centre float64
		for i, v := range pcm {
			e := float64(v) * float64(v)
			weight += e
			centre += e * float64(i)
		}
		require.Positive(t, weight)
		heard := packets[0].PTS + media.SamplesToDuration(int(centre/weight))
		off := heard - (origin + burst + time.Millisecond)
		t.Logf("%s: %d packets, the first at %v, off by %v (%d samples)", k.Name, len(packets), packets[0].PTS-origin, off,
			media.DurationToSamples(off))
		require.InDelta(t, 0, off.Seconds(), 0.002)
		for i, p := range packets[1:] {
			require.Equal(t, p.Duration, (p.PTS - packets[i].PTS).Round(10*time.Microsecond).Round(p.Duration),
				"packets follow each other")
			require.True(t, p.Key)
		}
		if kbps > 0 {
			size := 0
			for _, p := range packets {
				size += len(p.Data)
			}
			require.Less(t, float64(size)*8/1000/(float64(len(packets))*packets[0].Duration.Seconds()), float64(kbps)*1.2)
		}
	})
}
