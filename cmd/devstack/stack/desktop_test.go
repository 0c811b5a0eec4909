package stack_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
)

func TestDesktopHasATrayAndSoundHasDevices(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	d, err := stack.StartDesktop(ctx, t.TempDir(), stack.DesktopOptions{Width: 1280, Height: 720, Panel: true})
	require.NoError(t, err)
	defer d.Close()
	shot := filepath.Join(t.TempDir(), "shot.png")
	require.NoError(t, d.Screenshot(ctx, shot))
	require.FileExists(t, shot)
	s, err := stack.StartSound(ctx, t.TempDir())
	require.NoError(t, err)
	defer s.Close()
	out, err := s.Pactl(ctx, "info")
	require.NoError(t, err)
	require.Contains(t, out, "Default Sink: desktop")
	require.Contains(t, out, "Default Source: microphone")
	require.NoError(t, d.Close())
	require.NoError(t, d.Close())
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())
}
