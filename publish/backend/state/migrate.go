package state

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// steps lead from an empty database to the schema of this program. Add one at the end for every change; what has been
// landed is never changed. They are in SQLite's words, as far as PostgreSQL has the same ones: see forPostgres.
var steps = []string{
	// 1, written so that it may meet its tables: the first databases did not count their steps here.
	`
CREATE TABLE IF NOT EXISTS tokens (
	id TEXT PRIMARY KEY, hash BLOB NOT NULL UNIQUE, identity TEXT NOT NULL, rooms TEXT NOT NULL,
	created INTEGER NOT NULL, revoked INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE IF NOT EXISTS replays (
	id TEXT PRIMARY KEY, identity TEXT NOT NULL, room TEXT NOT NULL, created INTEGER NOT NULL,
	stopped INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE IF NOT EXISTS recordings (
	id TEXT PRIMARY KEY, replay TEXT NOT NULL REFERENCES replays(id) ON DELETE CASCADE, egress TEXT NOT NULL UNIQUE,
	video TEXT NOT NULL, audio TEXT NOT NULL, state TEXT NOT NULL, error TEXT NOT NULL DEFAULT '',
	began INTEGER NOT NULL DEFAULT 0, created INTEGER NOT NULL, ended INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX IF NOT EXISTS recordings_replay ON recordings(replay, created);
CREATE TABLE IF NOT EXISTS clips (
	id TEXT PRIMARY KEY, replay TEXT NOT NULL, identity TEXT NOT NULL, room TEXT NOT NULL, state TEXT NOT NULL,
	reason TEXT NOT NULL DEFAULT '', asked INTEGER NOT NULL, pressed INTEGER NOT NULL, created INTEGER NOT NULL,
	start INTEGER NOT NULL DEFAULT 0, stop INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX IF NOT EXISTS clips_identity ON clips(identity, created);
CREATE INDEX IF NOT EXISTS clips_state ON clips(state);
`,
	// 2: what tokens are good for, links to clips, and the clips' posters.
	`
ALTER TABLE tokens ADD COLUMN scopes TEXT NOT NULL DEFAULT 'publish';
CREATE INDEX clips_created ON clips(created);
CREATE TABLE links (
	id TEXT PRIMARY KEY, clip TEXT NOT NULL REFERENCES clips(id) ON DELETE CASCADE, hash TEXT NOT NULL UNIQUE,
	created INTEGER NOT NULL, expires INTEGER NOT NULL
) STRICT;
CREATE INDEX links_clip ON links(clip, created);
CREATE TABLE posters (
	clip TEXT PRIMARY KEY REFERENCES clips(id) ON DELETE CASCADE, jpeg BLOB NOT NULL
) STRICT;
`,
	// 3: recordings beside the replays.
	`
CREATE TABLE takes (
	id TEXT PRIMARY KEY, identity TEXT NOT NULL, room TEXT NOT NULL, egress TEXT NOT NULL UNIQUE, request TEXT NOT NULL,
	fingerprint TEXT NOT NULL, state TEXT NOT NULL, error TEXT NOT NULL DEFAULT '', streams TEXT NOT NULL,
	began INTEGER NOT NULL DEFAULT 0, created INTEGER NOT NULL, stopped INTEGER NOT NULL DEFAULT 0,
	ended INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX takes_identity ON takes(identity, created);
CREATE INDEX takes_state ON takes(state);
`,
	// 4: what one backend at a time may do, and how many segments of a recording are deleted.
	`
CREATE TABLE leases (name TEXT PRIMARY KEY, worker TEXT NOT NULL, until INTEGER NOT NULL) STRICT;
ALTER TABLE recordings ADD COLUMN gone INTEGER NOT NULL DEFAULT 0;
`,
	// 5: recordings that are being started, and what is missing in a clip, as JSON.
	`
CREATE TABLE intents (id TEXT PRIMARY KEY, created INTEGER NOT NULL) STRICT;
ALTER TABLE clips ADD COLUMN gaps TEXT NOT NULL DEFAULT '';
`,
	// 6: how often a clip was tried.
	`
ALTER TABLE clips ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;
`,
	// 7: clips and takes that are deleted, whose files may still be there.
	`
ALTER TABLE clips ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE takes ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0;
`,
	// 8: what there is in a room, newest first, without a look at what others have.
	`
CREATE INDEX clips_room ON clips(room, created);
CREATE INDEX takes_room ON takes(room, created);
CREATE INDEX takes_created ON takes(created);
`,
	// 9: invitations, with which users get their tokens by themselves.
	`
CREATE TABLE invitations (
	id TEXT PRIMARY KEY, hash BLOB NOT NULL UNIQUE, identity TEXT NOT NULL, rooms TEXT NOT NULL, scopes TEXT NOT NULL,
	created INTEGER NOT NULL, expires INTEGER NOT NULL
) STRICT;
`,
	// 10: clips that users upload, what they call them, and what is known of a clip's video; chapters are JSON.
	`
CREATE TABLE uploads (
	id TEXT PRIMARY KEY, identity TEXT NOT NULL, token TEXT NOT NULL, room TEXT NOT NULL, title TEXT NOT NULL,
	recorded INTEGER NOT NULL, hash TEXT NOT NULL, bytes INTEGER NOT NULL, received INTEGER NOT NULL DEFAULT 0,
	parts INTEGER NOT NULL DEFAULT 0, state TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '',
	attempts INTEGER NOT NULL DEFAULT 0, stored INTEGER NOT NULL DEFAULT 1, created INTEGER NOT NULL,
	expires INTEGER NOT NULL
) STRICT;
CREATE INDEX uploads_identity ON uploads(identity, created);
ALTER TABLE clips ADD COLUMN origin TEXT NOT NULL DEFAULT '';
ALTER TABLE clips ADD COLUMN title TEXT NOT NULL DEFAULT '';
ALTER TABLE clips ADD COLUMN width INTEGER NOT NULL DEFAULT 0;
ALTER TABLE clips ADD COLUMN height INTEGER NOT NULL DEFAULT 0;
ALTER TABLE clips ADD COLUMN chapters TEXT NOT NULL DEFAULT '';
`,
	// 11: who made a link.
	"ALTER TABLE links ADD COLUMN identity TEXT NOT NULL DEFAULT '';",
	// 12: viewers of running replays: their links, when nothing is for them, and the clips that they ask for. Of what is
	// deleted of a replay its playlist counts on: shown, jumps and longest; a recording is shut at so many segments once
	// the next one is shown, and late is how late its program times are.
	`
CREATE TABLE watch_links (
	id TEXT PRIMARY KEY, replay TEXT NOT NULL REFERENCES replays(id) ON DELETE CASCADE, identity TEXT NOT NULL,
	hash TEXT NOT NULL UNIQUE, clips TEXT NOT NULL, created INTEGER NOT NULL, expires INTEGER NOT NULL
) STRICT;
CREATE INDEX watch_links_replay ON watch_links(replay, created);
CREATE TABLE pauses (
	replay TEXT NOT NULL REFERENCES replays(id) ON DELETE CASCADE, start INTEGER NOT NULL,
	stop INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (replay, start)
) STRICT;
CREATE TABLE asks (
	id TEXT PRIMARY KEY, replay TEXT NOT NULL REFERENCES replays(id) ON DELETE CASCADE, link TEXT NOT NULL,
	asker TEXT NOT NULL, state TEXT NOT NULL, title TEXT NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL,
	created INTEGER NOT NULL, linked INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX asks_replay ON asks(replay, state);
ALTER TABLE clips ADD COLUMN asker TEXT NOT NULL DEFAULT '';
ALTER TABLE recordings ADD COLUMN shut INTEGER NOT NULL DEFAULT 0;
ALTER TABLE recordings ADD COLUMN late INTEGER NOT NULL DEFAULT 0;
ALTER TABLE replays ADD COLUMN shown INTEGER NOT NULL DEFAULT 0;
ALTER TABLE replays ADD COLUMN jumps INTEGER NOT NULL DEFAULT 0;
ALTER TABLE replays ADD COLUMN longest INTEGER NOT NULL DEFAULT 0;
`,
	// 13: browsers that are signed in, and the codes that sign them in. token is one of ours, or else who is a user in
	// JSON, until ends.
	`
CREATE TABLE codes (
	hash TEXT PRIMARY KEY, token TEXT NOT NULL, who TEXT NOT NULL, owner TEXT NOT NULL, ends INTEGER NOT NULL,
	expires INTEGER NOT NULL
) STRICT;
CREATE TABLE sessions (
	hash TEXT PRIMARY KEY, token TEXT NOT NULL, who TEXT NOT NULL, owner TEXT NOT NULL, created INTEGER NOT NULL,
	used INTEGER NOT NULL, expires INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_owner ON sessions(owner, created);
`,
	// 14: when the frames of segments in MPEG-TS begin and end, in ns since PTS 0, both 0 where that cannot be read; and
	// by how much a recorder's clock is ahead of ours.
	`
CREATE TABLE segment_times (
	recording TEXT NOT NULL REFERENCES recordings(id) ON DELETE CASCADE, number INTEGER NOT NULL,
	first INTEGER NOT NULL, stop INTEGER NOT NULL, PRIMARY KEY (recording, number)
) STRICT;
ALTER TABLE recordings ADD COLUMN ahead INTEGER NOT NULL DEFAULT 0;
`,
}

