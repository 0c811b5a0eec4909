package uploads

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/mp4"
)

// good is a clip as ffmpeg writes it: moov at the end, B-frames, an edit list for each track.
var good = sync.OnceValues(func() ([]byte, error) {
	return encoded("-f", "lavfi", "-i", "testsrc2=s=160x90:r=30", "-f", "lavfi", "-i", "sine=r=48000", "-t", "2", "-c:v",
		"libx264", "-preset", "veryfast", "-g", "30", "-bf", "2", "-pix_fmt", "yuv420p", "-c:a", "aac", "-ac", "2")
})

// encoded has ffmpeg write an MP4 file.
func encoded(args ...string) (b []byte, err error) {
	dir, err := os.MkdirTemp("", "uploads-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "a.mp4")
	if out, err := exec.Command("ffmpeg", append(append([]string{"-v", "error", "-nostdin"}, args...),
		path)...).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("ffmpeg is needed, run make setup: %w: %s", err, out)
	}
	return os.ReadFile(path)
}

// clip is a copy of the good one.
func clip(t testing.TB) []byte {
	t.Helper()
	b, err := good()
	require.NoError(t, err)
	return bytes.Clone(b)
}

// written examines a file and writes it anew.
func written(t testing.TB, b []byte) (f *file, out []byte, err error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "upload.mp4")
	require.NoError(t, os.WriteFile(path, b, 0o600))
	if f, err = examine(t.Context(), path, time.Hour); err != nil {
		return nil, nil, err
	}
	defer f.Close()
	var w bytes.Buffer
	_, err = mp4.Write(t.Context(), &w, f.movie)
	return f, w.Bytes(), err
}

// frameHashes are the hashes of all that ffmpeg decodes of a file, with their times.
func frameHashes(t *testing.T, b []byte, stream string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.mp4")
	require.NoError(t, os.WriteFile(path, b, 0o600))
	out, err := exec.Command("ffmpeg", "-v", "error", "-i", path, "-map", "0:"+stream, "-f", "framemd5", "-").Output()
	require.NoError(t, err)
	return string(out)
}

// What is taken is written anew: the header first, the same frames at the same times, and nothing of what its maker
// noted in it.
func TestClipIsWrittenAnew(t *testing.T) {
	b := clip(t)
	require.Equal(t, "mdat", string(b[bytes.Index(b, []byte("free"))+4+4:][:4]), "the header is not at the end")
	f, out, err := written(t, b)
	require.NoError(t, err)
	require.Equal(t, 160, f.width)
	require.Equal(t, 90, f.height)
	require.InDelta(t, 2, f.length.Seconds(), 0.05)
	require.Equal(t, "ftyp", string(out[4:8]))
	require.Equal(t, "moov", string(out[binary.BigEndian.Uint32(out)+4:][:4]))
	require.Contains(t, string(b), "Lavf")
	require.NotContains(t, string(out[:bytes.Index(out, []byte("mdat"))]), "Lavf")
	for _, stream := range []string{"v", "a"} {
		require.Equal(t, frameHashes(t, b, stream), frameHashes(t, out, stream), stream)
	}
	_, again, err := written(t, out)
	require.NoError(t, err, "its own files are not taken")
	require.Equal(t, frameHashes(t, out, "v"), frameHashes(t, again, "v"))
}

// jpegOf is a small image.
func jpegOf(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 64, 36)), nil))
	return b.Bytes()
}

