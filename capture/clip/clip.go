// Package clip turns packets into MP4 files, names them, lists them and draws their thumbnails.
//
// The package owns the clip folder: its files' names, thumbnails, stars and quota. Nothing is left of a call when it
// returns, except where the folder's file system hangs: then a goroutine stays until it returns. A clip is written
// beside its final name and gets that name when it is complete; a name that is taken is never overwritten.
package clip

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/capture/mp4"
)

// Clip describes a saved file.
type Clip struct {
	Path string `json:"path"`
	// Seconds is the exact playing time.
	Seconds float64 `json:"seconds"`
	Bytes   int64   `json:"bytes"`
	Width   int     `json:"width"`
	Height  int     `json:"height"`
	// Created is the moment of the key press.
	Created time.Time `json:"created"`
	// SaveMS is the time from the press to the complete file in milliseconds; 0 for a clip found on disk.
	SaveMS float64 `json:"save_ms,omitempty"`
	// Starred is the user's mark for what is to be kept; Ours says that Hindsight made the file, as its header shows.
	Starred bool `json:"starred,omitempty"`
	Ours    bool `json:"ours,omitempty"`
	// ForViewer says that it was made for somebody who watches, see Request.
	ForViewer bool `json:"for_viewer,omitempty"`
	// Program is whose window had the focus at the press, where it is known.
	Program string `json:"program,omitempty"`
	Kind    Kind   `json:"kind,omitempty"`
	// Instead is why a new clip is not in the clip folder, as a message; empty where it is. See Place.
	Instead string `json:"instead,omitempty"`
}

// Kind is how a file came about; it is empty for files that Hindsight did not make.
type Kind string

// The kinds of files. What is cut or joined from others is Trimmed.
const (
	Replay     Kind = "replay"
	Recorded   Kind = "recording"
	Screenshot Kind = "screenshot"
	Trimmed    Kind = "trimmed"
)

// forViewer is noted in place of a kind in a replay that was made for somebody who watches.
const forViewer = "viewer"

// Kinds are all of them, clips before what is made of them.
func Kinds() []Kind { return []Kind{Replay, Recorded, Trimmed, Screenshot} }

func (k Kind) String() string { return string(k) }

// ParseKind returns the kind of that name; the error names those that there are.
func ParseKind(s string) (Kind, error) { return media.ParseName("kind of file", s, Kinds()) }

// Request is what to write: a saved replay, whose packets and window are known, or a recording, whose packets come.
type Request struct {
	// Folder is made when it is missing.
	Folder string
	// Video begins with an IDR; Sound is the mix in AAC and may be empty.
	Video, Sound []*media.Packet
	// Sources are further AAC tracks, which players offer but do not play by themselves.
	Sources [][]*media.Packet
	// Start and End are the window on the packets' clock.
	Start, End time.Duration
	// Created is the wall-clock moment of the press; it names the file.
	Created time.Time
	// Width and Height are the frame size in pixels, for the description.
	Width, Height int
	// Name is the template of the file's name, see CheckName; empty is DefaultName. App is what {app} stands for, and
	// is noted in the file; Suffix is added behind.
	Name, App, Suffix string
	// Title is what people call the clip, at most 256 bytes of printable text; it is noted in the file.
	Title string
	// ForViewer is a clip for somebody who watches. It is noted in the file: a storage limit costs such clips before the
	// user's own.
	ForViewer bool
	// Chapters are moments on the packets' clock; those outside the window do not count.
	Chapters []mp4.Chapter
	// Poster puts a JPEG image beside the clip, under its name, as well.
	Poster bool
}

// hangWait is how long a folder may take for what needs a moment, such as giving up a save: a disk that
// sleeps needs seconds.
var hangWait = 10 * time.Second

// saveWait is how long a drive may take before it writes, and slowest the bytes a second that it then writes at least.
const saveWait, slowest = 2 * time.Minute, 4 << 20

// patience is how long a drive may take for the whole clip.
func (r Request) patience() time.Duration {
	var bytes int64
	for _, track := range append([][]*media.Packet{r.Video, r.Sound}, r.Sources...) {
		for _, p := range track {
			bytes += int64(len(p.Data))
		}
	}
	return saveWait + time.Duration(bytes/slowest)*time.Second
}

// Save writes the clip. When the context ends before the file has its name, nothing is left. The error is a message
// that says what to do. Illustrate may follow.
func Save(ctx context.Context, r Request) (c Clip, err error) {
	type result struct {
		clip Clip
		err  error
	}
	done := make(chan result, 1)
	go func() {
		c, err := save(ctx, r)
		if errors.Is(err, context.DeadlineExceeded) {
			err = errHangs(r.Folder) // it responds, but takes too long
		}
		done <- result{c, err}
	}()
	select {
	case x := <-done:
		return x.clip, x.err
	case <-ctx.Done():
	}
	hung := time.NewTimer(hangWait)
	defer hung.Stop()
	select {
	case x := <-done:
		return x.clip, x.err
	case <-hung.C:
		return Clip{}, errHangs(r.Folder)
	}
}

