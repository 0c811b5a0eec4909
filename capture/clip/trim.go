package clip

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hindsight-app/hindsight/capture/mp4"
)

// TrimRequest is which part of a clip becomes a new clip.
type TrimRequest struct {
	// Path is the clip, which stays as it is.
	Path string
	// From and To are moments of its playing time; a To of 0 is the clip's end.
	From, To time.Duration
	// Out is the new file. Empty is a free name beside the clip: "NAME (trimmed).mp4".
	Out string
	// Smart begins the new clip with its first frame, for players that ignore edit lists: the frames up to the next
	// keyframe are encoded anew.
	Smart bool
	// Volumes are factors for the tracks of sound that SoundTracks lists, in its order: 1 is as it is. Where one is
	// another, the sound that is played by itself is mixed and encoded anew from these tracks; video is not. What is
	// silenced with 0 is not in the new clip at all.
	Volumes []float64
}

// InputError is an error of what was asked for: moments that are not in the clip, or a file that is no clip.
type InputError struct{ Err error }

// Error is the message.
func (e InputError) Error() string { return e.Err.Error() }

// Unwrap returns what went wrong.
func (e InputError) Unwrap() error { return e.Err }

func inputError(format string, args ...any) error { return InputError{fmt.Errorf(format, args...)} }

// trimmed is added to the name of a clip.
const trimmed = " (trimmed)"

// Trim saves a part of a clip as a new clip, exact to the frame and to the sample of sound. No video is encoded unless
// the request is Smart: the new clip holds the frames from the last keyframe before its begin, which its edit list
// hides. Chapters within the part, all sound tracks, the star and the date go with it; its cover is its first frame. An
// existing file is never overwritten, and after an error there is no new file. The error is a message, an InputError
// where the request is at fault.
func Trim(ctx context.Context, r TrimRequest) (Clip, error) {
	file := filepath.Base(r.Path)
	source, err := mp4.OpenEnded(r.Path)
	if err != nil {
		return Clip{}, inputError("%s cannot be trimmed: %w", file, err)
	}
	defer source.Close()
	if r.To, err = within(r.Path, source.Length(), r.From, r.To); err != nil {
		return Clip{}, err
	}
	var m mp4.Movie
	if r.Smart {
		m, err = source.SmartCut(ctx, r.From, r.To, recode)
	} else {
		m, err = source.Cut(r.From, r.To)
	}
	if errors.Is(err, context.Canceled) {
		return Clip{}, err
	}
	if err != nil {
		return Clip{}, inputError("%s cannot be trimmed from %s to %s: %w", file, clock(r.From), clock(r.To), err)
	}
	if err = remix(ctx, source, &m, r); err != nil {
		return Clip{}, err
	}
	if st, err := os.Stat(r.Path); err == nil && m.Created.IsZero() {
		m.Created = st.ModTime()
	}
	m.Origin = string(Trimmed)
	c := Clip{Created: m.Created, Seconds: (m.End - m.Start).Seconds(), Ours: true, Kind: Trimmed}
	if c.Path, c.Bytes, err = writeNew(ctx, r.Path, trimmed, r.Out, m); err != nil {
		return Clip{}, err
	}
	finish(ctx, &c)
	return c, nil
}

// within is the end of a part of a clip of that length, or says why there is no such part.
func within(path string, length, from, to time.Duration) (time.Duration, error) {
	file := filepath.Base(path)
	if to == 0 {
		to = length
	}
	switch {
	case from < 0 || from >= length:
		return 0, inputError("%s is %s long; it cannot be trimmed from %s", file, clock(length), clock(from))
	case to-length >= time.Millisecond: // people type what they see, which is rounded
		return 0, inputError("%s is %s long; it cannot be trimmed to %s", file, clock(length), clock(to))
	case from >= to:
		return 0, inputError("there is nothing between %s and %s; give a begin that is before the end", clock(from),
			clock(to))
	}
	return to, nil
}

// finish adds a cover to a clip that is complete, and reads its size.
func finish(ctx context.Context, c *Clip) {
	_ = describe(c)
	if img, err := Thumbnail(ctx, c.Path, coverWidth); err == nil {
		if jpeg, err := encodeCover(img); err == nil {
			_ = mp4.SetCover(c.Path, jpeg)
		}
	}
}

// writeNew writes the movie to out, or where that is empty to a free name beside a clip, with a suffix.
func writeNew(ctx context.Context, beside, suffix, out string, m mp4.Movie) (path string, size int64, err error) {
	folder, base := besideName(beside, suffix)
	try := func(path string) (err error) {
		size, err = writeMovie(ctx, path, m)
		return err
	}
	if path = out; out != "" {
		err = try(out)
	} else {
		path, err = place(folder, base, ".mp4", try)
	}
	switch {
	case err == nil:
		return path, size, nil
	case errors.Is(err, fs.ErrExist):
		return "", 0, fmt.Errorf("%s already exists; use another name", out)
	}
	return "", 0, explainFile(filepath.Dir(path), err)
}

// besideName is the folder of a clip and its name without an ending, with a suffix.
func besideName(clip, suffix string) (folder, base string) {
	base = strings.TrimSuffix(filepath.Base(clip), filepath.Ext(clip))
	return filepath.Dir(clip), shorten(base, maxName-len(suffix)) + suffix
}

// explainFile turns a file system error into a message for who named the file.
func explainFile(folder string, err error) error {
	kind := troubleOf(err)
	if info, other := os.Stat(folder); kind == noFolder && other == nil && info.IsDir() {
		kind = notWritable // such as /proc, which takes no new files
	}
	switch kind {
	case diskFull:
		return fmt.Errorf("the disk with %s is full; free some space and try again (%w)", folder, err)
	case fileTooLarge:
		return fmt.Errorf("the disk with %s takes no files as large as this clip (FAT32 takes 4 GiB); keep a shorter part, "+
			"or name a file on another disk (%w)", folder, err)
	case notWritable:
		return fmt.Errorf("%s cannot be written to; name a file in another folder (%w)", folder, err)
	case noFolder, notFolder:
		return fmt.Errorf("there is no folder %s (%w)", folder, err)
	case noTrouble:
		return err
	}
	return fmt.Errorf("the clip cannot be written to %s: %w", folder, err)
}

// clock writes a playing time as people read it: 1:02.25.
func clock(d time.Duration) string {
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	d = d.Round(time.Millisecond)
	s := fmt.Sprintf("%06.3f", (d % time.Minute).Seconds())
	s = strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
	if d >= time.Hour {
		return fmt.Sprintf("%s%d:%02d:%s", sign, d/time.Hour, d%time.Hour/time.Minute, s)
	}
	return fmt.Sprintf("%s%d:%s", sign, d/time.Minute, s)
}
