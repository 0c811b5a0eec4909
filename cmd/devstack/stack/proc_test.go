package stack

import (
	"net"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Nobody is given a port twice, one that is in use, or one that the kernel may give to somebody else.
func TestPortsAreOnesOwn(t *testing.T) {
	kernels := 0
	if b, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range"); err == nil {
		first, _, _ := strings.Cut(string(b), "\t")
		kernels, err = strconv.Atoi(strings.TrimSpace(first))
		require.NoError(t, err)
	}
	seen := map[int]bool{}
	for range 200 {
		port, err := FreePort()
		require.NoError(t, err)
		require.False(t, seen[port])
		seen[port] = true
		if kernels > lastPort {
			require.Less(t, port, kernels)
		}
	}
	l, err := net.Listen("tcp", net.JoinHostPort(loopback, "0"))
	require.NoError(t, err)
	defer l.Close()
	require.Error(t, unused(l.Addr().String()))
	c, err := net.ListenPacket("udp", net.JoinHostPort(loopback, "0"))
	require.NoError(t, err)
	defer c.Close()
	require.Error(t, unused(c.LocalAddr().String()))
}
