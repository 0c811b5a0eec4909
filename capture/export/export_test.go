package export_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/image/webp"

	"github.com/hindsight-app/hindsight/capture/capturetest"
	"github.com/hindsight-app/hindsight/capture/clip"
	"github.com/hindsight-app/hindsight/capture/export"
	"github.com/hindsight-app/hindsight/capture/mp4"
	"github.com/hindsight-app/hindsight/cmd/devstack/wait"
)

func TestMain(m *testing.M) {
	export.Worker()
	os.Exit(m.Run())
}

// movies are the files that movie copies, by what they show.
var movies sync.Map

// movie makes a clip of 4 s at 30 frames a second, 320 x 180, of what a filter of ffmpeg draws, with a tone of 440 Hz
// and a second track of 880 Hz. Keyframes are a second apart.
func movie(t *testing.T, draws string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "movie.mp4")
	if made, ok := movies.Load(draws); ok {
		require.NoError(t, os.WriteFile(path, made.([]byte), 0o600))
		return path
	}
	run(t, "ffmpeg", "-v", "error", "-f", "lavfi", "-i", draws, "-f", "lavfi", "-i", "sine=f=440:r=48000:d=4", "-f",
		"lavfi", "-i", "sine=f=880:r=48000:d=4", "-map",
		"0", "-map", "1", "-map", "2", "-t", "4", "-c:v", "libx264", "-preset",
		"ultrafast", "-pix_fmt", "yuv420p", "-crf", "12", "-g", "30", "-c:a", "aac", "-ac", "2", "-disposition:a:1", "0",
		path)
	made, err := os.ReadFile(path)
	require.NoError(t, err)
	movies.Store(draws, made)
	return path
}

func run(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	out, err := exec.Command(name, args...).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		t.Fatalf("%s: %v: %s", name, err, exit.Stderr)
	}
	require.NoError(t, err)
	return out
}

const (
	// counting has frames that are brighter than those before, 6 steps a frame, and dark again after 32 of them.
	counting = "color=black:s=320x180:r=30,geq=lum='30+6*mod(N,32)':cb=128:cr=128"
	still    = "testsrc2=s=320x180:r=30,select='eq(n,0)',loop=-1:1,setpts=N/30/TB"
	moving   = "testsrc2=s=320x180:r=30,noise=alls=12:allf=t"
	noise    = "color=gray:s=320x180:r=30,noise=alls=80:allf=t"
	text     = "color=white:s=320x180:r=30,drawgrid=w=9:h=13:c=black:t=2,crop=320:140:0:'mod(n,40)',pad=320:180"
)

// nothingLeft requires a folder to hold just these files.
func nothingLeft(t *testing.T, folder string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	require.ElementsMatch(t, names, got)
}

func exported(t *testing.T, r export.Request) export.Result {
	t.Helper()
	got, err := export.Run(t.Context(), r, nil)
	require.NoError(t, err)
	st, err := os.Stat(got.Path)
	require.NoError(t, err)
	require.Equal(t, st.Size(), got.Bytes)
	return got
}

