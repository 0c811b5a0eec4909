package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hindsight-app/hindsight/capture/clip"
	"github.com/hindsight-app/hindsight/capture/mp4"
)

func TestTrim(t *testing.T) {
	sh := newShell(t)
	dir := sh.dir
	file := filepath.Join(dir, "goal.mp4")
	c := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=128x72:r=30:d=3",
		"-c:v", "libx264", "-pix_fmt", "yuv420p", file)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg does not run, make setup installs it: %v\n%s", err, out)
	}
	tracks := filepath.Join(dir, "tracks.mp4")
	c = exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-i", file, "-f", "lavfi", "-i", "sine=d=3:r=48000",
		"-map", "0:v", "-map", "1:a", "-map", "1:a", "-map", "1:a", "-c:v", "copy", "-metadata:s:a:0", "handler_name=Mix",
		"-metadata:s:a:1", "handler_name=Desktop", "-metadata:s:a:2", "handler_name=Microphone", tracks)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, out)
	}
	notes := filepath.Join(dir, "notes.mp4")
	if err := os.WriteFile(notes, []byte("no movie"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		line string
		code int
		says string
	}{
		{"trim FILE --from 0:01.5 --to 2.5", 0, "goal (trimmed).mp4\n"},
		{"trim FILE --from 1 -o DIR/own.mp4 --json", 0, `"seconds": 2`},
		{"trim FILE --from 1 -o DIR/own.mp4", 1, "already exists"},
		{"trim TRACKS --mute-mic", 0, "tracks (trimmed).mp4"},
		{"trim TRACKS --volume desktop=150 --volume microphone=20% --to 2", 0, "tracks (trimmed) (2).mp4"},
		{"trim TRACKS --volume game=50", 2, "no audio track \"game\"; it has: Desktop, Microphone"},
		{"trim TRACKS --volume desktop", 2, "like microphone=50"},
		{"trim TRACKS --volume desktop=500", 2, "0 to 400 percent"},
		{"trim FILE --mute-mic", 2, "no audio track \"microphone\""},
		{"trim FILE", 2, "--from, --to, or both"},
		{"trim FILE --from NaN", 2, "is not a time"},
		{"trim FILE --from=-1", 2, "is not a time"},
		{"trim FILE --to Inf", 2, "is not a time"},
		{"trim FILE --to 1:75", 2, "is not a time"},
		{"trim FILE --from 2 --to 1", 2, "--from must be before --to"},
		{"trim FILE --from 0 --to 0", 2, "--from must be before --to"},
		{"trim FILE --from 3.5", 2, "is 0:03 long"},
		{"trim FILE --to 1:00:00", 2, "is 0:03 long"},
		{"trim DIR/notes.mp4 --to 1", 2, "not an MP4"},
		{"trim DIR/gone.mp4 --to 1", 2, "hindsightctl: DIR/gone.mp4 doesn't exist\n"},
		{"trim DIR/gone.mp4 --to 1 --json", 2, "gone.mp4 doesn't exist\""},
		{"trim DIR --to 1", 2, " is a folder, not a file\n"},
		{"trim DIR/goal.mp4/a.mp4 --to 1", 2, "goal.mp4/a.mp4 is no file that can be read\n"},
		{"join FILE DIR/gone.mp4", 2, "hindsightctl: DIR/gone.mp4 doesn't exist\n"},
		{"export DIR/gone.mp4 --preset 720p", 2, "gone.mp4 doesn't exist\n"},
		{"export FILE --preset -4", 2, "\"-4\""},
		{"export FILE --preset --json", 2, "a preset like 720p is missing"},
		{"upload DIR/gone.mp4", 2, "gone.mp4 doesn't exist\n"},
		{"star DIR/gone.mp4", 2, "gone.mp4 doesn't exist\n"},
		{"trim FILE --from -4", 2, "\"-4\" is not a time"},
		{"trim FILE --from", 2, "a time like 12.5 or 1:02.25 is missing"},
		{"trim FILE --volume -4", 2, "\"-4\" is not a volume"},
		{"trim FILE --to 1 -o /proc/a.mp4", 1, "/proc cannot be written to; name a file in another folder\n"},
		{"trim FILE --to 1 -o DIR/none/a.mp4", 1, "there is no folder DIR/none\n"},
		{"trim FILE --to 1 -o DIR/goal.mp4/a.mp4", 1, "there is no folder DIR/goal.mp4\n"},
		{"save --seconds -4", 2, "more than 0"},
		{"save --seconds x", 2, "\"x\" is not a number"},
	} {
		place := strings.NewReplacer("FILE", file, "TRACKS", tracks, "DIR", dir)
		code, out := sh.line(t, place.Replace(x.line))
		if code != x.code || !strings.Contains(out, place.Replace(x.says)) {
			t.Errorf("%s ends with %d and says %q; want %d and %q in it", x.line, code, out, x.code, x.says)
		}
		var c clip.Clip
		if x.code == 0 && strings.HasSuffix(x.line, "--json") && (json.Unmarshal([]byte(out), &c) != nil || c.Path == "") {
			t.Errorf("%s says %q", x.line, out)
		}
	}
	if names, err := clip.SoundTracks(filepath.Join(dir, "tracks (trimmed).mp4")); err != nil ||
		!slices.Equal(names, []string{"Desktop"}) {
		t.Errorf("without the microphone: %q, %v", names, err)
	}
	info, err := mp4.Inspect(filepath.Join(dir, "goal (trimmed).mp4"))
	if err != nil || time.Duration(info.Seconds*1000+0.5) != 1000 {
		t.Errorf("the new clip: %+v, %v", info, err)
	}
}
