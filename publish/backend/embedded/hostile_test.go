package embedded

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/media"
)

var (
	spsHD = []byte{0x67, 0x42, 0xc0, 0x28, 0xd9, 0x00, 0x78, 0x02, 0x27, 0xe5, 0x84, 0x00, 0x00, 0x03, 0x00, 0x04, 0x00,
		0x00,
		0x03, 0x00, 0xf0, 0x3c, 0x60, 0xc9, 0x20}
	ppsHD = []byte{0x68, 0xcb, 0x8c, 0xb2}
)

// frame is an access unit in Annex B.
func frame(key bool) (out []byte) {
	nals := [][]byte{{0x41, 1, 2, 3}}
	if key {
		nals = [][]byte{spsHD, ppsHD, {0x65, 1, 2, 3}}
	}
	for _, n := range nals {
		out = append(append(out, 0, 0, 0, 1), n...)
	}
	return out
}

// wiretap plays RTP packets into both assemblers and the segmenter, with a clock of its own, and checks what must hold
// whatever they say.
type wiretap struct {
	testing.TB
	cutter       *segmenter
	video, sound *assembler
	videoSeq     uint16
	soundSeq     uint16
	now          time.Time
	frames       int // that came out of the assembler
	last         *segment
	segments     int
}

func newWiretap(t testing.TB) *wiretap {
	w := &wiretap{TB: t, now: epoch, cutter: newSegmenter(newClock(), true)}
	w.video = newAssembler(true, func(u unit) { w.frames++; w.cutter.addFrame(u) })
	w.sound = newAssembler(false, w.cutter.addSound)
	return w
}

// packet sends a packet over the wire, in its bytes.
func (w *wiretap) packet(video, marker bool, stamp uint32, payload []byte) {
	a, seq := w.sound, &w.soundSeq
	if video {
		a, seq = w.video, &w.videoSeq
	}
	b, err := (&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: *seq, Marker: marker, Timestamp: stamp},
		Payload: payload}).Marshal()
	require.NoError(w, err)
	var p rtp.Packet
	require.NoError(w, p.Unmarshal(b))
	*seq++
	a.push(&p, w.now)
}

func (w *wiretap) frame(key bool, stamp uint32) {
	parts := (&codecs.H264Payloader{}).Payload(1200, frame(key))
	for i, p := range parts {
		w.packet(true, i == len(parts)-1, stamp, p)
	}
}

// pass lets time go by and takes the segments.
func (w *wiretap) pass(d time.Duration) {
	w.now = w.now.Add(d)
	require.LessOrEqual(w, len(w.video.open.data), maxUnitBytes*2)
	held := 0
	for _, u := range w.cutter.frames {
		held += len(u.data)
	}
	require.LessOrEqual(w, held, maxPending+2*maxUnitBytes)
	for s := w.cutter.step(w.now); s != nil; s = w.cutter.step(w.now) {
		w.check(s)
	}
}

func (w *wiretap) check(s *segment) {
	const slack = longest + 5*time.Second
	require.True(w, s.from.Before(s.to))
	require.True(w, s.to.Before(w.now.Add(maxLead+slack)), "a segment until %v at %v", s.to, w.now)
	require.True(w, s.from.After(epoch.Add(-maxLag-slack)), "a segment from %v", s.from)
	// Silence between two plausible moments at most.
	require.LessOrEqual(w, len(s.sound), int((w.now.Sub(epoch)+maxLag+maxLead+slack)/(2*time.Millisecond)))
	if w.last != nil {
		require.False(w, s.to.Before(w.last.to), "time goes back")
	}
	for _, list := range [][]sample{s.frames, s.sound} {
		for _, v := range list {
			require.GreaterOrEqual(w, v.length, time.Duration(0))
			require.Less(w, v.length, maxLag+maxLead+slack)
		}
	}
	w.last = s
	w.segments++
}

// play is an honest publisher for a while; the stamps are what dishonest ones change.
func (w *wiretap) play(d time.Duration, stamp, soundStamp func(at time.Duration) uint32) {
	for at := time.Duration(0); at < d; at += 20 * time.Millisecond {
		if at%(40*time.Millisecond) == 0 {
			w.frame(at%(2*time.Second) == 0, stamp(at))
		}
		w.packet(false, false, soundStamp(at), packet20)
		w.pass(20 * time.Millisecond)
	}
}

func honest(rate, base int64) func(time.Duration) uint32 {
	return func(at time.Duration) uint32 { return uint32(base + media.ToTicks(at, rate)) }
}

