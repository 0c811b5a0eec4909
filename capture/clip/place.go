package clip

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// ErrAway says that the drive with a folder is not connected.
var ErrAway = errors.New("the drive is not connected")

// awayError is an ErrAway as a message.
type awayError struct{ folder string }

func (e awayError) Error() string {
	return fmt.Sprintf("the drive with %s is not connected; connect it, or choose another folder in Settings, "+
		"Storage", e.folder)
}

// Is implements errors.Is.
func (awayError) Is(target error) bool { return target == ErrAway }

// Place is where new clips go.
type Place struct {
	// Folder is made when it is missing, unless its drive is away.
	Folder string
	// Mount is where the file system is mounted that the folder is on, as MountOf returned it when the folder was
	// there; empty is not known. While nothing is mounted there, the folder is away: it would be made on another disk,
	// and lie hidden below the drive once that is back.
	Mount string
	// Fallback takes what Folder does not take, so that a replay is never lost; empty is none.
	Fallback string
}

// CheckAway returns an ErrAway, as a message, where the drive with the folder is not connected, and another error where
// it does not respond.
func (p Place) CheckAway() error {
	if p.Mount == "" {
		return nil
	}
	return unlessItHangs(p.Folder, func() error {
		if Mounted(p.Mount) || !empty(p.Folder) {
			return nil
		}
		return awayError{p.Folder}
	})
}

// empty is whether there is nothing in a folder, or no such folder.
func empty(folder string) bool {
	d, err := os.Open(folder)
	if err != nil {
		return true
	}
	defer d.Close()
	_, err = d.Readdirnames(1)
	return errors.Is(err, io.EOF)
}

// Use has something written to the folder and, where that fails for a reason that the fallback need not have, to the
// fallback. Then instead says why, as a message. An error is that of the folder. What is written bounds its own time.
func (p Place) Use(ctx context.Context, write func(ctx context.Context, folder string) error) (instead string,
	err error) {
	if err = p.CheckAway(); err == nil {
		err = write(ctx, p.Folder)
	}
	if err == nil || p.Fallback == "" || p.Fallback == p.Folder || troubleOf(err) == noTrouble ||
		errors.Is(ctx.Err(), context.Canceled) {
		return "", err
	}
	if ctx.Err() != nil {
		ctx = context.WithoutCancel(ctx) // the time for the folder is over, not that for the fallback
	}
	if write(ctx, p.Fallback) != nil {
		return "", err
	}
	return refuses(p.Folder, err), nil
}

// refuses says in short why a folder takes no files.
func refuses(folder string, err error) string {
	text := "%s cannot be used"
	switch troubleOf(err) {
	case diskFull:
		text = "the disk with %s is full"
	case fileTooLarge:
		text = "the disk with %s takes no files as large as this clip"
	case notWritable:
		text = "%s cannot be written to"
	case notFolder:
		text = "%s is not a folder"
	case hangs:
		text = "%s does not respond"
	case away:
		text = "the drive with %s is not connected"
	}
	return fmt.Sprintf(text, folder)
}

// Save is the function of that name for a place. Each folder has as much time as a slow drive needs.
func (p Place) Save(ctx context.Context, r Request) (c Clip, err error) {
	instead, err := p.Use(ctx, func(ctx context.Context, folder string) (err error) {
		ctx, cancel := context.WithTimeout(ctx, r.patience())
		defer cancel()
		r.Folder = folder
		c, err = Save(ctx, r)
		return err
	})
	c.Instead = instead
	return c, err
}

// NewRecording is the function of that name for a place.
func (p Place) NewRecording(ctx context.Context, r Request) (rec *Recording, err error) {
	instead, err := p.Use(ctx, func(_ context.Context, folder string) (err error) {
		r.Folder = folder
		rec, err = NewRecording(r)
		return err
	})
	if err != nil {
		return nil, err
	}
	rec.instead = instead
	return rec, nil
}
