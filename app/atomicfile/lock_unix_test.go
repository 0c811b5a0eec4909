//go:build unix

package atomicfile

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// A file system without locks keeps nobody from saving; a lock that another one has does, and so does a broken disk.
func TestFileSystemsWithoutLocks(t *testing.T) {
	for _, err := range []error{nil, unix.ENOSYS, unix.ENOLCK, unix.EOPNOTSUPP, unix.ENOTSUP} {
		have, err := taken(err)
		require.NoError(t, err)
		require.True(t, have)
	}
	for _, err := range []error{unix.EWOULDBLOCK, unix.EINTR} {
		have, err := taken(err)
		require.NoError(t, err)
		require.False(t, have)
	}
	_, err := taken(unix.EIO)
	require.ErrorIs(t, err, unix.EIO)
}