// hangError is a folder that does not respond.
type hangError struct{ error }

func errHangs(folder string) error {
	return hangError{fmt.Errorf("%s does not respond; check the drive or the network, or choose another folder in the "+
		"settings, and save again: the replay is still in memory", folder)}
}

func save(ctx context.Context, r Request) (Clip, error) {
	if err := os.MkdirAll(r.Folder, 0o755); err != nil {
		return Clip{}, explain(r.Folder, err)
	}
	m := r.movie(Replay, sounds(r))
	m.ReserveCover = true
	c := Clip{Seconds: (r.End - r.Start).Seconds(), Created: r.Created, Width: r.Width, Height: r.Height, Ours: true,
		Program: m.Program, Kind: Replay, ForViewer: r.ForViewer}
	if r.ForViewer {
		m.Origin = forViewer
	}
	var err error
	c.Path, err = place(r.Folder, r.base(), ".mp4", func(path string) (err error) {
		c.Bytes, err = writeMovie(ctx, path, m)
		return err
	})
	if err != nil {
		return Clip{}, explain(r.Folder, err)
	}
	return c, nil
}

// base is the file's name without folder and ending.
func (r Request) base() string { return Name(r.Name, r.App, r.Created, r.End-r.Start) + r.Suffix }

// movie is the file with these tracks of sound beside the video.
func (r Request) movie(kind Kind, sounds []mp4.Track) mp4.Movie {
	return mp4.Movie{Start: r.Start, End: r.End, Created: r.Created, Chapters: r.Chapters,
		Program: shorten(clean(r.App), maxApp), Origin: string(kind), Title: r.Title,
		Tracks: append([]mp4.Track{{Kind: mp4.H264, Samples: samples(r.Video)}}, sounds...)}
}

// place makes a file under the first name that is free. try returns fs.ErrExist for one that is taken.
func place(folder, base, ending string, try func(path string) error) (path string, err error) {
	for n := 1; ; n++ {
		path = numbered(folder, base, ending, n)
		if err = try(path); !errors.Is(err, fs.ErrExist) {
			return path, err
		}
	}
}

// writeMovie writes a complete file; it returns fs.ErrExist where the name is taken, before it writes or, where
// another save took it in the meantime, after.
func writeMovie(ctx context.Context, path string, m mp4.Movie) (size int64, err error) {
	if _, err := os.Lstat(path); err == nil {
		return 0, fs.ErrExist
	}
	return mp4.WriteFile(ctx, path, m)
}

// Illustrate puts a frame from the middle into a saved clip as its cover, and beside it where the request says so. Save
// does not do it, for decoding a frame can take longer than writing the file. An error leaves a clip without a cover.
func Illustrate(ctx context.Context, path string, r Request) error {
	jpeg, err := cover(ctx, r)
	if err == nil {
		err = mp4.SetCover(path, jpeg)
	}
	if err != nil {
		return fmt.Errorf("the clip is saved, but has no cover: %w", err)
	}
	return r.putPoster(path, jpeg)
}

// putPoster puts the cover beside the clip where the request says so.
func (r Request) putPoster(path string, jpeg []byte) error {
	if !r.Poster {
		return nil
	}
	return writePoster(path, jpeg)
}

// sounds are the tracks of sound that the request's packets make.
func sounds(r Request) (out []mp4.Track) {
	for _, s := range append([][]*media.Packet{r.Sound}, r.Sources...) {
		if len(s) > 0 && len(s[0].Config) > 0 {
			out = append(out, soundTrack(s[0].Track, s[0].Config, samples(s)))
		}
	}
	return out
}

// soundTrack is one track of sound; players play the mix by themselves.
func soundTrack(t media.Track, config []byte, samples []mp4.Sample) mp4.Track {
	return mp4.Track{Kind: mp4.AAC, Samples: samples, AACConfig: config, Name: trackNames[t], Off: t != media.AAC}
}

// trackNames are what editors show.
var trackNames = map[media.Track]string{media.AAC: "Mix", media.DesktopAAC: "Desktop", media.MicAAC: "Microphone"}

func samples(packets []*media.Packet) []mp4.Sample {
	out := make([]mp4.Sample, len(packets))
	for i, p := range packets {
		out[i] = sample(p)
	}
	return out
}

func sample(p *media.Packet) mp4.Sample {
	return mp4.Sample{DTS: p.DTS, PTS: p.PTS, Duration: p.Duration, Sync: p.Key, Data: p.Data, NALs: p.NALs}
}

