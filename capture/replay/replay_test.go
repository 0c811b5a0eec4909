package replay_test

import (
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/capture/replay"
)

const frame = time.Second / 30

func videoPacket(i, size int, key bool) *media.Packet {
	at := time.Duration(i) * time.Second / 30
	return &media.Packet{Track: media.Video, PTS: at, DTS: at, Duration: frame, Key: key, Data: make([]byte, size)}
}

func sound(i int) *media.Packet {
	at := time.Duration(i) * 1024 * time.Second / 48000
	return &media.Packet{Track: media.AAC, PTS: at, DTS: at, Duration: 1024 * time.Second / 48000, Key: true,
		Data: make([]byte, 500), Config: []byte{0x11, 0x90}}
}

// alone is the same for one source.
func alone(i int, t media.Track) *media.Packet {
	p := sound(i)
	p.Track = t
	return p
}

// fill writes seconds of frames with an IDR every two seconds, and of sound.
func fill(r *replay.Ring, seconds int) {
	s := 0
	for i := range seconds * 30 {
		r.Write(videoPacket(i, 1000, i%60 == 0))
		for ; sound(s).PTS < videoPacket(i, 0, false).PTS; s++ {
			r.Write(sound(s))
		}
	}
}

func TestKeepsItsLengthAndNoMore(t *testing.T) {
	r := replay.New(20*time.Second, 1<<30)
	fill(r, 120)
	d, bytes := r.Buffered()
	require.GreaterOrEqual(t, d, 20*time.Second)
	require.LessOrEqual(t, d, 20*time.Second+4*time.Second)
	require.Less(t, bytes, int64(24*(30*1000+47*500)))
	r.SetBounds(5*time.Second, 1<<30)
	for i := 3600; i < 3661; i++ {
		r.Write(videoPacket(i, 1000, i%60 == 0))
	}
	d, _ = r.Buffered()
	require.LessOrEqual(t, d, 9*time.Second)
}

func TestSnapshotIsExact(t *testing.T) {
	r := replay.New(20*time.Second, 1<<30)
	fill(r, 60)
	for _, length := range []time.Duration{5 * time.Second, 7300 * time.Millisecond, 20 * time.Second} {
		s, ok := r.Snapshot(length, 0)
		require.True(t, ok)
		require.InDelta(t, length.Seconds(), (s.End - s.Start).Seconds(), frame.Seconds()/2+1e-6)
		require.True(t, s.Video[0].Key)
		require.LessOrEqual(t, s.Video[0].PTS, s.Start)
		require.Equal(t, s.End, s.Video[len(s.Video)-1].PTS+frame)
		require.Less(t, s.Sound[0].PTS, s.Start)
		last := s.Sound[len(s.Sound)-1]
		require.GreaterOrEqual(t, last.PTS+last.Duration+time.Millisecond, s.End)
	}
}

func TestSnapshotEndsAtThePress(t *testing.T) {
	r := replay.New(20*time.Second, 1<<30)
	fill(r, 60)
	s, ok := r.Snapshot(5*time.Second, 50*time.Second)
	require.True(t, ok)
	require.InDelta(t, 50, s.End.Seconds(), frame.Seconds())
	require.LessOrEqual(t, s.End, 50*time.Second+time.Millisecond)
	_, ok = r.Snapshot(5*time.Second, time.Second)
	require.False(t, ok, "that is long gone")
	s, ok = r.Snapshot(time.Hour, 0)
	require.True(t, ok)
	require.Less(t, s.End-s.Start, 25*time.Second, "all there is")
}

func TestAStreamWithoutKeyframesCannotGrow(t *testing.T) {
	r := replay.New(20*time.Second, 1_000_000)
	require.True(t, r.Write(videoPacket(0, 1000, false)), "an IDR should be asked for")
	require.False(t, r.Write(videoPacket(1, 1000, true)))
	asked := false
	for i := 2; i < 5000; i++ {
		asked = r.Write(videoPacket(i, 1000, false)) || asked
		_, bytes := r.Buffered()
		require.LessOrEqual(t, bytes, int64(1_001_000))
	}
	require.True(t, asked)
	r.Write(videoPacket(5000, 1000, true))
	_, ok := r.Snapshot(time.Second, 0)
	require.True(t, ok, "and it works again after the next IDR")
}

func TestBytesAreABound(t *testing.T) {
	r := replay.New(20*time.Minute, 500_000)
	fill(r, 120)
	d, bytes := r.Buffered()
	require.LessOrEqual(t, bytes, int64(500_000))
	require.Greater(t, d, 5*time.Second)
}

func TestSoundWithoutVideoIsBounded(t *testing.T) {
	r := replay.New(10*time.Second, 1<<30)
	for i := range 20000 {
		r.Write(sound(i))
	}
	_, bytes := r.Buffered()
	require.Less(t, bytes, int64(12*47*500))
	_, ok := r.Snapshot(time.Second, 0)
	require.False(t, ok)
}

func TestSnapshotsSurviveTheRing(t *testing.T) {
	r := replay.New(5*time.Second, 1<<30)
	fill(r, 10)
	s, ok := r.Snapshot(5*time.Second, 0)
	require.True(t, ok)
	first := s.Video[0].PTS
	r.Clear()
	fill(r, 60)
	require.Equal(t, first, s.Video[0].PTS)
	for i, p := range s.Video[1:] {
		gap := (p.PTS - s.Video[i].PTS).Round(time.Microsecond)
		require.Equal(t, frame, gap.Truncate(time.Microsecond)+(frame-frame.Truncate(time.Microsecond)))
	}
}

