package apptest_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/desktop"
	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
)

// The session bus ends and comes back: that is said while it is so, and the lock is known afterwards.
func TestTheSessionBusComesBack(t *testing.T) {
	dir := t.TempDir()
	address := "unix:path=" + filepath.Join(dir, "bus")
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", address)
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path="+filepath.Join(dir, "none"))
	dial := func(ctx context.Context) (*dbus.Conn, error) { return dbus.Connect(address, dbus.WithContext(ctx)) }
	bus, err := stack.Start(t.Context(), stack.Spec{
		Name: "dbus", Path: "dbus-daemon", Dir: dir,
		Args: []string{"--session", "--nofork", "--nopidfile", "--address=" + address},
		Ready: func(ctx context.Context) error {
			c, err := dial(ctx)
			if err != nil {
				return err
			}
			return c.Close()
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { bus.Close() })

	away := desktop.OpenAway(t.Context(), slog.New(slog.DiscardHandler))
	require.False(t, away.Locked())
	var mu sync.Mutex
	var locked bool
	said := map[string]string{}
	ctx, stop := context.WithCancel(t.Context())
	var follow sync.WaitGroup
	follow.Go(func() {
		away.Follow(ctx, func(l, _ bool) { mu.Lock(); locked = l; mu.Unlock() },
			func(part, text string) { mu.Lock(); said[part] = text; mu.Unlock() })
	})
	t.Cleanup(func() { stop(); follow.Wait() })
	saying := func(text string) func() bool {
		return func() bool {
			mu.Lock()
			defer mu.Unlock()
			got, there := said["session bus"]
			return there && (got == text || text != "" && strings.Contains(got, text))
		}
	}

	require.NoError(t, bus.Close())
	require.Eventually(t, saying("screen is locked"), 20*time.Second, 10*time.Millisecond)
	bus, err = bus.Again(t.Context())
	require.NoError(t, err)
	conn, err := dial(t.Context())
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.Export(locker{}, "/org/gnome/ScreenSaver", "org.gnome.ScreenSaver"))
	_, err = conn.RequestName("org.gnome.ScreenSaver", dbus.NameFlagDoNotQueue)
	require.NoError(t, err)
	require.Eventually(t, saying(""), 20*time.Second, 10*time.Millisecond)
	is := func(want bool) func() bool {
		return func() bool { mu.Lock(); defer mu.Unlock(); return locked == want }
	}
	// Where the saver came after the question, its signal says so; both ways end here.
	require.Eventually(t, func() bool {
		return is(true)() || conn.Emit("/org/gnome/ScreenSaver", "org.gnome.ScreenSaver.ActiveChanged", true) != nil
	}, 20*time.Second, 50*time.Millisecond)
	require.NoError(t, conn.Emit("/org/gnome/ScreenSaver", "org.gnome.ScreenSaver.ActiveChanged", false))
	require.Eventually(t, is(false), 20*time.Second, 10*time.Millisecond)
}
