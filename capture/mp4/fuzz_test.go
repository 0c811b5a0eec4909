package mp4_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	amp4 "github.com/abema/go-mp4"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/mp4"
)

// Parameter sets of 1920x1080 as x264 writes them.
var (
	fuzzSPS = []byte{0x67, 0x42, 0xc0, 0x28, 0xda, 0x01, 0xe0, 0x08, 0x9f, 0x97, 0x01, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10,
		0x00, 0x00, 0x03, 0x03, 0xc8, 0xf1, 0x83, 0x2a}
	fuzzPPS = [][]byte{{0x68, 0xce, 0x0f, 0xc8}, {0x68, 0xce, 0x3c, 0x80}}
)

// stream is a random stream and what a reader has to find of it.
type stream struct {
	tracks []mp4.Track
	want   [][][]byte // for each track the bytes of each sample as they are in a file
}

func randomStream(r *rand.Rand) stream {
	var s stream
	at := time.Duration(r.Int64N(int64(time.Hour)))
	video := mp4.Track{Kind: mp4.H264}
	var want [][]byte
	begin := at
	for i := range 1 + r.IntN(200) {
		key := i == 0 || r.IntN(20) == 0
		slice := append([]byte{0x41}, payload(r, 1+r.IntN(300))...)
		nals := [][]byte{{9, 0xf0}, slice}
		if key {
			slice[0] = 0x65
			nals = [][]byte{{9, 0xf0}, fuzzSPS, fuzzPPS[r.IntN(2)], slice}
		}
		var data []byte
		for _, n := range nals {
			data = append(append(data, 0, 0, 0, 1), n...)
		}
		duration := time.Second / 30 * time.Duration(1+r.IntN(3)*r.IntN(20)) // gaps of up to two seconds
		video.Samples = append(video.Samples, mp4.Sample{DTS: at, PTS: at, Duration: duration, Sync: key, Data: data})
		want = append(want, append(binary.BigEndian.AppendUint32(nil, uint32(len(slice))), slice...))
		at += duration
	}
	s.tracks, s.want = append(s.tracks, video), append(s.want, want)
	for range r.IntN(3) {
		audio := mp4.Track{Kind: mp4.AAC, AACConfig: []byte{0x11, 0x90}, Off: len(s.tracks) > 1}
		var want [][]byte
		for t := begin + time.Duration(r.Int64N(int64(time.Second))); t < at; t += 1024 * time.Second / 48000 {
			data := payload(r, 1+r.IntN(50))
			audio.Samples = append(audio.Samples, mp4.Sample{DTS: t, PTS: t, Duration: 1024 * time.Second / 48000, Sync: true,
				Data: data})
			want = append(want, data)
			if r.IntN(200) == 0 {
				t += time.Duration(r.Int64N(int64(time.Second))) // sound may be missing
			}
		}
		if len(want) > 0 {
			s.tracks, s.want = append(s.tracks, audio), append(s.want, want)
		}
	}
	return s
}

func payload(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(1 + r.IntN(255)) // no start codes
	}
	return b
}

func (s stream) window() (start, end time.Duration) {
	v := s.tracks[0].Samples
	return v[0].PTS, v[len(v)-1].PTS + v[len(v)-1].Duration
}

func (s stream) chapters(r *rand.Rand) (out []mp4.Chapter) {
	start, end := s.window()
	for range r.IntN(5) {
		out = append(out, mp4.Chapter{At: start - time.Second + time.Duration(r.Int64N(int64(end-start+2*time.Second))),
			Title: "mark"})
	}
	return out
}

