package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/control"
	"github.com/hindsight-app/hindsight/app/links"
	"github.com/hindsight-app/hindsight/app/storage"
	"github.com/hindsight-app/hindsight/app/token"
	"github.com/hindsight-app/hindsight/capture/clip"
)

type storageCmd struct {
	Show   storageShowCmd   `cmd:"" default:"withargs" help:"Show where clips are and what takes how much."`
	Move   storageMoveCmd   `cmd:"" help:"Move the clips, with their stars and links, to another folder, where new ones go from then on. Ctrl-C moves them back."`
	Cancel storageCancelCmd `cmd:"" help:"Cancel a move: what has been moved is moved back."`
}

type storageShowCmd struct {
	Limit float64 `placeholder:"GB" help:"Also show what a storage limit would delete. Nothing is deleted."`
}

// shownUsage is what is printed as JSON.
type shownUsage struct {
	storage.Usage
	// Deletes is what the limit that was asked about would delete.
	Deletes []clip.Clip `json:"deletes,omitempty"`
}

// mostLimit is the largest limit that is looked at, in GB.
const mostLimit = 1_000_000

func (c storageShowCmd) Validate() error {
	if !(c.Limit >= 0) || c.Limit > mostLimit { // nor is NaN
		return fmt.Errorf("--limit is %g; it must be more than 0, and %d GB at most", c.Limit, mostLimit)
	}
	return nil
}

func (c storageShowCmd) Run(ctx context.Context, out *output) error {
	u, err := usage(ctx)
	if err != nil {
		return err
	}
	shown := shownUsage{Usage: u}
	if c.Limit > 0 {
		if shown.Deletes, err = storage.Excess(u.Folder, int64(c.Limit*1e9)); err != nil {
			return err
		}
	}
	return out.print(shown, func(w io.Writer) {
		printUsage(w, u)
		if c.Limit > 0 {
			printExcess(w, c.Limit, shown.Deletes)
		}
	})
}

// usage asks the app, or looks itself where none runs.
func usage(ctx context.Context) (u storage.Usage, err error) {
	err = call(ctx, control.Request{Command: control.Storage}, &u)
	if !errors.Is(err, control.ErrNotRunning) {
		return u, err
	}
	return offline(config.Dir(), nil).Usage()
}

func printUsage(w io.Writer, u storage.Usage) {
	fmt.Fprintf(w, "folder       %s", u.Folder)
	if u.Total > 0 {
		fmt.Fprintf(w, ", %s of %s free", size(u.Free), size(u.Total))
	}
	fmt.Fprintln(w)
	if u.Away != "" {
		fmt.Fprintf(w, "away         %s\n", u.Away)
	}
	line := func(name string, files int, bytes int64) {
		fmt.Fprintf(w, "%-12s %5d  %10s\n", name, files, size(bytes))
	}
	for _, p := range u.Parts {
		line(partNames[p.Kind], p.Files, p.Bytes)
	}
	line("starred", u.Starred.Files, u.Starred.Bytes)
	line("other files", u.Others.Files, u.Others.Bytes)
	fmt.Fprintf(w, "%-12s        %10s\n", "recovery", size(u.Recovery))
	switch {
	case u.Server == nil:
	case u.Server.Error != "":
		fmt.Fprintf(w, "server       %s\n", u.Server.Error)
	default:
		line("server", u.Server.Clips, u.Server.Bytes)
	}
	if u.Limit > 0 {
		fmt.Fprintf(w, "limit        %s\n", size(u.Limit))
	}
	for _, path := range u.Elsewhere {
		fmt.Fprintf(w, "elsewhere    %s\n", path)
	}
	if u.Left != "" {
		fmt.Fprintf(w, "left behind  %s in %s\n", files(u.LeftPart.Files), u.Left)
	}
	if u.Move != nil {
		fmt.Fprintf(w, "moving       %s\n", moveLine(*u.Move))
	}
}

var partNames = map[clip.Kind]string{clip.Replay: "replays", clip.Recorded: "recordings", clip.Trimmed: "edited",
	clip.Screenshot: "screenshots"}

func printExcess(w io.Writer, limit float64, deletes []clip.Clip) {
	if len(deletes) == 0 {
		fmt.Fprintf(w, "A limit of %g GB deletes nothing.\n", limit)
		return
	}
	var bytes int64
	for _, c := range deletes {
		bytes += c.Bytes
	}
	fmt.Fprintf(w, "A limit of %g GB deletes %s, %s:\n", limit, files(len(deletes)), size(bytes))
	for _, c := range deletes {
		fmt.Fprintf(w, "  %s  %10s  %s\n", c.Created.Local().Format(time.DateTime), size(c.Bytes), c.Path)
	}
}

