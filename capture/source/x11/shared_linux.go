package x11

import "golang.org/x/sys/unix"

// sharedID is the number of a segment of System V shared memory, which MIT-SHM works with (shmget(2)).
type sharedID int

func newShared(size int) ([]byte, sharedID, error) {
	id, err := unix.SysvShmGet(unix.IPC_PRIVATE, size, unix.IPC_CREAT|0o600)
	if err != nil {
		return nil, 0, err
	}
	memory, err := unix.SysvShmAttach(id, 0, 0)
	if err != nil {
		sharedID(id).remove()
		return nil, 0, err
	}
	return memory, sharedID(id), nil
}

func freeShared(memory []byte) error { return unix.SysvShmDetach(memory) }

func (id sharedID) remove() { _, _ = unix.SysvShmCtl(int(id), unix.IPC_RMID, nil) }