// The program's own clips are taken as they are: cut, with an edit list, a track of chapters, a star and a cover; and
// so are its recordings. Chapters and cover go on, the star does not.
func TestOwnClipsAreTaken(t *testing.T) {
	dir := t.TempDir()
	from, path := filepath.Join(dir, "from.mp4"), filepath.Join(dir, "clip.mp4")
	require.NoError(t, os.WriteFile(from, clip(t), 0o600))
	source, err := mp4.Open(from)
	require.NoError(t, err)
	defer source.Close()
	m, err := source.Cut(500*time.Millisecond, 1500*time.Millisecond)
	require.NoError(t, err)
	m.Chapters = []mp4.Chapter{{At: m.Start + 300*time.Millisecond, Title: "here\u202e"}}
	m.Created = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	_, err = mp4.WriteFile(t.Context(), path, m)
	require.NoError(t, err)
	require.NoError(t, errors.Join(mp4.SetCover(path, jpegOf(t)), mp4.SetStar(path, true)))
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	f, out, err := written(t, b)
	require.NoError(t, err)
	require.InDelta(t, 1, f.length.Seconds(), 0.01)
	require.Equal(t, jpegOf(t), f.cover)
	require.Equal(t, m.Created, f.created.UTC())
	require.Equal(t, []mp4.Chapter{{At: 300 * time.Millisecond, Title: "here"}}, f.movie.Chapters)
	require.Equal(t, frameHashes(t, b, "v:0"), frameHashes(t, out, "v:0"))
	require.NoError(t, os.WriteFile(path, out, 0o600))
	info, err := mp4.Inspect(path)
	require.NoError(t, err)
	require.False(t, info.Starred)
	require.NotContains(t, string(out), string(jpegOf(t)))

	// A recording, which was fragmented until it ended.
	grown, err := os.Create(filepath.Join(dir, "recording.mp4"))
	require.NoError(t, err)
	defer grown.Close()
	var frames []mp4.Sample
	for i := range 90 {
		at := time.Duration(i) * time.Second / 30
		x := mp4.Sample{DTS: at, PTS: at, Duration: time.Second / 30, Sync: i%30 == 0, NALs: [][]byte{{0x41, 1, 2}}}
		if x.Sync {
			x.NALs = append(parameterSets[:2:2], []byte{0x65, 1, 2})
		}
		for _, n := range x.NALs {
			x.Data = append(append(x.Data, 0, 0, 0, 1), n...)
		}
		frames = append(frames, x)
	}
	g, err := mp4.Grow(grown, mp4.Movie{Tracks: []mp4.Track{{Kind: mp4.H264}}}, frames[0])
	require.NoError(t, err)
	for _, x := range frames {
		require.NoError(t, g.Add(0, x))
	}
	b, err = os.ReadFile(grown.Name())
	require.NoError(t, err)
	_, _, err = written(t, b)
	require.ErrorContains(t, err, "still being recorded")
	require.NoError(t, g.End(3*time.Second, nil, nil))
	b, err = os.ReadFile(grown.Name())
	require.NoError(t, err)
	f, _, err = written(t, b)
	require.NoError(t, err)
	require.InDelta(t, 3, f.length.Seconds(), 0.01)
}

// parameterSets are those of 1920x1080 as x264 writes them.
var parameterSets = [][]byte{{0x67, 0x42, 0xc0, 0x28, 0xda, 0x01, 0xe0, 0x08, 0x9f, 0x97, 0x01, 0x10, 0x00, 0x00, 0x03,
	0x00, 0x10, 0x00, 0x00, 0x03, 0x03, 0xc8, 0xf1, 0x83, 0x2a}, {0x68, 0xce, 0x0f, 0xc8}}

// body is where a box of this name begins behind its name, as often as it is named before. It stands in moov alone.
func body(b []byte, names ...string) []byte {
	at := bytes.Index(b, []byte("moov"))
	for _, n := range names {
		at += bytes.Index(b[at:], []byte(n)) + 4
	}
	return b[at:]
}

func put32(b []byte, v uint32) { binary.BigEndian.PutUint32(b, v) }

// box is a box with a body.
func box(name string, body []byte) []byte {
	return append(append(binary.BigEndian.AppendUint32(nil, uint32(8+len(body))), name...), body...)
}

// inMoov adds boxes to the end of moov, which is the last of the file.
func inMoov(b []byte, more []byte) []byte {
	at := bytes.Index(b, []byte("moov")) - 4
	b = append(b, more...)
	put32(b[at:], uint32(len(b)-at))
	return b
}

