package capture

import (
	"context"
	"errors"
	"time"

	"github.com/hindsight-app/hindsight/capture/clip"
	"github.com/hindsight-app/hindsight/capture/replay"
)

// shortest is the shortest replay worth saving after a crash.
const shortest = time.Second

// Recover saves the replays left behind by processes that did not end cleanly, as clips named after their last
// moment. What cannot be saved now stays for another try.
func Recover(ctx context.Context, journalFolder string, to clip.Place) ([]clip.Clip, error) {
	found, err := replay.FindOrphans(journalFolder)
	var clips []clip.Clip
	for _, r := range found {
		s := r.Snapshot
		if s.End-s.Start < shortest {
			err = errors.Join(err, r.Discard())
			continue
		}
		q := clip.Request{Created: r.Last, Suffix: " recovered"}
		hold(&q, s, chapters(r.Marks, s.Start))
		c, e := to.Save(ctx, q)
		if e != nil {
			err = errors.Join(err, e, r.Release())
			continue
		}
		clips = append(clips, c)
		_ = clip.Illustrate(ctx, c.Path, q) // a clip without a cover is still a clip
		err = errors.Join(err, r.Discard())
	}
	return clips, err
}
