package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// repair makes a lost database again, from the notes that the service writes beside the media.
type repair struct {
	place
	JSON bool `help:"Print JSON."`
}

// Run restores and prints what it found. It may run beside the service.
func (r *repair) Run(ctx context.Context, c *cli, out output) (err error) {
	db, err := c.openState(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	files, err := r.openStorage(ctx, c.Data, "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, files.Close()) }()
	var count state.Restored
	var wrong error
	unnoted, err := files.Notes(ctx, func(file string, b []byte, err error) {
		var n state.Note
		if err == nil {
			n, err = state.ReadNote(b)
		}
		if err == nil {
			err = db.Restore(ctx, n, &count)
		}
		if err != nil {
			wrong = errors.Join(wrong, fmt.Errorf("%s: %w", file, err))
		}
	})
	if err != nil {
		return errors.Join(fmt.Errorf("the storage cannot be read: %w", err), wrong)
	}
	if r.JSON {
		return errors.Join(json.NewEncoder(out).Encode(map[string]int{"replays": count.Replays, "recordings": count.Recordings,
			"takes": count.Takes, "clips": count.Clips, "unknown": unnoted}), wrong)
	}
	fmt.Fprintf(out, "restored: %d replays of %d recordings, %d recordings beside replays, %d clips\n", count.Replays, count.Recordings,
		count.Takes, count.Clips)
	if unnoted > 0 {
		fmt.Fprintf(out, "left alone: %d recordings and clips without a note of whose they are\n", unnoted)
	}
	fmt.Fprintln(out, "user tokens and links to clips are only in the database; make new ones where they are lost")
	return wrong
}