// hostile are files that no clip may come of.
func hostile(t testing.TB) map[string][]byte {
	t.Helper()
	change := func(f func(b []byte)) []byte {
		b := clip(t)
		f(b)
		return b
	}
	media := func(args ...string) []byte {
		b, err := encoded(append([]string{"-f", "lavfi", "-i", "testsrc2=s=160x90:r=30", "-f", "lavfi", "-i",
			"sine=r=48000", "-t", "1"}, args...)...)
		require.NoError(t, err)
		return b
	}
	b := clip(t)
	ftyp := b[:binary.BigEndian.Uint32(b)]
	nested := []byte{}
	for range 50_000 {
		nested = box("udta", nested)[:8:8] // heads alone, each in the one before
	}
	deep := bytes.Repeat(box("udta", nil), 100_000)
	for i := range 100_000 {
		put32(deep[8*i:], uint32(len(deep)-8*i))
	}
	sum := change(func(b []byte) { put32(body(b, "stsz")[4:], 1<<20) })
	copy(body(sum, "stsz")[:4], []byte{0, 0, 0, 0})
	random := change(func(b []byte) {
		r := rand.NewChaCha8([32]byte{1})
		from := bytes.Index(b, []byte("mdat")) + 4
		_, _ = r.Read(b[from:bytes.Index(b, []byte("moov"))])
	})
	return map[string][]byte{
		"nothing":                       {},
		"text":                          []byte(strings.Repeat("hello ", 1000)),
		"zip":                           append([]byte("PK\x03\x04"), make([]byte, 5000)...),
		"zip behind ftyp":               slices.Concat(ftyp, []byte("PK\x03\x04"), make([]byte, 5000)),
		"half":                          b[:len(b)/2],
		"one byte less":                 b[:len(b)-1],
		"without its header":            b[:bytes.Index(b, []byte("moov"))-4],
		"header alone":                  slices.Concat(ftyp, b[bytes.Index(b, []byte("moov"))-4:]),
		"10,000 boxes":                  slices.Concat(ftyp, bytes.Repeat(box("free", nil), 10_000), b[len(ftyp):]),
		"10,000 boxes in moov":          inMoov(clip(t), bytes.Repeat(box("free", nil), 10_000)),
		"100,000 deep":                  inMoov(clip(t), deep),
		"huge box":                      slices.Concat(ftyp, []byte("\xff\xff\xff\xffmdat"), b),
		"huge wide box":                 slices.Concat(ftyp, []byte("\x00\x00\x00\x01mdat"+strings.Repeat("\xff", 8)), b),
		"box of 4 bytes":                slices.Concat(ftyp, []byte("\x00\x00\x00\x04free"), b),
		"huge moov":                     change(func(b []byte) { put32(b[bytes.Index(b, []byte("moov"))-4:], 0x7fffffff) }),
		"two headers":                   append(clip(t), b[bytes.Index(b, []byte("moov"))-4:]...),
		"many samples":                  change(func(b []byte) { put32(body(b, "stsz")[8:], 0xffffffff) }),
		"many times":                    change(func(b []byte) { put32(body(b, "stts")[8:], 0xffffffff) }),
		"long times":                    change(func(b []byte) { put32(body(b, "stts")[12:], 0xffffffff) }),
		"many entries":                  change(func(b []byte) { put32(body(b, "stts")[4:], 0xffffffff) }),
		"one large sample":              change(func(b []byte) { put32(body(b, "stsz")[12:], 0x7fffffff) }),
		"the same bytes as all samples": sum,
		"samples elsewhere":             change(func(b []byte) { put32(body(b, "stco")[8:], 0xfffffff0) }),
		"unordered keyframes":           change(func(b []byte) { put32(body(b, "stss")[8:], 9) }),
		"long header":                   change(func(b []byte) { put32(body(b, "mvhd")[16:], 1000*3600*24) }),
		"a header that lies":            change(func(b []byte) { put32(body(b, "mvhd")[16:], 1000*60) }),
		"no timescale":                  change(func(b []byte) { put32(body(b, "mvhd")[12:], 0) }),
		"an edit beyond all":            change(func(b []byte) { put32(body(b, "elst")[12:], 0x7fffffff) }),
		"many edits":                    change(func(b []byte) { put32(body(b, "elst")[4:], 1<<30) }),
		"a fast edit":                   change(func(b []byte) { put32(body(b, "elst")[16:], 1<<17) }),
		"HEVC by name":                  change(func(b []byte) { copy(body(b, "stsd")[12:], "hvc1") }),
		"MP3 by name":                   change(func(b []byte) { copy(body(b, "soun", "stsd")[12:], ".mp3") }),
		"media elsewhere":               change(func(b []byte) { body(b, "url ")[3] = 0 }),
		"no H.264":                      random,
		"no parameter sets":             change(func(b []byte) { copy(body(b, "avcC")[8:], make([]byte, 20)) }),
		"MPEG-4 video":                  media("-c:v", "mpeg4", "-c:a", "aac"),
		"MP3":                           media("-c:v", "libx264", "-c:a", "libmp3lame"),
		"44.1 kHz":                      media("-c:v", "libx264", "-c:a", "aac", "-ar", "44100"),
		"6 channels":                    media("-c:v", "libx264", "-c:a", "aac", "-ac", "6"),
		"sound alone":                   media("-vn", "-c:a", "aac"),
		"fragments":                     media("-c:v", "libx264", "-c:a", "aac", "-movflags", "frag_keyframe+empty_moov"),
		"8,192 pixels": media("-vf", "scale=8192:16", "-frames:v", "2", "-c:v", "libx264", "-preset", "ultrafast",
			"-c:a", "aac"),
		"nests": inMoov(clip(t), nested),
	}
}