// A clip that needs its bits gets nearly all of them, and never more; one that needs few stays small.
func TestSizesAreReached(t *testing.T) {
	for _, c := range []struct {
		name, draws string
		limit       int64
		all         bool // all bits are of use
	}{
		{"still", still, 400_000, false},
		{"text", text, 65_000, true},
		{"moving", moving, 250_000, true},
		{"moving, with little", moving, 90_000, true},
		{"noise", noise, 300_000, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := movie(t, c.draws)
			got := exported(t, export.Request{Path: path, Preset: export.Fits, Limit: c.limit})
			t.Logf("%d of %d bytes (%.1f %%), %d x %d at %.1f, %d attempts", got.Bytes, c.limit,
				100*float64(got.Bytes)/float64(c.limit), got.Width, got.Height, got.FrameRate, got.Attempts)
			require.LessOrEqual(t, got.Bytes, c.limit)
			if c.all {
				require.GreaterOrEqual(t, float64(got.Bytes), 0.97*float64(c.limit))
			}
			require.Equal(t, fmt.Sprintf("movie (%d KB).mp4", c.limit/1000), filepath.Base(got.Path))
			info, err := capturetest.Probe(t.Context(), got.Path)
			require.NoError(t, err)
			require.InDelta(t, 4, info.Seconds, 0.04)
			v, ok := info.Only("video")
			require.True(t, ok)
			require.Equal(t, [2]int{got.Width, got.Height}, [2]int{v.Width, v.Height})
			require.Equal(t, "h264", v.Codec)
			_, ok = info.Only("audio")
			require.True(t, ok, "the mix alone")
			tone, err := capturetest.ToneDB(t.Context(), got.Path, 440)
			require.NoError(t, err)
			require.Greater(t, tone, -30.0)
			nothingLeft(t, filepath.Dir(path), "movie.mp4", filepath.Base(got.Path))
		})
	}
}

// All frames of the part, and none that an edit list hides, are there in their order; so are the tracks of sound.
func TestFramesAndSoundOfAPart(t *testing.T) {
	path := movie(t, counting)
	trimmed, err := clip.Trim(t.Context(), clip.TrimRequest{Path: path, From: at(40), To: at(112)})
	require.NoError(t, err)
	whole := lumas(t, path)
	got := exported(t, export.Request{Path: trimmed.Path, Preset: export.P720, From: at(5), To: at(66), AllTracks: true})
	require.Equal(t, [2]int{320, 180}, [2]int{got.Width, got.Height}, "nothing is made larger")
	frames := lumas(t, got.Path)
	require.Len(t, frames, 61)
	for i, luma := range frames {
		require.InDelta(t, whole[45+i], luma, 2.5, "frame %d", i)
	}
	info, err := capturetest.Probe(t.Context(), got.Path)
	require.NoError(t, err)
	require.InDelta(t, 61.0/30, info.Seconds, 0.002)
	require.Len(t, info.Streams, 3)
	for i, tones := range [][2]float64{{440, 880}, {880, 440}} {
		sound := filepath.Join(t.TempDir(), "sound.wav")
		run(t, "ffmpeg", "-v", "error", "-i", got.Path, "-map", fmt.Sprintf("0:a:%d", i), sound)
		there, err := capturetest.ToneDB(t.Context(), sound, tones[0])
		require.NoError(t, err)
		other, err := capturetest.ToneDB(t.Context(), sound, tones[1])
		require.NoError(t, err)
		require.Greater(t, there, other+30)
	}
	s, err := mp4.Open(got.Path)
	require.NoError(t, err, "what is exported can be exported again")
	require.NoError(t, s.Close())
}

// at is the begin of a frame.
func at(frame int) time.Duration { return time.Duration(frame) * time.Second / 30 }

// lumas are the mean lumas of a file's frames.
func lumas(t *testing.T, path string) (out []float64) {
	t.Helper()
	frames, err := capturetest.Frames(t.Context(), path)
	require.NoError(t, err)
	for _, f := range frames {
		out = append(out, f.Luma)
	}
	return out
}

// A vertical video is of 9 : 16 and shows the part that was chosen.
func TestVertical(t *testing.T) {
	path := movie(t, "color=red:s=106x180:r=30[l];color=lime:s=108x180:r=30[m];color=blue:s=106x180:r=30[r];"+
		"[l][m][r]hstack=3")
	for i, position := range []export.Position{export.Left, export.Center, export.Right} {
		got := exported(t, export.Request{Path: path, Preset: export.Vertical, Crop: position, To: at(20),
			Out: filepath.Join(t.TempDir(), string(position)+".mp4")})
		require.Equal(t, 180, got.Height)
		require.InDelta(t, float64(got.Height)*9/16, got.Width, 1)
		rgb, err := capturetest.LastFrame(t.Context(), got.Path)
		require.NoError(t, err)
		for p := 0; p < len(rgb); p += 3 * 97 {
			for c := range 3 {
				if c == i {
					require.Greater(t, rgb[p+c], byte(150))
				} else {
					require.Less(t, rgb[p+c], byte(100))
				}
			}
		}
	}
}