// forPostgres puts a step into PostgreSQL's words: its INTEGER has 32 bits, its BLOB is called BYTEA, and its tables
// are always strict.
var forPostgres = strings.NewReplacer("INTEGER", "BIGINT", "BLOB", "BYTEA", ") STRICT", ")")

// migrate runs the steps that the database has not seen, all or none.
func (s *Store) migrate(ctx context.Context) error {
	return s.transaction(ctx, func(tx runner) error {
		if err := s.lock(ctx, tx, "migrations"); err != nil {
			return err
		}
		table := s.words("CREATE TABLE IF NOT EXISTS migrations (step INTEGER PRIMARY KEY, at INTEGER NOT NULL) STRICT")
		if _, err := tx.ExecContext(ctx, table); err != nil {
			return err
		}
		var done int
		if err := tx.QueryRowContext(ctx, "SELECT coalesce(max(step), 0) FROM migrations").Scan(&done); err != nil {
			return err
		}
		if done > len(steps) {
			return fmt.Errorf("it was written by a newer version of this program (step %d, known are %d)", done, len(steps))
		}
		for i, step := range steps[done:] {
			number := done + i + 1
			if _, err := tx.ExecContext(ctx, s.words(step)); err != nil {
				return fmt.Errorf("step %d: %w", number, err)
			}
			_, err := tx.ExecContext(ctx, "INSERT INTO migrations (step, at) VALUES (?,?)", number, stamp(time.Now()))
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// words returns a statement of the schema as this database wants it.
func (s *Store) words(statement string) string {
	if s.db.postgres {
		return forPostgres.Replace(statement)
	}
	return statement
}