// mostMemory is what a hostile file may have allocated, in all, beside its own length.
const mostMemory = 24 << 20

// Files that were made to harm are refused, each with what is wrong with it, and cost little.
func TestHostileFilesAreRefused(t *testing.T) {
	for name, b := range hostile(t) {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, _, err := written(t, b)
			runtime.ReadMemStats(&after)
			var wrong Invalid
			require.ErrorAs(t, err, &wrong)
			t.Log(wrong)
			var broke *panicked
			require.NotErrorAs(t, err, &broke)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(mostMemory+2*len(b)))
		})
	}
}

// The longest clip that is taken needs little memory: its tables, and a frame at a time.
func TestLongestClipInLittleMemory(t *testing.T) {
	const length = time.Hour
	m := mp4.Movie{End: length, Tracks: []mp4.Track{{Kind: mp4.H264}, {Kind: mp4.AAC, AACConfig: []byte{0x11, 0x90}}}}
	for i := range 60 * 3600 {
		at := time.Duration(i) * time.Second / 60
		x := mp4.Sample{DTS: at, PTS: at, Duration: time.Second / 60, Sync: i%120 == 0, NALs: [][]byte{{0x41, 1, 2, 3}}}
		if x.Sync {
			x.NALs = append(parameterSets[:2:2], []byte{0x65, 1, 2, byte(i)})
		}
		m.Tracks[0].Samples = append(m.Tracks[0].Samples, x)
	}
	unit := 1024 * time.Second / 48000
	for at := time.Duration(0); at < length; at += unit {
		m.Tracks[1].Samples = append(m.Tracks[1].Samples, mp4.Sample{DTS: at, PTS: at, Duration: unit, Data: []byte{1, 2}})
	}
	path := filepath.Join(t.TempDir(), "long.mp4")
	out, err := os.Create(path)
	require.NoError(t, err)
	_, err = mp4.Write(t.Context(), out, m)
	require.NoError(t, errors.Join(err, out.Close()))
	m = mp4.Movie{}

	live := func() uint64 {
		runtime.GC()
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		return s.HeapAlloc
	}
	before := live()
	long, err := examine(t.Context(), path, length)
	require.NoError(t, err)
	defer long.Close()
	require.Len(t, long.movie.Tracks, 2)
	during := live() - before
	t.Logf("%d MB for a clip of %v at 60 FPS", during/1e6, length)
	require.Less(t, during, uint64(128e6))
	runtime.KeepAlive(long)
}

// changed changes a few places of a file's header.
func changed(r *rand.Rand, b []byte) {
	from := bytes.Index(b, []byte("moov")) + 4
	if r.IntN(8) == 0 {
		from = 0
	}
	for range 1 + r.IntN(4) {
		at := from + r.IntN(len(b)-from-4)
		switch r.IntN(4) {
		case 0:
			b[at] = byte(r.Uint32())
		case 1:
			b[at] ^= 1 << r.IntN(8)
		case 2:
			put32(b[at:], []uint32{0, 1, 0x7fffffff, 0x80000000, 0xffffffff}[r.IntN(5)])
		case 3:
			copy(b[at:], b[from+r.IntN(len(b)-from-4):][:4])
		}
	}
}

// harmless reads a file that may be anything: it is refused for what is wrong with it, or written anew, and what is
// written is no longer than it was and is taken again.
func harmless(t *testing.T, b []byte) (taken bool) {
	t.Helper()
	f, out, err := written(t, b)
	if err != nil {
		var wrong Invalid
		if f == nil {
			require.ErrorAs(t, err, &wrong)
		}
		return false
	}
	require.LessOrEqual(t, len(out), 2*len(b)+4096)
	_, _, err = written(t, out)
	require.NoError(t, err, "what it writes itself is not taken")
	return true
}

// Damage anywhere in a header is found, or does no harm.
func TestDamageDoesNoHarm(t *testing.T) {
	const times = 800
	taken := 0
	for seed := range uint64(times) {
		b := clip(t)
		changed(rand.New(rand.NewPCG(seed, 3)), b)
		if harmless(t, b) {
			taken++
		}
		if t.Failed() {
			t.Fatalf("with seed %d", seed)
		}
	}
	t.Logf("%d of %d were taken", taken, times)
	require.Less(t, taken, times)
}

func FuzzExamine(f *testing.F) {
	f.Add(clip(f))
	for _, b := range hostile(f) {
		if len(b) < 100_000 {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) { harmless(t, b) })
}