// trouble is what a file system error means to a user.
type trouble int

const (
	otherTrouble trouble = iota
	diskFull
	fileTooLarge
	notWritable
	noFolder  // there is none of that name
	notFolder // it is something else
	hangs
	away
	noTrouble // the caller's own doing, which needs no explanation
)

func troubleOf(err error) trouble {
	var hung hangError
	switch {
	case errors.As(err, &hung):
		return hangs
	case errors.Is(err, ErrAway):
		return away
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return diskFull
	case errors.Is(err, syscall.EFBIG):
		return fileTooLarge
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return notWritable
	case errors.Is(err, fs.ErrNotExist):
		return noFolder
	case errors.Is(err, syscall.ENOTDIR):
		return notFolder
	case errors.Is(err, context.Canceled), errors.Is(err, mp4.ErrEmpty):
		return noTrouble
	}
	return otherTrouble
}

// explain turns a file system error into a message for who saves a replay.
func explain(folder string, err error) error {
	switch troubleOf(err) {
	case diskFull:
		return fmt.Errorf("the disk with %s is full; free some space and save again: the replay is still in memory (%w)",
			folder, err)
	case fileTooLarge:
		return fmt.Errorf("the disk with %s takes no files as large as this clip (FAT32 takes 4 GiB); save a shorter clip, "+
			"or choose a folder on another disk in the settings: the replay is still in memory (%w)", folder, err)
	case notWritable:
		return fmt.Errorf("%s cannot be written to; choose another folder in Settings, Storage (%w)", folder, err)
	case notFolder:
		return fmt.Errorf("%s is not a folder; choose another one in Settings, Storage (%w)", folder, err)
	case noTrouble, hangs, away:
		return err
	}
	return fmt.Errorf("the clip cannot be written to %s: %w", folder, err)
}

// CheckFolder says whether clips can be written to a folder, making it when it is missing. The error is a message.
func CheckFolder(folder string) error {
	if folder == "" {
		return errors.New("no folder for clips is set; choose one in Settings, Storage")
	}
	return unlessItHangs(folder, func() error { return checkFolder(folder) })
}

// unlessItHangs runs what looks at a folder, and returns an error where that takes too long: it goes on then.
func unlessItHangs(folder string, look func() error) error {
	done := make(chan error, 1)
	go func() { done <- look() }()
	hung := time.NewTimer(hangWait)
	defer hung.Stop()
	select {
	case err := <-done:
		return err
	case <-hung.C:
		return errHangs(folder)
	}
}

func checkFolder(folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return explain(folder, err)
	}
	f, err := os.CreateTemp(folder, mp4.TempPrefix+"*"+mp4.TempSuffix)
	if err != nil {
		return explain(folder, err)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// Within is whether a folder, which need not be there yet, is or would be in another one, or is the same. The error is
// a message.
func Within(folder, path string) (inside, same bool, err error) {
	type result struct{ inside, same bool }
	found := make(chan result, 1)
	err = unlessItHangs(path, func() error {
		inside, same := lies(folder, path)
		found <- result{inside, same}
		return nil
	})
	if err != nil {
		return false, false, err
	}
	r := <-found
	return r.inside, r.same, nil
}

// lies is Within, without a bound to its time.
func lies(folder, path string) (inside, same bool) {
	outer, err := os.Stat(folder)
	if err != nil {
		return false, false
	}
	deepest := path
	real, err := filepath.EvalSymlinks(deepest)
	for err != nil && filepath.Dir(deepest) != deepest {
		deepest = filepath.Dir(deepest)
		real, err = filepath.EvalSymlinks(deepest)
	}
	for err == nil {
		if info, gone := os.Stat(real); gone == nil && os.SameFile(outer, info) {
			return true, deepest == path && sameFile(path, outer)
		}
		if filepath.Dir(real) == real {
			break
		}
		real = filepath.Dir(real)
	}
	return false, false
}

func sameFile(path string, as os.FileInfo) bool {
	info, err := os.Stat(path)
	return err == nil && os.SameFile(info, as)
}

// staleAfter is how old an unfinished file must be to count as left behind by a crash.
const staleAfter = 10 * time.Minute

// RemoveStale deletes unfinished files that a crash left in the folder.
func RemoveStale(folder string, now time.Time) error {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return explain(folder, err)
	}
	for _, e := range entries {
		name := e.Name()
		if !strings.HasPrefix(name, mp4.TempPrefix) || !strings.HasSuffix(name, mp4.TempSuffix) {
			continue
		}
		info, err := e.Info()
		if err != nil || now.Sub(info.ModTime()) <= staleAfter {
			continue // deleted in the meantime, or still being written
		}
		if err := os.RemoveAll(filepath.Join(folder, name)); err != nil { // an export's is a folder
			return explain(folder, err)
		}
	}
	return nil
}
