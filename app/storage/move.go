package storage

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/hindsight-app/hindsight/app/atomicfile"
	"github.com/hindsight-app/hindsight/capture/clip"
	"github.com/hindsight-app/hindsight/capture/mp4"
)

const (
	// settleFor is how long a file must not have changed before it moves: a clip gets its cover a moment after it was
	// saved, and a star is changed in the file.
	settleFor = 3 * time.Second
	// waitStep is how often files that cannot be moved yet are looked at.
	waitStep = 250 * time.Millisecond
	// mostTries is how often a file is copied that keeps changing.
	mostTries = 3
	block     = 1 << 20
)

// mover moves what Hindsight made from one folder to another, file by file. Each file is at every moment whole in at
// least one of them, whatever becomes of the process: on one file system it gets its new name before it loses the old
// one; to another one it is copied under a hidden name, synced, read back and compared, and named, before the original
// goes. So a move that was cut short needs no notes about files: it is run again, and finds what is already there. A
// file that has the name of another one gets a number.
type mover struct {
	from, to string
	// wanted chooses files; nil moves all.
	wanted func(clip.File) bool
	// busy are files that are being written; they are waited for.
	busy func() []string
	// moved is called with the old path and the new one, before the old one goes.
	moved func(from, to string)
	// report is called with what has been done.
	report func(Progress)
	settle time.Duration

	done  Progress
	known map[string]bool // files that are counted
}

// Progress is how far a move is.
type Progress struct {
	From string `json:"from"`
	To   string `json:"to"`
	// Files and Bytes are all that are to be moved as far as it is known, FilesDone and BytesDone what is.
	Files     int   `json:"files"`
	FilesDone int   `json:"files_done"`
	Bytes     int64 `json:"bytes"`
	BytesDone int64 `json:"bytes_done"`
	// Back says that it was canceled: what has been moved is moved back.
	Back bool `json:"back,omitempty"`
	// Waits is why it does not go on by itself now, as a message; Stopped says that it does not before Retry.
	Waits   string `json:"waits,omitempty"`
	Stopped bool   `json:"stopped,omitempty"`
	// SecondsLeft is an estimate, 0 for none.
	SecondsLeft float64 `json:"seconds_left,omitempty"`
}

// run moves everything, or returns why not. It ends with the context.
func (m *mover) run(ctx context.Context) error {
	m.known = map[string]bool{}
	m.done.From, m.done.To = m.from, m.to
	for {
		files, waiting, err := m.list()
		if err != nil {
			return err
		}
		if m.done.Waits = ""; waiting && len(files) == 0 {
			m.done.Waits = "a file is still being written; it moves when that is done"
		}
		m.say()
		for _, f := range files {
			if err := m.one(ctx, f); err != nil {
				return err
			}
			m.done.FilesDone++
			m.say()
		}
		if len(files) > 0 {
			continue // there may be more by now
		}
		if !waiting {
			return nil
		}
		timer := time.NewTimer(waitStep)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

func (m *mover) say() {
	if m.report != nil {
		m.report(m.done)
	}
}

// list is what can be moved now, and whether there is more that cannot yet.
func (m *mover) list() (now []clip.File, waiting bool, err error) {
	all, _, err := clip.Files(m.from)
	if err != nil {
		return nil, false, err
	}
	busy := map[string]bool{}
	if m.busy != nil {
		for _, path := range m.busy() {
			busy[path] = true
		}
	}
	for _, f := range all {
		if m.wanted != nil && !m.wanted(f) {
			continue
		}
		if !m.known[f.Path] {
			m.known[f.Path] = true
			m.done.Files++
			m.done.Bytes += f.Bytes
		}
		info, err := os.Stat(f.Path)
		if err != nil {
			continue // gone, by the user
		}
		if age := time.Since(changed(info)); busy[f.Path] || age >= 0 && age < m.settle {
			waiting = true
			continue
		}
		now = append(now, f)
	}
	return now, waiting, nil
}

// one moves a file.
func (m *mover) one(ctx context.Context, f clip.File) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	before := m.done.BytesDone
	err := m.move(ctx, f.Path)
	if errors.Is(err, fs.ErrNotExist) && missing(f.Path) && !missing(m.from) {
		err = nil // the user deleted or renamed it in the meantime
	}
	m.done.BytesDone = before
	if err == nil {
		m.done.BytesDone += f.Bytes
	}
	return err
}

func missing(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist)
}

func (m *mover) move(ctx context.Context, src string) error {
	for range mostTries {
		dst, copied, err := m.arrive(ctx, src)
		if err != nil {
			return err
		}
		atomicfile.SyncFolder(m.to)
		gone, err := m.leave(src, dst, copied)
		if err != nil || gone {
			return err
		}
	}
	return fmt.Errorf("%s could not be moved: it keeps being changed", filepath.Base(src))
}