func TestGIF(t *testing.T) {
	path := movie(t, counting)
	got := exported(t, export.Request{Path: path, Preset: export.GIF, From: at(30)})
	require.Equal(t, "movie.gif", filepath.Base(got.Path))
	f, err := os.Open(got.Path)
	require.NoError(t, err)
	defer f.Close()
	all, err := gif.DecodeAll(f)
	require.NoError(t, err)
	require.Len(t, all.Image, 45, "15 a second")
	require.Equal(t, image.Config{ColorModel: all.Config.ColorModel, Width: 320, Height: 180}, all.Config)
	length := 0
	for _, d := range all.Delay {
		length += d
	}
	require.Equal(t, 300, length)
	whole := lumas(t, path)
	for i, x := range all.Image[:15] {
		r, _, _, _ := x.At(160, 90).RGBA()
		want := (whole[30+2*i] - 16) * 255 / 219
		require.InDelta(t, want, float64(r>>8), 12, "frame %d", i)
	}
	info, err := capturetest.Probe(t.Context(), got.Path)
	require.NoError(t, err, "by another reader")
	require.InDelta(t, 3, info.Seconds, 0.05)
}

func TestWebP(t *testing.T) {
	// Half of the frame stays as it is.
	path := movie(t, "color=black:s=320x180:r=30,geq=lum='if(lt(X,160),90,30+6*mod(N,32))':cb=128:cr=128")
	got := exported(t, export.Request{Path: path, Preset: export.WebP, To: at(60)})
	require.Equal(t, "movie.webp", filepath.Base(got.Path))
	b, err := os.ReadFile(got.Path)
	require.NoError(t, err)
	require.Equal(t, len(b)-8, int(binary.LittleEndian.Uint32(b[4:])))
	require.Equal(t, "WEBPVP8X", string(b[8:16]))
	var frames, length int
	u24 := func(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }
	for rest := b[12:]; len(rest) > 0; {
		size := 8 + int(binary.LittleEndian.Uint32(rest[4:]))
		size += size & 1
		if string(rest[:4]) == "ANMF" {
			frames++
			length += u24(rest[20:])
			image := append([]byte("RIFF\x00\x00\x00\x00WEBP"), rest[24:size]...)
			binary.LittleEndian.PutUint32(image[4:], uint32(len(image)-8))
			img, err := webp.Decode(strings.NewReader(string(image)))
			require.NoError(t, err)
			require.Equal(t, u24(rest[14:])+1, img.Bounds().Dx())
			require.Equal(t, u24(rest[17:])+1, img.Bounds().Dy())
			if frames > 1 {
				require.GreaterOrEqual(t, 2*u24(rest[8:])+img.Bounds().Dx(), 320)
				require.Less(t, img.Bounds().Dx(), 200, "what stays is not there again")
			}
		}
		rest = rest[size:]
	}
	require.Equal(t, 40, frames, "20 a second")
	require.Equal(t, 2000, length)
}

func TestSoundAlone(t *testing.T) {
	path := movie(t, counting)
	for _, format := range []export.SoundFormat{export.M4A, export.WAV, export.Opus} {
		got := exported(t, export.Request{Path: path, Preset: export.Audio, Sound: format, From: at(15), To: at(75)})
		require.Equal(t, "movie."+string(format), filepath.Base(got.Path))
		info, err := capturetest.Probe(t.Context(), got.Path)
		require.NoError(t, err)
		require.Len(t, info.Streams, 1)
		require.InDelta(t, 2, info.Seconds, 0.021)
		tone, err := capturetest.ToneDB(t.Context(), got.Path, 440)
		require.NoError(t, err)
		require.Greater(t, tone, -30.0)
	}
}

