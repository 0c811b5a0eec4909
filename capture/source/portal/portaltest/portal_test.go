package portaltest_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/source/portal"
	"github.com/hindsight-app/hindsight/capture/source/portal/portaltest"
	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
)

func bus(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	d, err := stack.StartDesktop(ctx, t.TempDir(), stack.DesktopOptions{Width: 64, Height: 64})
	require.NoError(t, err)
	t.Cleanup(func() { d.Close() })
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", d.DBusAddress)
	return ctx
}

func gone(t *testing.T, s *portal.Session) error {
	t.Helper()
	require.Eventually(t, func() bool { return s.Err() != nil }, 30*time.Second, time.Millisecond, "the session's end")
	return s.Err()
}

func TestSessionsBeginAndEnd(t *testing.T) {
	ctx := bus(t)
	p, err := portaltest.Start()
	require.NoError(t, err)
	defer p.Close()
	offer, err := portal.Ask(ctx)
	require.NoError(t, err)
	require.Equal(t, portal.Offer{Version: 4, Sources: 3, Cursors: 3}, offer)

	s, err := portal.Open(ctx, portal.Request{HideCursor: true, Token: "last time"})
	require.NoError(t, err)
	require.EqualValues(t, 42, s.Node)
	require.Equal(t, "next time", s.Token)
	require.Equal(t, "last time", p.Option("restore_token"))
	require.EqualValues(t, 1, p.Option("cursor_mode"))
	require.EqualValues(t, 2, p.Option("persist_mode"))
	for range 2 {
		remote, err := s.Remote(t.Context())
		require.NoError(t, err)
		require.NoError(t, remote.Close())
	}
	require.NoError(t, s.Err())
	require.NoError(t, p.EndSession())
	require.ErrorIs(t, gone(t, s), portal.ErrEnded)
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())

	p.Answer(portaltest.Refuse)
	_, err = portal.Open(ctx, portal.Request{})
	require.ErrorIs(t, err, portal.ErrRefused)
	require.EqualValues(t, 2, p.Option("cursor_mode"))
	require.Nil(t, p.Option("restore_token"))

	p.Answer(portaltest.Silent)
	brief, cancel := context.WithCancel(ctx)
	failed := make(chan error, 1)
	go func() { _, err := portal.Open(brief, portal.Request{}); failed <- err }()
	require.Eventually(t, func() bool { return p.Starts() == 3 }, 30*time.Second, 10*time.Millisecond)
	cancel()
	require.ErrorIs(t, <-failed, context.Canceled)

	p.Answer(portaltest.Allow)
	s, err = portal.Open(ctx, portal.Request{})
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, p.Close())
	require.NotErrorIs(t, gone(t, s), portal.ErrEnded)
	// A real portal may be started by the bus now; there is nothing on this desktop that could capture for it.
	_, err = portal.Ask(ctx)
	require.ErrorContains(t, err, "install xdg-desktop-portal")
}
