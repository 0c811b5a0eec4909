package main

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/export"
)

func TestExport(t *testing.T) {
	sh := newShell(t)
	file := filepath.Join(sh.dir, "goal.mp4")
	out, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-f", "lavfi", "-i",
		"testsrc2=s=128x72:r=30:d=2", "-c:v", "libx264", "-pix_fmt", "yuv420p", file).CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, x := range []struct {
		line string
		code int
		says string
	}{
		{"export FILE --preset fits-1mb", 0, "goal (1 MB).mp4\n"},
		{"export FILE --preset gif --from 0.5 --to 1", 0, "goal.gif\n"},
		{"export FILE --preset vertical --crop left -o DIR/own.mp4 --json", 0, `"width": 40`},
		{"export FILE --preset vertical -o DIR/own.mp4", 2, "already exists"},
		{"export FILE", 2, "--preset"},
		{"export FILE --preset mp3", 2, "is not a preset"},
		{"export FILE --preset audio", 2, "has no sound"},
		{"export FILE --preset 720p --from 5", 2, "is 0:02 long"},
		{"export FILE --preset 720p --from 2 --to 1", 2, "--from must be before --to"},
		{"export DIR/gone.mp4 --preset gif", 2, "gone.mp4"},
	} {
		line := strings.NewReplacer("FILE", file, "DIR", sh.dir).Replace(x.line)
		code, stdout, stderr := sh.run(t, "", strings.Fields(line)...)
		require.Equal(t, x.code, code, "%s: %s%s", line, stdout, stderr)
		require.Contains(t, stdout+stderr, x.says, line)
		if strings.HasSuffix(line, "--json") {
			var got export.Result
			require.NoError(t, json.Unmarshal([]byte(stdout), &got))
			require.FileExists(t, got.Path)
			var p export.Progress
			require.NoError(t, json.Unmarshal([]byte(strings.SplitN(stderr, "\n", 2)[0]), &p), stderr)
		}
	}
}
