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

// Help says what comes back and what does not.
func (r *repair) Help() string {
	return "Beside every recording and clip lies a note of whose it is. From these come back: replays and what was " +
		"recorded of " +
		"them, recordings, clips with their gaps and posters. What does not come back: user tokens and links to clips, for " +
		"they " +
		"are secrets of which only the database holds a fingerprint (make new ones); clips that were still waiting (save " +
		"again, " +
		"the replay is there). What the database knows already stays as it is, so that it may run again, and beside the " +
		"service."
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
		if err == nil && n.Clip != nil {
			n.Poster, err = files.Poster(ctx, n.Clip.ID)
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
		return errors.Join(json.NewEncoder(out).Encode(
			map[string]int{"replays": count.Replays, "recordings": count.Recordings,
				"takes": count.Jobs, "clips": count.Clips, "posters": count.Posters, "unknown": unnoted}), wrong)
	}
	fmt.Fprintf(out, "restored: %d replays with %d recordings, %d other recordings, %d clips, %d posters\n",
		count.Replays,
		count.Recordings, count.Jobs, count.Clips, count.Posters)
	if unnoted > 0 {
		fmt.Fprintf(out, "skipped: %d recordings and clips without a note that says whose they are\n", unnoted)
	}
	fmt.Fprintln(out, "user tokens and share links are only in the database; create new ones if they are lost")
	return wrong
}
