// Package clip turns packets into MP4 files, names them, lists them and draws their thumbnails.
//
// The room owns the clip folder's naming. It has no goroutines and keeps nothing open after a call. A clip is written
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
}

// Request is what to write.
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
	// Width and Height are the picture's size in pixels, for the description.
	Width, Height int
	// Suffix is added to the file's name.
	Suffix string
}

// NameLayout is the name of a clip, as a layout of package time.
const NameLayout = "Hindsight 2006-01-02 15-04-05"

// Save writes the clip. The error is a sentence that says what to do.
func Save(ctx context.Context, r Request) (Clip, error) {
	if err := os.MkdirAll(r.Folder, 0o755); err != nil {
		return Clip{}, explain(r.Folder, err)
	}
	m := mp4.Movie{Start: r.Start, End: r.End, Created: r.Created, Tracks: tracks(r)}
	c := Clip{Seconds: (r.End - r.Start).Seconds(), Created: r.Created, Width: r.Width, Height: r.Height}
	base := filepath.Join(r.Folder, r.Created.Format(NameLayout)+r.Suffix)
	for n := 1; ; n++ {
		c.Path = base + ".mp4"
		if n > 1 {
			c.Path = fmt.Sprintf("%s (%d).mp4", base, n)
		}
		if _, err := os.Lstat(c.Path); err == nil {
			continue
		}
		size, err := mp4.WriteFile(ctx, c.Path, m)
		if errors.Is(err, os.ErrExist) {
			continue // another save took the name meanwhile
		}
		if err != nil {
			return Clip{}, explain(r.Folder, err)
		}
		c.Bytes = size
		return c, nil
	}
}

func tracks(r Request) []mp4.Track {
	out := []mp4.Track{{Kind: mp4.H264, Samples: samples(r.Video)}}
	for i, s := range append([][]*media.Packet{r.Sound}, r.Sources...) {
		if len(s) > 0 && len(s[0].Config) > 0 {
			out = append(out, mp4.Track{Kind: mp4.AAC, Samples: samples(s), AACConfig: s[0].Config, Name: trackNames[s[0].Track], Off: i > 0})
		}
	}
	return out
}

// trackNames are what editors show.
var trackNames = map[media.Track]string{media.AAC: "Mix", media.DesktopAAC: "Desktop", media.MicAAC: "Microphone"}

func samples(packets []*media.Packet) []mp4.Sample {
	out := make([]mp4.Sample, len(packets))
	for i, p := range packets {
		out[i] = mp4.Sample{DTS: p.DTS, PTS: p.PTS, Duration: p.Duration, Sync: p.Key, Data: p.Data, NALs: p.NALs}
	}
	return out
}

// explain makes a sentence of what a file system says.
func explain(folder string, err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("the disk with %s is full; free some space and save again: the replay is still in memory (%w)", folder, err)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%s cannot be written to; choose another folder in the settings (%w)", folder, err)
	case errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%s is not a folder; choose another one in the settings (%w)", folder, err)
	case errors.Is(err, context.Canceled), errors.Is(err, mp4.ErrEmpty):
		return err
	}
	return fmt.Errorf("the clip cannot be written to %s: %w", folder, err)
}

// CheckFolder says whether clips can be written to a folder, making it when it is missing. The error is a sentence.
func CheckFolder(folder string) error {
	if folder == "" {
		return errors.New("no folder for clips is set; choose one in the settings")
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return explain(folder, err)
	}
	f, err := os.CreateTemp(folder, ".hindsight-*"+mp4.TempSuffix)
	if err != nil {
		return explain(folder, err)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
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
		if !strings.HasPrefix(name, ".Hindsight ") || !strings.HasSuffix(name, mp4.TempSuffix) {
			continue
		}
		info, err := e.Info()
		if err != nil || now.Sub(info.ModTime()) <= staleAfter {
			continue // gone meanwhile, or still being written
		}
		if err := os.Remove(filepath.Join(folder, name)); err != nil {
			return explain(folder, err)
		}
	}
	return nil
}
