package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hindsight-app/hindsight/app/control"
	"github.com/hindsight-app/hindsight/app/transfers"
	"github.com/hindsight-app/hindsight/publish/api"
)

type uploadCmd struct {
	Path string `arg:"" type:"existingfile" help:"The clip's file."`
}

func (c uploadCmd) Run(ctx context.Context, out *output) error {
	var a control.UploadAnswer
	if err := watched(ctx, control.Request{Command: control.Upload, Path: c.Path}, &a,
		func(i transfers.Item) bool { return i.Kind == transfers.Upload && i.Path == c.Path }); err != nil {
		return err
	}
	return out.print(a, func(w io.Writer) { fmt.Fprintln(w, a.ClipID) })
}

type downloadCmd struct {
	ID string `arg:"" name:"id" help:"The clip on the server, as hindsightctl clips --server lists it."`
}

func (c downloadCmd) Run(ctx context.Context, out *output) error {
	var a control.UploadAnswer
	if err := watched(ctx, control.Request{Command: control.Fetch, Text: c.ID}, &a,
		func(i transfers.Item) bool { return i.Kind == transfers.Download && i.ClipID == c.ID }); err != nil {
		return err
	}
	return out.print(a, func(w io.Writer) { fmt.Fprintln(w, a.Path) })
}

type linksCmd struct {
	Clip string `arg:"" optional:"" type:"clip" help:"A clip's file, or the id of a clip on the server. Default: all clips of yours."`
}

func (c linksCmd) Run(ctx context.Context, out *output) error {
	var list []control.LinkInfo
	if err := call(ctx, control.Request{Command: control.Links, Path: c.Clip}, &list); err != nil {
		return err
	}
	return out.print(list, func(w io.Writer) {
		if len(list) == 0 {
			fmt.Fprintln(w, "No links.")
		}
		for _, l := range list {
			by := ""
			if l.MadeBy != "" {
				by = " by " + l.MadeBy
			}
			name := cmp.Or(l.Path, l.Name)
			if name != "" {
				name = "  " + name
			}
			fmt.Fprintf(w, "%s  clip %s%s  made %s%s  works until %s\n", l.ID, l.ClipID, name,
				l.CreatedAt.Local().Format(time.DateTime), by, l.ExpiresAt.Local().Format(time.DateTime))
		}
	})
}

type unlinkCmd struct {
	ID string `arg:"" name:"link" help:"The link: its URL, or its id as hindsightctl links lists it."`
}

func (c unlinkCmd) Run(ctx context.Context, out *output) error {
	return out.done(call(ctx, control.Request{Command: control.Unlink, Text: c.ID}, nil))
}

type queueCmd struct {
	Cancel string `placeholder:"ID" help:"Cancel this one." xor:"change"`
	Retry  string `placeholder:"ID" help:"Try this one again now." xor:"change"`
}

func (c queueCmd) Run(ctx context.Context, out *output) error {
	list := []transfers.Item{}
	if err := call(ctx, control.Request{Command: control.Queue, Text: c.Cancel + c.Retry, On: c.Retry != ""},
		&list); err != nil {
		return err
	}
	return out.print(list, func(w io.Writer) {
		if len(list) == 0 {
			fmt.Fprintln(w, "Nothing is being uploaded or downloaded.")
		}
		for _, i := range list {
			fmt.Fprintf(w, "%s  %s  %s  %s\n", i.ID, i.Kind, i.Name(), transferLine(i))
		}
	})
}

// absolute is a file's whole path; what is no file stays.
func absolute(clip string) string {
	if _, err := os.Stat(clip); err != nil || clip == "" {
		return clip
	}
	path, err := filepath.Abs(clip)
	if err != nil {
		return clip
	}
	return path
}

// serverClips prints the clips of the server.
func serverClips(ctx context.Context, out *output) error {
	list := []control.ServerClip{}
	if err := call(ctx, control.Request{Command: control.There}, &list); err != nil {
		return err
	}
	return out.print(list, func(w io.Writer) {
		if len(list) == 0 {
			fmt.Fprintln(w, "No clips on the server.")
		}
		for _, c := range list {
			where := "only on the server"
			if c.Path != "" {
				where = c.Path
			}
			fmt.Fprintf(w, "%s  %s  %7.1f s  %s  %s  %s  %s\n", c.ID, c.Created.Local().Format(time.DateTime), c.Seconds,
				megabytes(c.Bytes), api.Printable(c.Owner), cmp.Or(api.Printable(c.Title), "(no title)"), where)
		}
	})
}

// megabytes is a size in a column; a server may not know it.
func megabytes(bytes int64) string {
	if bytes <= 0 {
		return "      ? MB"
	}
	return fmt.Sprintf("%7.1f MB", float64(bytes)/1e6)
}

// progressEvery is how often progress is printed.
const progressEvery = 500 * time.Millisecond

// watched makes a call that waits for a transfer, and prints how far that is where somebody looks on.
func watched(ctx context.Context, r control.Request, out any, is func(transfers.Item) bool) error {
	if info, err := os.Stderr.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return call(ctx, r, out)
	}
	done := make(chan error, 1)
	go func() { done <- call(ctx, r, out) }()
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			fmt.Fprint(os.Stderr, "\r\x1b[K")
			return err
		case <-tick.C:
		}
		var list []transfers.Item
		if call(ctx, control.Request{Command: control.Queue}, &list) != nil {
			continue
		}
		for _, i := range list {
			if is(i) {
				fmt.Fprint(os.Stderr, "\r\x1b[K"+transferLine(i))
			}
		}
	}
}

// transferLine is a transfer in one line.
func transferLine(i transfers.Item) string {
	text := fmt.Sprintf("%.1f of %.1f MB", float64(i.Sent)/1e6, float64(i.Bytes)/1e6)
	if left := i.Left(); left > 0 {
		text += ", " + left.Round(time.Second).String() + " left"
	}
	if i.State != transfers.Running {
		text += ", " + strings.TrimSuffix(string(i.State)+": "+i.Error, ": ")
	}
	return text
}
