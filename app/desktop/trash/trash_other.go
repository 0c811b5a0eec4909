//go:build !windows && (!unix || darwin)

package trash

// Put returns ErrNoTrash.
func Put(string) (Trashed, error) { return Trashed{}, ErrNoTrash }

// Restore returns ErrNoTrash.
func (t Trashed) Restore() error { return ErrNoTrash }
