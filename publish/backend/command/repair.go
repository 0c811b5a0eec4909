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
	KeepLinks bool `help:"Keep links, sign-ins and invitations that the database knows, even if some were revoked after this copy of it was made."`
	JSON      bool `help:"Print JSON."`
}

// Help says what comes back and what does not.
func (r *repair) Help() string {
	return "Beside every recording and clip lies a note of whose it is. From these come back: replays and what was " +
		"recorded of them, recordings, clips with their gaps and posters. What does not come back: user tokens and links " +
		"to clips, for they are secrets of which only the database holds a fingerprint (make new ones); clips that were " +
		"still waiting (save again, the replay is there). What the database knows already stays as it is, so that it may " +
		"run again, and beside the service; but an older copy of the database does not know what was revoked since. So " +
		"links to clips and replays, sign-ins at the team's page and invitations that it knows are revoked, unless you add " +
		"--keep-links. User tokens stay: revoke those that must not work again with hindsight-backend token revoke."
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
	var revoked state.Revoked
	if !r.KeepLinks { // first, for it is to hold whatever follows
		if revoked, err = db.RevokeShared(ctx); err != nil {
			return err
		}
	}
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
				"takes": count.Jobs, "clips": count.Clips, "posters": count.Posters, "unknown": unnoted,
				"revokedLinks": revoked.Links, "revokedSignIns": revoked.SignIns,
				"revokedInvitations": revoked.Invitations}), wrong)
	}
	fmt.Fprintf(out, "restored: %d replays with %d recordings, %d other recordings, %d clips, %d posters\n",
		count.Replays,
		count.Recordings, count.Jobs, count.Clips, count.Posters)
	if unnoted > 0 {
		fmt.Fprintf(out, "skipped: %d recordings and clips without a note that says whose they are\n", unnoted)
	}
	if r.KeepLinks {
		fmt.Fprintln(out, "kept: links, sign-ins and invitations; some may have been revoked after this copy of the "+
			"database was made")
	} else {
		fmt.Fprintf(out, "revoked: %d links, %d sign-ins, %d invitations; create new ones, or use --keep-links next time\n",
			revoked.Links, revoked.SignIns, revoked.Invitations)
	}
	fmt.Fprintln(out, "user tokens and share links are only in the database; create new ones if they are lost, and "+
		"revoke tokens again that were revoked after this copy was made")
	return wrong
}