// check reads the file with another library and compares every sample's bytes and time, and what lies around them.
func (s stream) check(t *testing.T, file []byte, cover []byte, marks []mp4.Chapter) {
	t.Helper()
	info, err := amp4.Probe(bytes.NewReader(file))
	require.NoError(t, err)
	require.Empty(t, info.Segments, "no fragments")
	start, end := s.window()
	within := 0
	for _, m := range marks {
		if m.At >= start && m.At < end {
			within = 1
		}
	}
	require.Len(t, info.Tracks, len(s.tracks)+within)
	require.InDelta(t, (end - start).Seconds(), float64(info.Duration)/float64(info.Timescale), 1e-3)
	for i, track := range info.Tracks[:len(s.tracks)] {
		require.Len(t, track.Samples, len(s.want[i]))
		var at uint64
		n := 0
		for _, c := range track.Chunks {
			offset := c.DataOffset
			for range c.SamplesPerChunk {
				size := uint64(track.Samples[n].Size)
				got := file[offset : offset+size]
				require.True(t, bytes.HasSuffix(got, s.want[i][n]), "sample %d of track %d", n, i)
				require.LessOrEqual(t, len(got)-len(s.want[i][n]), 8+len(fuzzSPS)+4, "parameter sets before it, at most")
				v := s.tracks[i].Samples
				require.InDelta(t, (v[n].DTS - v[0].DTS).Seconds(), float64(at)/float64(track.Timescale), 1e-4)
				at, offset, n = at+uint64(track.Samples[n].TimeDelta), offset+size, n+1
			}
		}
		require.Equal(t, len(track.Samples), n)
	}
	covr, err := amp4.ExtractBox(bytes.NewReader(file), nil,
		amp4.BoxPath{amp4.StrToBoxType("moov"), amp4.StrToBoxType("udta"),
			amp4.StrToBoxType("meta"), amp4.StrToBoxType("ilst"), amp4.StrToBoxType("covr"), amp4.StrToBoxType("data")})
	require.NoError(t, err)
	if len(cover) == 0 {
		require.Empty(t, covr)
		return
	}
	require.Len(t, covr, 1)
	data := file[covr[0].Offset : covr[0].Offset+covr[0].Size]
	require.Equal(t, cover, data[16:], "behind size, name, type and locale")
}

func FuzzWriter(f *testing.F) {
	for i := range uint64(30) {
		f.Add(i)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 1))
		s := randomStream(r)
		start, end := s.window()
		cover, marks := payload(r, r.IntN(1000)), s.chapters(r)
		path := filepath.Join(t.TempDir(), "a.mp4")
		_, err := mp4.WriteFile(context.Background(), path, mp4.Movie{
			Tracks: s.tracks, Start: start, End: end, Chapters: marks, ReserveCover: true,
		})
		require.NoError(t, err)
		if len(cover) > 0 {
			require.NoError(t, mp4.SetCover(path, cover))
		}
		file, err := os.ReadFile(path)
		require.NoError(t, err)
		s.check(t, file, cover, marks)
	})
}

func FuzzGrowing(f *testing.F) {
	for i := range uint64(30) {
		f.Add(i)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 2))
		s := randomStream(r)
		_, end := s.window()
		cover, marks := payload(r, r.IntN(1000)), s.chapters(r)
		f, err := os.Create(filepath.Join(t.TempDir(), "a.mp4"))
		require.NoError(t, err)
		defer f.Close()
		tracks := append([]mp4.Track{}, s.tracks...)
		for i := range tracks {
			tracks[i].Samples = nil
		}
		g, err := mp4.Grow(f, mp4.Movie{Tracks: tracks}, s.tracks[0].Samples[0])
		require.NoError(t, err)
		left := make([][]mp4.Sample, len(tracks))
		for i := range tracks {
			left[i] = s.tracks[i].Samples
		}
		for next := 0; next >= 0; {
			next = -1
			for i := range left {
				if len(left[i]) > 0 && (next < 0 || left[i][0].DTS < left[next][0].DTS) {
					next = i
				}
			}
			if next >= 0 {
				require.NoError(t, g.Add(next, left[next][0]))
				left[next] = left[next][1:]
			}
		}
		own, err := os.Open(f.Name())
		require.NoError(t, err)
		defer own.Close()
		s.checkFragments(t, own)
		require.NoError(t, g.End(end, marks, cover))
		file, err := os.ReadFile(f.Name())
		require.NoError(t, err)
		s.check(t, file, cover, marks)
	})
}

// checkFragments reads what is there before the end: whole seconds, each track from its first sample on.
func (s stream) checkFragments(t *testing.T, f io.ReadSeeker) {
	t.Helper()
	info, err := amp4.Probe(f)
	require.NoError(t, err)
	next := map[uint32]uint64{}
	count := map[uint32]int{}
	start, _ := s.window()
	for _, seg := range info.Segments {
		i := seg.TrackID - 1
		first := s.tracks[i].Samples[count[i]].DTS - start
		scale := float64(info.Tracks[i].Timescale)
		require.InDelta(t, first.Seconds(), float64(seg.BaseMediaDecodeTime)/scale, 1e-4)
		require.GreaterOrEqual(t, seg.BaseMediaDecodeTime, next[i])
		next[i] = seg.BaseMediaDecodeTime + uint64(seg.Duration)
		count[i] += int(seg.SampleCount)
	}
	for i, t2 := range s.tracks {
		v := t2.Samples
		if missing := v[len(v)-1].DTS - v[min(count[uint32(i)], len(v)-1)].DTS; count[uint32(i)] > 0 {
			require.Less(t, missing, 5*time.Second, "all but the last second and its gaps is written")
		}
	}
}
