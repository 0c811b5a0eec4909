package apptest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
)

// A short round of make bench-share measures everything, whatever comes out, on a desktop where Hindsight stays hidden.
func TestSharingIsMeasuredBesideChromium(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	dir := t.TempDir()
	build(t, ctx, dir)
	for _, name := range []string{"hindsightctl", "devstack"} {
		_, err := stack.BuildProgram(ctx, dir, name)
		require.NoError(t, err)
	}
	var stdout, stderr bytes.Buffer
	c := exec.CommandContext(ctx, filepath.Join(dir, "devstack"), "bench-share", "--rounds", "1", "--seconds", "2",
		"--settle", "2", "--no-silent")
	c.Stdout, c.Stderr = &stdout, &stderr
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) } // it ends what it started
	c.WaitDelay = 20 * time.Second
	require.NoError(t, c.Run(), "%s", &stderr)

	type measured struct {
		Cores float64 `json:"cores"`
		Kbps  float64 `json:"kbps"`
		Delay float64 `json:"delay_ms"`
		Late  float64 `json:"delay_95_ms"`
		PSNR  float64 `json:"psnr_db"`
		FPS   float64 `json:"fps"`
	}
	var report struct {
		Programs []struct {
			Name   string     `json:"name"`
			Moving []measured `json:"moving"`
			Still  []measured `json:"still"`
		} `json:"programs"`
		Goals []struct {
			What   string    `json:"what"`
			Values []float64 `json:"values"`
		} `json:"goals"`
	}
	lines := bytes.Split(bytes.TrimSpace(stdout.Bytes()), []byte("\n"))
	require.NoError(t, json.Unmarshal(lines[len(lines)-1], &report), "%s", &stdout)
	require.Len(t, report.Programs, 2)
	require.Len(t, report.Goals, 5)
	for _, p := range report.Programs {
		require.Len(t, p.Moving, 1)
		require.Len(t, p.Still, 1)
		m, s := p.Moving[0], p.Still[0]
		for _, v := range []float64{m.Cores, m.Kbps, m.Delay, m.FPS, s.Cores} {
			require.Positive(t, v, "%s: %+v", p.Name, m)
		}
		require.GreaterOrEqual(t, m.Late, m.Delay)
		require.Less(t, m.Late, 10_000.0, p.Name)
		require.LessOrEqual(t, m.FPS, 40.0, p.Name)
		for _, db := range []float64{m.PSNR, s.PSNR} { // it is this screen, however bad
			require.Greater(t, db, 10.0, p.Name)
			require.LessOrEqual(t, db, 99.0, p.Name)
		}
	}
}