// What a publisher sends is not what we believe: an access unit ends, and segments are dated near their arrival.
func TestHostilePackets(t *testing.T) {
	video, sound := honest(videoRate, 7000), honest(soundRate, 3000)
	for name, attack := range map[string]func(w *wiretap){
		"one timestamp without marker": func(w *wiretap) {
			payload := append([]byte{0x41}, make([]byte, 1200)...)
			for range 3 * maxUnitBytes / len(payload) {
				w.packet(true, false, 1, payload)
			}
			w.pass(0)
		},
		"tiny packets of one timestamp": func(w *wiretap) {
			for range 4 * maxUnitPackets {
				w.packet(true, false, 1, []byte{0x41, 1})
			}
			w.pass(0)
			require.LessOrEqual(w, len(w.video.open.data), 8*maxUnitPackets)
		},
		"a fragment that never ends": func(w *wiretap) {
			payload := append([]byte{0x5c, 0x85}, make([]byte, 1200)...) // FU-A (RFC 6184, 5.8) with its start bit
			for range 3 * maxUnitBytes / len(payload) {
				w.packet(true, false, 1, payload)
				payload[1] = 0x05
			}
			require.LessOrEqual(w, w.video.open.packets*len(payload), 4*maxUnitBytes)
			w.pass(0)
		},
		"an hour ahead at each key frame": func(w *wiretap) {
			w.play(20*time.Second, func(at time.Duration) uint32 {
				return video(at) + uint32(at/(2*time.Second))*3600*videoRate
			}, sound)
		},
		"back and forth": func(w *wiretap) {
			w.play(20*time.Second, func(at time.Duration) uint32 {
				return video(at) + uint32(at/time.Second%2)*1<<31
			}, func(at time.Duration) uint32 { return sound(at) - uint32(at/time.Second%2)*3*3600*soundRate })
		},
		"twice as fast": func(w *wiretap) {
			w.play(time.Minute, honest(2*videoRate, 0), honest(2*soundRate, 0))
		},
		"standing still": func(w *wiretap) {
			w.play(time.Minute, func(at time.Duration) uint32 { return uint32(at / time.Millisecond) },
				func(at time.Duration) uint32 { return uint32(at / time.Millisecond) })
		},
		"sound an hour ahead": func(w *wiretap) {
			w.play(20*time.Second, video, func(at time.Duration) uint32 {
				return sound(at) + uint32(at/(3*time.Second))*3600*soundRate
			})
		},
		"packets of sound that say they last for seconds": func(w *wiretap) {
			for range 100 {
				w.packet(false, false, sound(w.now.Sub(epoch)), []byte{0x1f, 63, 0})
				w.pass(20 * time.Millisecond)
			}
		},
		"reports an hour ahead": func(w *wiretap) {
			for i := range 20 {
				w.play(time.Second, func(at time.Duration) uint32 { return video(at + time.Duration(i)*time.Second) },
					func(at time.Duration) uint32 { return sound(at + time.Duration(i)*time.Second) })
				ntp := toNTP(w.now.Add(time.Duration(i) * time.Hour))
				w.cutter.clock.report(&w.cutter.clock.video, ntp, video(time.Duration(i)*time.Second), w.now)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWiretap(t)
			w.play(10*time.Second, video, sound)
			require.NotZero(t, w.segments)
			attack(w)
			segments, begun := w.segments, w.now.Sub(epoch)
			w.play(15*time.Second, func(at time.Duration) uint32 { return video(begun + at) },
				func(at time.Duration) uint32 { return sound(begun + at) })
			require.Greater(t, w.segments, segments+2, "it goes on afterwards")
			require.NotEmpty(t, w.last.frames)
			require.WithinDuration(t, w.now, w.last.to, longest, "dated as it came")
			if last := w.cutter.finish(); last != nil {
				w.check(last)
			}
		})
	}
}

// FuzzPackets plays packets with any payload and time, read from data: 8 bytes of header, then the payload.
func FuzzPackets(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 2))
	seed := make([]byte, 600)
	for i := range seed {
		seed[i] = byte(r.Uint32())
	}
	f.Add(seed)
	f.Add([]byte{0xff, 4, 0, 0, 0, 0, 0, 1, 0x65, 1, 2, 3, 0xfe, 2, 0x80, 0, 0, 0, 0, 200, 0xfc, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		w := newWiretap(t)
		w.play(3*time.Second, honest(videoRate, 0), honest(soundRate, 0))
		stamps := [2]uint32{3 * soundRate, 3 * videoRate}
		for len(data) > 8 {
			video, marker, key := data[0]&1, data[0]&2 != 0, data[0]&4 != 0
			n := min(int(data[1])+1, len(data)-8)
			stamps[video] += binary.BigEndian.Uint32(data[2:])
			if w.videoSeq += uint16(data[6]) & 3; key {
				w.frame(data[0]&8 != 0, stamps[1])
			}
			w.packet(video == 1, marker, stamps[video], data[8:8+n])
			w.pass(time.Duration(data[7]) * 10 * time.Millisecond)
			data = data[8+n:]
		}
		if last := w.cutter.finish(); last != nil {
			w.check(last)
		}
	})
}