func TestMemoryIsGivenBack(t *testing.T) {
	r := replay.New(5*time.Second, 1<<30)
	var m runtime.MemStats
	for i := range 60 * 60 * 5 {
		r.Write(videoPacket(i, 20_000, i%60 == 0))
	}
	runtime.GC()
	runtime.ReadMemStats(&m)
	_, bytes := r.Buffered()
	require.Less(t, int64(m.HeapAlloc), bytes+20<<20)
}

// Whatever comes in, a snapshot begins with a keyframe, in order, inside the bounds.
func FuzzRing(f *testing.F) {
	f.Add(uint64(1), uint64(2))
	f.Fuzz(func(t *testing.T, a, b uint64) {
		rng := rand.New(rand.NewPCG(a, b))
		r := replay.New(time.Duration(5+rng.IntN(60))*time.Second, int64(10_000+rng.IntN(3_000_000)))
		n, s := 0, 0
		for range 3000 {
			n += 1 + rng.IntN(3)/2*rng.IntN(40)
			r.Write(videoPacket(n, rng.IntN(20_000), rng.IntN(50) == 0))
			for ; rng.IntN(4) > 0 && sound(s).PTS < videoPacket(n, 0, false).PTS; s++ {
				r.Write(sound(s))
			}
			if rng.IntN(100) > 0 {
				continue
			}
			snap, ok := r.Snapshot(time.Duration(rng.IntN(70))*time.Second, 0)
			if !ok {
				continue
			}
			if !snap.Video[0].Key || snap.End <= snap.Start || snap.Video[0].PTS > snap.Start {
				t.Fatalf("bad window %v to %v, first frame %+v", snap.Start, snap.End, snap.Video[0].PTS)
			}
		}
	})
}

func BenchmarkWrite(b *testing.B) {
	r := replay.New(time.Minute, 1<<30)
	data := make([]byte, 40_000)
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		at := time.Duration(i) * time.Second / 30
		r.Write(&media.Packet{Track: media.Video, PTS: at, Duration: frame, Key: i%60 == 0, Data: data})
		i++
	}
}

func BenchmarkSnapshot(b *testing.B) {
	r := replay.New(time.Minute, 1<<30)
	fill(r, 70)
	b.ReportAllocs()
	for b.Loop() {
		r.Snapshot(time.Minute, 0)
	}
}

func TestSourcesAreKeptBesideTheMix(t *testing.T) {
	r := replay.New(5*time.Second, 1<<30)
	s := 0
	for i := range 20 * 30 {
		r.Write(videoPacket(i, 1000, i%60 == 0))
		for ; sound(s).PTS < videoPacket(i, 0, false).PTS; s++ {
			r.Write(alone(s, media.MicAAC))
			r.Write(sound(s))
			r.Write(alone(s, media.DesktopAAC))
		}
	}
	_, bytes := r.Buffered()
	require.Less(t, bytes, int64(9*(30*1000+3*47*500)))
	got, ok := r.Snapshot(3*time.Second, 0)
	require.True(t, ok)
	require.Len(t, got.Sources, 2)
	for i, track := range []media.Track{media.DesktopAAC, media.MicAAC} {
		require.Len(t, got.Sources[i], len(got.Sound))
		require.Equal(t, track, got.Sources[i][0].Track)
		require.Equal(t, got.Sound[0].PTS, got.Sources[i][0].PTS)
	}
}

func TestSnapshotsOneAfterTheOtherShareNoFrame(t *testing.T) {
	r := replay.New(20*time.Second, 1<<30)
	fill(r, 30)
	first, ok := r.Snapshot(5*time.Second, 20*time.Second)
	require.True(t, ok)
	second, ok := r.SnapshotSince(15*time.Second, 0, first.End)
	require.True(t, ok)
	require.InDelta(t, first.End, second.Start, 1000, "to the rounding of times")
	_, ok = r.SnapshotSince(15*time.Second, 0, second.End)
	require.False(t, ok, "there is nothing new")
}

// What was captured before a moment is not even hidden in a file.
func TestNothingOlderIsInASnapshot(t *testing.T) {
	r := replay.New(20*time.Second, 1<<30)
	fill(r, 20)
	all, ok := r.Snapshot(15*time.Second, 0)
	require.True(t, ok)
	same, ok := all.NotBefore(time.Nanosecond)
	require.True(t, ok)
	require.Equal(t, all.Video, same.Video)
	since := all.End - 5*time.Second
	late, ok := all.NotBefore(since)
	require.True(t, ok)
	require.True(t, late.Video[0].Key)
	require.GreaterOrEqual(t, late.Video[0].PTS, since)
	require.GreaterOrEqual(t, late.Sound[0].PTS, since)
	require.Equal(t, late.Video[0].PTS, late.Start)
	require.Equal(t, all.End, late.End)
	_, ok = all.NotBefore(all.End)
	require.False(t, ok)
}

func TestPinnedPacketsStayUntilReleased(t *testing.T) {
	r := replay.New(5*time.Second, 600_000)
	fill(r, 10)
	release := r.Pin(5 * time.Second)
	for i := 300; i < 900; i++ {
		r.Write(videoPacket(i, 1000, i%60 == 0))
	}
	s, ok := r.Snapshot(time.Hour, 0)
	require.True(t, ok)
	require.LessOrEqual(t, s.Video[0].PTS, 5*time.Second)
	release()
	release()
	for i := 900; i < 1000; i++ {
		r.Write(videoPacket(i, 1000, i%60 == 0))
	}
	s, ok = r.Snapshot(time.Hour, 0)
	require.True(t, ok)
	require.Greater(t, s.Video[0].PTS, 24*time.Second)
}