// When the user cancels, nothing of the export is left, nor does its process stay. It runs behind everything else.
func TestCancelLeavesNothing(t *testing.T) {
	path := movie(t, noise)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var once sync.Once
	var policies []string
	_, err := export.Run(ctx, export.Request{Path: path, Preset: export.Fits, Limit: 400_000}, func(p export.Progress) {
		require.LessOrEqual(t, p.Fraction, 1.0)
		once.Do(func() {
			policies = childPolicies(t)
			cancel()
		})
	})
	require.ErrorIs(t, err, context.Canceled)
	nothingLeft(t, filepath.Dir(path), "movie.mp4")
	require.NotEmpty(t, policies)
	for _, p := range policies {
		require.Equal(t, "19 5", p, "nice 19, SCHED_IDLE")
	}
}

// The folder of an export that takes long is none that a crash has left.
func TestALongExportKeepsItsFolder(t *testing.T) {
	export.SetFreshEvery(t, 10*time.Millisecond)
	path := movie(t, noise)
	folder := filepath.Dir(path)
	var once sync.Once
	_, err := export.Run(t.Context(), export.Request{Path: path, Preset: export.Audio}, func(export.Progress) {
		once.Do(func() {
			work, err := filepath.Glob(filepath.Join(folder, mp4.TempPrefix+"export-*"))
			require.NoError(t, err)
			require.Len(t, work, 1)
			for range 5 { // a file in it that is made or deleted changes its time as well, but not as often
				old := time.Now().Add(-time.Hour)
				require.NoError(t, os.Chtimes(work[0], old, old))
				require.True(t, wait.Until(5*time.Second, func() bool {
					i, err := os.Stat(work[0])
					return err == nil && time.Since(i.ModTime()) < time.Minute
				}), "its time stays")
			}
			require.NoError(t, clip.RemoveStale(folder, time.Now()))
		})
	})
	require.NoError(t, err)
}

// childPolicies are the nice values and scheduling policies of all threads of this process's children
// (proc_pid_stat(5), fields 19 and 41).
func childPolicies(t *testing.T) (out []string) {
	t.Helper()
	children, err := filepath.Glob("/proc/self/task/*/children")
	require.NoError(t, err)
	for _, c := range children {
		text, err := os.ReadFile(c)
		if err != nil {
			continue // the thread has ended
		}
		for pid := range strings.FieldsSeq(string(text)) {
			line, _ := os.ReadFile("/proc/" + pid + "/cmdline")
			if !strings.Contains(string(line), "export-worker") {
				continue
			}
			threads, err := filepath.Glob("/proc/" + pid + "/task/*/stat")
			require.NoError(t, err)
			for _, x := range threads {
				b, err := os.ReadFile(x)
				if err != nil {
					continue
				}
				f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
				out = append(out, f[19-3]+" "+f[41-3])
			}
		}
	}
	return out
}

// A worker whose parent is gone ends, and takes its folder with it.
func TestAWorkerEndsWithItsParent(t *testing.T) {
	path := movie(t, noise)
	folder := filepath.Join(t.TempDir(), "work")
	require.NoError(t, os.Mkdir(folder, 0o700))
	c := exec.Command(os.Args[0], "export-worker")
	in, err := c.StdinPipe()
	require.NoError(t, err)
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	_, err = fmt.Fprintf(in, `{"path":%q,"preset":"fits","limit":400000,"folder":%q}`+"\n", path, folder)
	require.NoError(t, err)
	_, err = out.Read(make([]byte, 1))
	require.NoError(t, err, "it has begun")
	require.NoError(t, in.Close())
	require.Error(t, c.Wait())
	require.NoDirExists(t, folder)
}

