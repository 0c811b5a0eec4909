package diagnostics_test

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/diagnostics"
)

func TestTheLogStaysSmallAndIsKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	l := diagnostics.New(io.Discard)
	log := slog.New(slog.NewTextHandler(l, nil))
	log.Info("before the file")
	require.NoError(t, l.Keep(dir))
	heard := 0
	l.Follow(func() { heard++ })
	for i := range 12000 {
		log.Info("a line that is about as long as many others are", "number", i)
	}
	require.Equal(t, 12000, heard)
	lines := l.Lines()
	require.Len(t, lines, 500)
	require.Contains(t, lines[499], "number=11999")
	for _, name := range []string{"hindsight.log", "hindsight.old.log"} {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Less(t, info.Size(), int64(1<<20+1000))
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
	first, err := os.ReadFile(filepath.Join(dir, "hindsight.old.log"))
	require.NoError(t, err)
	require.Contains(t, strings.SplitN(string(first), "\n", 2)[0], "before the file")
	require.NoError(t, l.Close())
	require.NoError(t, l.Close())
	require.NoFileExists(t, filepath.Join(dir, "crash.txt"), "nothing crashed")
	require.Empty(t, l.Crashes())
}

// A process that panics leaves a report, which the next one finds.
func TestACrashIsReportedAtTheNextStart(t *testing.T) {
	const child = "HINDSIGHT_TEST_CRASH"
	if dir := os.Getenv(child); dir != "" {
		l := diagnostics.New(io.Discard)
		if err := l.Keep(dir); err != nil {
			t.Fatal(err)
		}
		go func() { panic("the roof is on fire") }()
		select {}
	}
	dir := t.TempDir()
	for range 7 {
		c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
		c.Env = append(os.Environ(), child+"="+dir)
		require.Error(t, c.Run())
		last, err := os.Stat(filepath.Join(dir, "crash.txt"))
		require.NoError(t, err)
		require.NotZero(t, last.Size())
	}
	l := diagnostics.New(io.Discard)
	require.NoError(t, l.Keep(dir))
	crashes := l.Crashes()
	require.NotEmpty(t, crashes)
	require.LessOrEqual(t, len(crashes), 5)
	require.Contains(t, crashes[0].Text, "the roof is on fire")
	require.Contains(t, crashes[0].Text, "goroutine")
	require.NoError(t, l.Close())
}

func TestAReportHoldsNothingPrivate(t *testing.T) {
	const token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"
	secret := []string{token, "hunter2", "s3cret-code", "Tax return 2026", "standup-42", "replay.example.com", "Diary",
		"alice"}
	log := fmt.Sprintf(`level=INFO msg="joined" room=%s url=https://replay.example.com/api?token=hunter2
level=WARN msg="the window “Diary” is closed" title="Tax return 2026" device="Tax return 2026"
level=WARN msg=x error="Authorization: Bearer %s was refused" path=/home/alice/Videos/a.mp4
level=INFO msg="opened hindsight://join?code=s3cret-code" access_token: "hunter2"`, "standup-42", token)
	text := diagnostics.Report("1.2.3", []string{"Tax return 2026", "standup-42", "", " "},
		diagnostics.Section{Title: "Log", Text: log}, diagnostics.Section{Title: "Crash"})
	for _, s := range secret {
		require.NotContains(t, text, s)
	}
	require.Contains(t, text, "Hindsight 1.2.3")
	require.Contains(t, text, "## Log")
	require.NotContains(t, text, "## Crash", "a part without a text")
	require.Contains(t, text, "is closed")
	require.Contains(t, text, "~/Videos/a.mp4")
}