func size(bytes int64) string {
	if bytes >= 1e9 {
		return fmt.Sprintf("%.1f GB", float64(bytes)/1e9)
	}
	return fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
}

func files(n int) string {
	if n == 1 {
		return "1 file"
	}
	return fmt.Sprintf("%d files", n)
}

func moveLine(p storage.Progress) string {
	text := fmt.Sprintf("%d of %s, %s of %s, to %s", p.FilesDone, files(p.Files), size(p.BytesDone),
		size(p.Bytes), p.To)
	if p.Waits != "" {
		text += ": " + p.Waits
	}
	return text
}

type storageMoveCmd struct {
	Folder string `arg:"" type:"path" help:"The new folder. It is made when it is missing."`
}

type storageCancelCmd struct{}

func (storageCancelCmd) Run(ctx context.Context, out *output) error {
	return out.done(call(ctx, control.Request{Command: control.Unmove}, nil))
}

// pollEvery is how often a move is asked how far it is.
const pollEvery = 300 * time.Millisecond

func (c storageMoveCmd) Run(ctx context.Context, out *output) error {
	var m mover = online{}
	err := m.move(ctx, c.Folder)
	if errors.Is(err, control.ErrNotRunning) {
		manager := offline(config.Dir(), links.Open(config.Dir()))
		manager.Start()
		defer manager.Close()
		m = alone{manager}
		err = m.move(ctx, c.Folder)
	}
	if err != nil {
		return err
	}
	p, err := await(ctx, m, out)
	if err != nil {
		return err
	}
	return out.print(p, func(w io.Writer) { fmt.Fprintln(w, p.To) })
}

// mover is who moves the clips: the app, or this program where no app runs.
type mover interface {
	move(ctx context.Context, to string) error
	// progress is nil when there is nothing more to do.
	progress(ctx context.Context) (*storage.Progress, error)
	undo(ctx context.Context) error
}

type online struct{}

func (online) move(ctx context.Context, to string) error {
	return call(ctx, control.Request{Command: control.Move, Path: to}, nil)
}

func (online) progress(ctx context.Context) (*storage.Progress, error) {
	var u storage.Usage
	err := call(ctx, control.Request{Command: control.Moving}, &u)
	return u.Move, err
}

func (online) undo(ctx context.Context) error {
	return call(ctx, control.Request{Command: control.Unmove}, nil)
}

type alone struct{ *storage.Manager }

func (m alone) move(ctx context.Context, to string) error { return m.Move(ctx, to) }

func (m alone) progress(context.Context) (*storage.Progress, error) {
	p, moving := m.Progress()
	if !moving {
		return nil, nil
	}
	return &p, nil
}

func (m alone) undo(ctx context.Context) error { return m.Cancel(ctx) }

// await shows how far a move is until it is over. When ctx ends, what has been moved is moved back.
func await(ctx context.Context, m mover, out *output) (last storage.Progress, err error) {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	asking, canceled := ctx, ctx.Done()
	for {
		p, err := m.progress(asking)
		switch {
		case err != nil:
			return last, err
		case p == nil && last.Back:
			return last, errors.New("the move was canceled; all clips are in their folder again")
		case p == nil:
			return last, nil
		case p.Stopped:
			return *p, errors.New(p.Waits)
		}
		if last = *p; !out.json {
			fmt.Fprintf(os.Stderr, "\r%s\x1b[K", moveLine(last))
		}
		select {
		case <-ticker.C:
		case <-canceled:
			canceled, asking = nil, context.WithoutCancel(ctx)
			if err := m.undo(asking); err != nil {
				return last, err
			}
		}
	}
}

// offline works on the settings file of a Hindsight that does not run.
func offline(dir string, book *links.Book) *storage.Manager {
	return storage.Open(storage.Options{
		Dir: dir, Recovery: config.JournalFolder(),
		Settings: func() storage.Settings {
			_, c, _ := config.Open(dir)
			return storage.Settings{Folder: c.ClipFolder(), Fallback: config.DefaultClipFolder(),
				Limit: int64(c.Clips.QuotaGB) * 1e9}
		},
		SetFolder: func(_ context.Context, folder string) error {
			_, c, _ := config.Open(dir)
			edit := config.Edit(c, func(c *config.Config) { c.Replay.Folder = folder })
			return config.ApplyToFile(dir, edit, token.Open(dir)).Err()
		},
		Moved: func(from, to string) {
			if book != nil {
				_ = book.Moved(from, to) // found by its content as well
			}
		},
	})
}