// What is no clip, or damaged, gives an error, and leaves nothing.
func TestHostileFiles(t *testing.T) {
	path := movie(t, moving)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	damaged := append([]byte(nil), whole...)
	for i := 60; i < len(damaged)-60; i++ {
		if i%3 > 0 {
			damaged[i] ^= byte(i)
		}
	}
	zeros := append([]byte(nil), whole...)
	media := strings.Index(string(zeros), "mdat")
	require.Positive(t, media)
	clear(zeros[media+4 : min(len(zeros), media+len(zeros)/2)])
	for name, b := range map[string][]byte{
		"empty": nil, "text": []byte(strings.Repeat("no clip ", 1000)), "cut short": whole[:len(whole)/3], "damaged": damaged,
		"zeros": zeros, "head": whole[:40],
	} {
		folder := t.TempDir()
		file := filepath.Join(folder, "bad.mp4")
		require.NoError(t, os.WriteFile(file, b, 0o600))
		for _, p := range []export.Preset{export.Fits, export.GIF} {
			_, err := export.Run(t.Context(), export.Request{Path: file, Preset: p, Limit: 200_000}, nil)
			if name == "zeros" && err == nil { // some frames may be left
				require.NoError(t, os.Remove(filepath.Join(folder, export.Request{Path: file, Preset: p, Limit: 200_000}.Name())))
				continue
			}
			require.Error(t, err, name)
			nothingLeft(t, folder, "bad.mp4")
		}
	}
	for _, r := range []export.Request{
		{Preset: export.P720, From: 5 * time.Second}, {Preset: export.P720, From: 2 * time.Second, To: time.Second},
		{Preset: export.P720, To: time.Hour}, {Preset: "mp3"}, {Preset: export.P720, From: -1},
		{Preset: export.Fits, Limit: 10}, {Preset: export.Vertical, Crop: "top"}, {Preset: export.P720, Out: path},
		{Preset: export.Audio, Sound: "mp3"},
	} {
		r.Path = path
		_, err := export.Run(t.Context(), r, nil)
		require.ErrorAs(t, err, &export.InputError{}, "%+v", r)
	}
	nothingLeft(t, filepath.Dir(path), "movie.mp4")
}

// Another process's file is never replaced.
func TestNamesThatAreTaken(t *testing.T) {
	path := movie(t, still)
	r := export.Request{Path: path, Preset: export.P720, To: at(10)}
	require.Equal(t, "movie (720p).mp4", filepath.Base(exported(t, r).Path))
	require.Equal(t, "movie (720p) (2).mp4", filepath.Base(exported(t, r).Path))
}

// A whole clip that fits is not encoded anew; a part of it is.
func TestWhatFitsIsCopied(t *testing.T) {
	path := movie(t, still)
	got := exported(t, export.Request{Path: path, Preset: export.Fits, Limit: 10_000_000})
	require.Zero(t, got.Attempts)
	require.Empty(t, got.Encoder)
	require.Equal(t, [2]int{320, 180}, [2]int{got.Width, got.Height})
	require.InDelta(t, 4, got.Seconds, 0.04)
	require.InDelta(t, 30, got.FrameRate, 0.1)
	info, err := capturetest.Probe(t.Context(), got.Path)
	require.NoError(t, err)
	require.InDelta(t, 4, info.Seconds, 0.04)
	_, ok := info.Only("audio")
	require.True(t, ok, "the mix alone")
	tone, err := capturetest.ToneDB(t.Context(), got.Path, 440)
	require.NoError(t, err)
	require.Greater(t, tone, -30.0)
	frames := func(path string) string {
		return string(run(t, "ffmpeg", "-v", "error", "-i", path, "-map", "0:v", "-f", "md5", "-"))
	}
	require.Equal(t, frames(path), frames(got.Path))
	part := exported(t, export.Request{Path: path, Preset: export.Fits, Limit: 10_000_000, From: time.Second / 2})
	require.NotZero(t, part.Attempts)
}
