package buffers

// measured is a storage that knows how much space it has; a bucket does not.
type measured interface {
	// Space is how many bytes are free, and how many there are.
	Space() (free, total int64, err error)
}

// defaultReserve and its part of the file system are what stays free where Space.Reserve is not set.
const (
	defaultReserve     = 1 << 30
	defaultReservePart = 20
)

// Space is the free space of a storage.
type Space struct {
	Storage any
	// Reserve is how many bytes of a folder's file system stay free: below it the oldest segments of replays go, and
	// nothing new is recorded. 0 is 1 GiB or a twentieth of the file system, whichever is less; a negative one turns
	// it off.
	Reserve int64
}

// Lacking is how many bytes are missing to the reserve; 0 or less is enough space.
func (s Space) Lacking() (missing, reserve int64, err error) {
	storage, ok := s.Storage.(measured)
	if !ok || s.Reserve < 0 {
		return 0, 0, nil
	}
	free, total, err := storage.Space()
	if err != nil || total == 0 {
		return 0, 0, err
	}
	if reserve = s.Reserve; reserve == 0 {
		reserve = min(defaultReserve, total/defaultReservePart)
	}
	return reserve - free, reserve, nil
}