// arrive gives a file its place in the new folder beside the one in the old. copied is what the original was like where
// the new one is a copy.
func (m *mover) arrive(ctx context.Context, src string) (dst string, copied fs.FileInfo, err error) {
	info, err := os.Stat(src)
	if err != nil {
		return "", nil, err
	}
	if dst := m.there(src); dst != "" { // a move that was cut short came so far
		return dst, info, nil
	}
	dst, err = m.name(src, func(path string) error { return mp4.Publish(src, path) })
	if err == nil {
		return dst, nil, nil
	}
	if missing(src) || missing(m.to) {
		return "", nil, explain(m.to, src, err)
	}
	temp, info, err := m.copy(ctx, src)
	if err != nil {
		return "", nil, explain(m.to, src, err)
	}
	defer os.Remove(temp)
	dst, err = m.name(src, func(path string) error { return mp4.Publish(temp, path) })
	return dst, info, explain(m.to, src, err)
}

// leave takes the file out of the old folder, unless it was changed since it was copied: then the copy goes.
func (m *mover) leave(src, dst string, copied fs.FileInfo) (gone bool, err error) {
	if copied != nil {
		if now, err := os.Stat(src); err == nil && (now.Size() != copied.Size() || !changed(now).Equal(changed(copied))) {
			return false, os.Remove(dst)
		}
	}
	if m.moved != nil {
		m.moved(src, dst)
	}
	if err := os.Remove(src); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("%s is in the new folder, but cannot be removed from the old one: %w", filepath.Base(src),
			err)
	}
	return true, nil
}

// name tries the file's name in the new folder, then that with a number.
func (m *mover) name(src string, try func(path string) error) (string, error) {
	for n := 1; ; n++ {
		path := m.numbered(src, n)
		if err := try(path); !errors.Is(err, fs.ErrExist) {
			return path, err
		}
	}
}

func (m *mover) numbered(src string, n int) string {
	name := filepath.Base(src)
	if n > 1 {
		ending := filepath.Ext(name)
		name = fmt.Sprintf("%s (%d)%s", strings.TrimSuffix(name, ending), n, ending)
	}
	return filepath.Join(m.to, name)
}

// there finds the file in the new folder, empty where it is not.
func (m *mover) there(src string) string {
	for n := 1; ; n++ {
		path := m.numbered(src, n)
		if missing(path) {
			return ""
		}
		if same(src, path) {
			return path
		}
	}
}

// same is whether two paths are one file, or files of the same content.
func same(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	if err != nil {
		return false
	}
	if os.SameFile(x, y) {
		return true
	}
	if x.Size() != y.Size() || x.Size() == 0 {
		return false
	}
	f, err := os.Open(a)
	if err != nil {
		return false
	}
	defer f.Close()
	g, err := os.Open(b)
	if err != nil {
		return false
	}
	defer g.Close()
	left, right := make([]byte, block), make([]byte, block)
	for {
		n, err := io.ReadFull(f, left)
		k, other := io.ReadFull(g, right)
		if !bytes.Equal(left[:n], right[:k]) || err != other { //nolint:errorlint // ReadFull returns these as they are
			return false
		}
		if err != nil {
			return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		}
	}
}

// copy writes a copy of a file into the new folder, under a hidden name, and makes sure that it is on that disk. It
// returns what the original was like.
func (m *mover) copy(ctx context.Context, src string) (temp string, before fs.FileInfo, err error) {
	in, err := os.Open(src)
	if err != nil {
		return "", nil, err
	}
	defer in.Close()
	if before, err = in.Stat(); err != nil {
		return "", nil, err
	}
	out, err := os.CreateTemp(m.to, mp4.TempPrefix+"*"+mp4.TempSuffix)
	if err != nil {
		return "", nil, err
	}
	defer func() {
		_ = out.Close() // after an error; else it was closed
		if err != nil {
			_ = os.Remove(out.Name()) // the drive may be gone
		}
	}()
	read := sha256.New()
	if err := m.pump(ctx, io.MultiWriter(out, read), in); err != nil {
		return "", nil, err
	}
	if err := errors.Join(out.Chmod(before.Mode().Perm()), out.Sync()); err != nil {
		return "", nil, err
	}
	forget(out)
	written := sha256.New()
	if _, err = out.Seek(0, io.SeekStart); err == nil {
		_, err = io.Copy(written, out)
	}
	if err == nil && !bytes.Equal(read.Sum(nil), written.Sum(nil)) {
		err = errVerify
	}
	if err = errors.Join(err, out.Close()); err != nil {
		return "", nil, err
	}
	return out.Name(), before, os.Chtimes(out.Name(), time.Time{}, before.ModTime())
}

// errVerify says that a copy is not what it should be.
var errVerify = errors.New("what was written cannot be read back")

// pump copies until the end of the file or of the context.
func (m *mover) pump(ctx context.Context, to io.Writer, from io.Reader) error {
	b := make([]byte, block)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := from.Read(b)
		if n > 0 {
			if _, err := to.Write(b[:n]); err != nil {
				return err
			}
			m.done.BytesDone += int64(n)
			m.say()
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// explain turns an error about a file that is to go into a folder into a message.
func explain(to, src string, err error) error {
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("the disk with %s is full (%w)", to, err)
	case errors.Is(err, syscall.EFBIG):
		return fmt.Errorf("the disk with %s takes no files as large as %s (FAT32 takes 4 GiB) (%w)", to, filepath.Base(src),
			err)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%s cannot be written to (%w)", to, err)
	case errors.Is(err, errVerify):
		return fmt.Errorf("what was written to %s cannot be read back; check that disk (%w)", to, err)
	}
	return fmt.Errorf("%s could not be moved: %w", filepath.Base(src), err)
}
