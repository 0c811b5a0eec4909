package source

import (
	"bufio"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
)

func TestServerAddresses(t *testing.T) {
	host, err := os.Hostname()
	require.NoError(t, err)
	t.Setenv("XDG_RUNTIME_DIR", "/run/user/7")
	for servers, want := range map[string][]string{
		"":                                    {"unix:/run/user/7/pulse/native"},
		"/run/a":                              {"unix:/run/a"},
		"unix:/run/a tcp:box tcp6:[::1]:4000": {"unix:/run/a", "tcp:box:4713", "tcp6:[::1]:4000"},
		"tcp6:[::1]":                          {"tcp6:[::1]:4713"},
		"{" + host + "}unix:/a {other}/b /c":  {"unix:/a", "unix:/c"},
		"{" + host + "} what:ever nonsense":   nil,
	} {
		t.Setenv("PULSE_SERVER", servers)
		require.Equal(t, want, addresses(), servers)
	}
}

// A message that breaks off is not handed on at all, and that it broke off is told.
func TestBrokenMessage(t *testing.T) {
	here, there := net.Pipe()
	lost := 0
	m := &messages{conn: here, from: bufio.NewReader(here), lost: func() { lost++ }}
	message := append(binary.BigEndian.AppendUint32(nil, 3), make([]byte, descriptor-4)...)
	go func() {
		_, _ = there.Write(append(message, "abc"...))
		_, _ = there.Write(append(message, "ab"...))
		there.Close()
	}()
	got, err := io.ReadAll(m)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Equal(t, "abc", string(got[descriptor:]))
	require.Equal(t, 1, lost)
}

// A server that is killed is missed at once, with requests under way.
func TestServerIsLost(t *testing.T) {
	s, err := stack.StartSound(t.Context(), t.TempDir())
	require.NoError(t, err)
	defer s.Close()
	t.Setenv("PULSE_SERVER", s.Server)
	c, err := connect()
	require.NoError(t, err)
	asked := make(chan error)
	go func() {
		for {
			if _, err := c.devices(); err != nil {
				asked <- err
				return
			}
		}
	}()
	s.Stop()
	<-c.gone
	require.Error(t, <-asked)
	c.close()
}

// How far a monitor runs ahead is asked for again after the sound server did not answer.
func TestLeadIsAskedForAgain(t *testing.T) {
	s, err := stack.StartSound(t.Context(), t.TempDir())
	require.NoError(t, err)
	defer s.Close()
	t.Setenv("PULSE_SERVER", s.Server)
	listener := OpenSound(Sound{Monitor: true, PCM: func(media.PCM) {}}, slog.New(slog.DiscardHandler))
	defer listener.Close() // for whom the server works in short blocks
	l := watchLag("")
	defer l.close()
	asked := func() {
		t.Helper()
		const never = -time.Hour
		l.now.Store(int64(never))
		require.Eventually(t, func() bool { return l.value() != never }, time.Minute, 10*time.Millisecond)
	}
	asked()
	s.Stop()
	require.NoError(t, s.Start(t.Context()))
	asked()
	require.Less(t, l.value(), mostLag)
}
