// Package storage knows where clips are: what takes how much, whether the drive with them is connected, and how they
// move to another folder.
//
// A Manager keeps what it has to know across restarts in two files of the settings' folder: on which mount the clip
// folder was and which clips are elsewhere because it was away, and a move that is not finished. From Start on it has
// one goroutine, and another one while clips move. Close ends both and waits; the next Start goes on with the move. All
// methods may be called from any goroutine.
package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/hindsight-app/hindsight/app/atomicfile"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/capture/clip"
)

const (
	stateFile   = "storage.json"
	journalFile = "move.json"
	lockFile    = "move.lock"
)

const (
	// lookEvery is how often it is looked whether the drive is still there, which saves find out by themselves; lookSoon
	// while something waits for it.
	lookEvery, lookSoon = 30 * time.Second, 2 * time.Second
)

// Settings are what the user chose.
type Settings struct {
	// Folder is where clips go, Fallback where they go while it takes none.
	Folder, Fallback string
	// Limit is how much clips may take in bytes, 0 for no limit.
	Limit int64
}

// Options are what a Manager is made of. Functions other than Settings and SetFolder may be nil.
type Options struct {
	// Dir is the settings' folder.
	Dir string
	// Recovery is the folder of the buffer's backup.
	Recovery string
	// Settings returns those that count now. It is not called before Start.
	Settings func() Settings
	// SetFolder makes new clips go to another folder. When it returns nil, they do.
	SetFolder func(ctx context.Context, folder string) error
	// Busy are files that are being written.
	Busy func() []string
	// Moved is called when a clip gets another path, before the old one goes.
	Moved func(from, to string)
	// Report lists a message among the app's problems for as long as it is true; an empty one ends it.
	Report func(message string)
	// Server asks the server what it has, nil where none is set.
	Server func(ctx context.Context) *Server
	// Folders is called when there are other folders with clips than the clip folder, or no longer; see Manager.Folders.
	Folders func(folders []string)
	// Returned is called when so many clips that were saved elsewhere are in their folder.
	Returned func(clips int, folder string)
	Log      *slog.Logger
}

// Manager is described by the package's comment.
type Manager struct {
	o Options // never changed

	turn sync.Mutex // one move at a time; held while files move
	work sync.WaitGroup

	mu    sync.Mutex // never held while a file system is waited for
	state state
	// away is why the clip folder cannot be used now, empty when it can; looked is whether that is known.
	away   string
	looked bool
	limit  int64
	// job is a move that is not finished, nil for none; progress is how far it is and cancel ends its present run.
	job      *journal
	progress Progress
	cancel   context.CancelFunc
	began    time.Time
	ctx      context.Context // from Start to Close, else nil
	end      context.CancelFunc
	told     string        // why clips stay elsewhere, as it was logged
	changed  chan struct{} // a token says that there is something to look at
	settle   time.Duration
}

// state is what is known across restarts.
type state struct {
	// Mounts are where the drives of folders were mounted when the folders were last there.
	Mounts map[string]string `json:"mounts,omitempty"`
	// Elsewhere are clips in the fallback that belong into the clip folder.
	Elsewhere []string `json:"elsewhere,omitempty"`
	// Left is a folder that was the clip folder before and still has clips.
	Left string `json:"left,omitempty"`
}

// journal is a move that is not finished. It says nothing about files: see mover.
type journal struct {
	From      string `json:"from"`
	FromMount string `json:"from_mount,omitempty"`
	To        string `json:"to"`
	ToMount   string `json:"to_mount,omitempty"`
	// Had are the names of Hindsight's files that were in To before, which stay there if the move is undone.
	Had  []string `json:"had,omitempty"`
	Back bool     `json:"back,omitempty"`
	// Follows says that the clip folder goes with the clips; a move of clips that were left behind has none to take along.
	Follows bool `json:"follows,omitempty"`
}

// Open reads what is known. What cannot be read is not known.
func Open(o Options) *Manager {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	m := &Manager{o: o, changed: make(chan struct{}, 1), settle: settleFor}
	read(filepath.Join(o.Dir, stateFile), &m.state)
	var j journal
	if read(filepath.Join(o.Dir, journalFile), &j) && j.From != "" && j.To != "" {
		m.job = &j
		m.progress = j.progress()
	}
	if m.state.Mounts == nil {
		m.state.Mounts = map[string]string{}
	}
	return m
}

func read(path string, to any) bool {
	raw, err := os.ReadFile(path)
	return err == nil && json.Unmarshal(raw, to) == nil
}

func (m *Manager) write(name string, what any) error {
	raw, err := json.MarshalIndent(what, "", "  ")
	if err == nil {
		err = os.MkdirAll(m.o.Dir, 0o700)
	}
	if err == nil {
		err = atomicfile.Write(filepath.Join(m.o.Dir, name), raw, 0o600)
	}
	if err != nil {
		return fmt.Errorf("what is known about the clip folder cannot be written down: %w", err)
	}
	return nil
}

// Place is where clips of a folder go. It does not look at the file system.
func (m *Manager) Place(folder, fallback string) clip.Place {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := clip.Place{Folder: folder, Mount: m.state.Mounts[folder], Fallback: fallback}
	if m.job != nil && folder == m.job.From {
		p.Mount = m.job.FromMount
	}
	return p
}

// Away is why the clip folder cannot be used now, as a message; empty when it can.
func (m *Manager) Away() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.away
}

// Folders are where clips are: the clip folder, first, and others as long as clips are there that belong into it, while
// they move or because it was away.
func (m *Manager) Folders() []string {
	s := m.o.Settings()
	m.mu.Lock()
	defer m.mu.Unlock()
	all := []string{s.Folder}
	add := func(folder string) {
		if !slices.Contains(all, folder) {
			all = append(all, folder)
		}
	}
	if m.job != nil {
		add(m.job.From)
		add(m.job.To)
	}
	for _, path := range m.state.Elsewhere {
		add(filepath.Dir(path))
	}
	return all
}

// Saved says that a clip is in another folder than the clip folder because that did not take it.
func (m *Manager) Saved(path string) {
	m.mu.Lock()
	if !slices.Contains(m.state.Elsewhere, path) {
		m.state.Elsewhere = append(m.state.Elsewhere, path)
	}
	m.mu.Unlock()
	m.keep()
	m.Look()
}

// keep writes the state down; what is not written down is not known after a restart.
func (m *Manager) keep() {
	m.mu.Lock()
	raw, err := json.Marshal(m.state)
	m.mu.Unlock()
	if err == nil {
		err = m.write(stateFile, json.RawMessage(raw))
	}
	if err != nil {
		m.o.Log.Warn("what is known about the clip folder may be lost", "error", err)
	}
}

// Look has the folder looked at soon.
func (m *Manager) Look() {
	select {
	case m.changed <- struct{}{}:
	default:
	}
}

// Start begins to look after the clip folder: whether its drive is there, what is to go back into it, and what a new
// storage limit wants deleted. It goes on with a move that was not finished. It is called once.
func (m *Manager) Start() {
	ctx, end := context.WithCancel(context.Background())
	m.mu.Lock()
	m.ctx, m.end, m.limit = ctx, end, m.o.Settings().Limit
	m.mu.Unlock()
	m.resume()
	m.work.Go(func() { m.follow(ctx, m.o.Settings().Folder) })
}

// Close ends everything and waits. It may be called twice.
func (m *Manager) Close() {
	m.mu.Lock()
	m.ctx = nil
	if m.end != nil {
		m.end()
	}
	m.mu.Unlock()
	m.work.Wait()
}

func (m *Manager) follow(ctx context.Context, folder string) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var folders []string
	for {
		if now := m.Folders(); !slices.Equal(now, folders) && m.o.Folders != nil {
			folders = now
			m.o.Folders(now)
		}
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-m.changed:
		}
		now := m.o.Settings()
		if now.Folder != folder {
			m.left(folder, now)
			folder = now.Folder
		}
		m.look(now)
		m.prune(now)
		m.bring(ctx, now)
		if m.hopes() {
			timer.Reset(lookSoon)
		} else {
			timer.Reset(lookEvery)
		}
	}
}

// hopes is whether something waits for a drive.
func (m *Manager) hopes() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.away != "" || len(m.state.Elsewhere) > 0 || m.job != nil
}

// look finds out whether the clip folder is there.
func (m *Manager) look(s Settings) {
	err := m.Place(s.Folder, s.Fallback).CheckAway()
	text := ""
	switch {
	case errors.Is(err, clip.ErrAway) && s.Fallback != "" && s.Fallback != s.Folder:
		text = fmt.Sprintf("the drive with %s is not connected; new clips go to %s until it is back", s.Folder, s.Fallback)
	case errors.Is(err, clip.ErrAway):
		text = fmt.Sprintf("the drive with %s is not connected; no clips can be saved until it is back", s.Folder)
	case err != nil:
		text = fmt.Sprintf("the clip folder %s does not respond; check the drive or the network", s.Folder)
	}
	if err == nil {
		m.learn(s.Folder)
	}
	m.mu.Lock()
	before, looked := m.away, m.looked
	m.away, m.looked = text, true
	job := m.job != nil && m.progress.Waits != "" && !m.progress.Stopped
	m.mu.Unlock()
	if text != before || !looked {
		if text != "" {
			m.o.Log.Warn("the clip folder is away", "folder", s.Folder, "error", err)
		} else if looked {
			m.o.Log.Info("the clip folder is back", "folder", s.Folder)
		}
		if m.o.Report != nil {
			m.o.Report(text)
		}
	}
	if job {
		m.resume() // what it waits for may be there
	}
}

// learn remembers where the drive of a folder is mounted that is there.
func (m *Manager) learn(folder string) {
	mount, err := clip.MountOf(folder)
	if err != nil {
		return // it is made with the first clip
	}
	m.mu.Lock()
	same := m.state.Mounts[folder] == mount
	if !same {
		keep := map[string]string{folder: mount}
		for _, other := range []string{m.state.Left} {
			if known := m.state.Mounts[other]; known != "" {
				keep[other] = known
			}
		}
		m.state.Mounts = keep
	}
	m.mu.Unlock()
	if !same {
		m.keep()
	}
}

// left notes a folder that clips were saved to until now, if it has any or is away, so that they are not forgotten.
func (m *Manager) left(before string, now Settings) {
	m.mu.Lock()
	moving := m.job != nil
	m.mu.Unlock()
	if moving {
		return
	}
	has := m.Place(before, "").CheckAway() != nil
	if !has {
		own, _, err := clip.Files(before)
		has = err == nil && len(own) > 0
	}
	m.mu.Lock()
	switch {
	case has:
		m.state.Left = before
	case m.state.Left == now.Folder:
		m.state.Left = ""
	}
	m.mu.Unlock()
	m.keep()
}

// ForgetLeft ends that a folder which was the clip folder before is mentioned.
func (m *Manager) ForgetLeft() {
	m.mu.Lock()
	m.state.Left = ""
	m.mu.Unlock()
	m.keep()
}

// prune deletes what a limit that has just been set does not allow.
func (m *Manager) prune(s Settings) {
	m.mu.Lock()
	less := s.Limit > 0 && (m.limit == 0 || s.Limit < m.limit) && m.job == nil
	if m.job == nil {
		m.limit = s.Limit
	}
	m.mu.Unlock()
	if !less {
		return
	}
	gone, err := clip.Prune(s.Folder, s.Limit, m.busy()...)
	for _, g := range gone {
		m.o.Log.Info("an old clip was deleted, as the new storage limit wants it", "path", g.Path, "bytes", g.Bytes)
	}
	if err != nil {
		m.o.Log.Warn("old clips stay", "error", err)
	}
}

func (m *Manager) busy() []string {
	if m.o.Busy == nil {
		return nil
	}
	return m.o.Busy()
}

// bring moves clips into the clip folder that were saved elsewhere because it was away.
func (m *Manager) bring(ctx context.Context, s Settings) {
	m.mu.Lock()
	paths := slices.Clone(m.state.Elsewhere)
	ready := len(paths) > 0 && m.away == "" && m.job == nil
	m.mu.Unlock()
	if !ready || !m.turn.TryLock() {
		return
	}
	defer m.turn.Unlock()
	froms := map[string][]string{}
	var bytes int64
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil && filepath.Dir(path) != s.Folder {
			froms[filepath.Dir(path)] = append(froms[filepath.Dir(path)], path)
			bytes += info.Size()
		}
	}
	if len(froms) > 0 && (roomFor(s.Folder, bytes) != nil || clip.CheckFolder(s.Folder) != nil) {
		return
	}
	count := 0
	for from, wanted := range froms {
		mv := &mover{from: from, to: s.Folder, busy: m.busy, moved: func(from, to string) { count++; m.moved(from, to) },
			settle: m.settle, wanted: func(f clip.File) bool { return slices.ContainsFunc(wanted, belongs(f.Path)) }}
		if err := mv.run(ctx); err != nil {
			if ctx.Err() == nil && m.told != err.Error() {
				m.told = err.Error()
				m.o.Log.Warn("clips stay where they were saved while the clip folder was away", "error", err)
			}
			return
		}
	}
	m.mu.Lock()
	m.state.Elsewhere = slices.DeleteFunc(m.state.Elsewhere, func(p string) bool { return slices.Contains(paths, p) })
	m.mu.Unlock()
	m.keep()
	if count > 0 && m.o.Returned != nil {
		m.o.Returned(count, s.Folder)
	}
}

// belongs is whether a file is a clip, or the image beside it.
func belongs(path string) func(clip string) bool {
	base := func(p string) string { return p[:len(p)-len(filepath.Ext(p))] }
	return func(clip string) bool {
		return clip == path || base(clip) == base(path) && filepath.Ext(path) == ".jpg"
	}
}

func (m *Manager) moved(from, to string) {
	m.o.Log.Info("a clip was moved", "from", from, "to", to)
	if m.o.Moved != nil {
		m.o.Moved(from, to)
	}
}

// errMoving is returned while clips are being moved.
var errMoving = errors.New("clips are being moved already; wait until that is done, or cancel it")

// Move begins to move all clips to another folder, which becomes the clip folder at once. It returns when that is so.
func (m *Manager) Move(ctx context.Context, to string) error {
	return m.begin(ctx, m.o.Settings().Folder, to, true)
}

// MoveLeft begins to move the clips of the folder that was the clip folder before.
func (m *Manager) MoveLeft(ctx context.Context) error {
	m.mu.Lock()
	left := m.state.Left
	m.mu.Unlock()
	if left == "" {
		return errors.New("no clips are left in another folder")
	}
	return m.begin(ctx, left, m.o.Settings().Folder, false)
}

func (m *Manager) begin(ctx context.Context, from, to string, follows bool) error {
	m.mu.Lock()
	busy, running := m.job != nil, m.ctx != nil
	m.mu.Unlock()
	switch {
	case busy:
		return errMoving
	case !running:
		return errors.New("hindsight is closing")
	}
	j, err := m.prepare(from, to, follows)
	if err != nil {
		return err
	}
	j.Follows = follows
	if err := m.write(journalFile, j); err != nil {
		return err
	}
	m.mu.Lock()
	m.job, m.progress = j, j.progress()
	m.mu.Unlock()
	m.Look()
	if follows {
		if err := m.o.SetFolder(ctx, j.To); err != nil {
			m.finish()
			return err
		}
		m.learn(j.To)
	}
	m.resume()
	return nil
}

// prepare checks that the clips can move. The error is a message.
func (m *Manager) prepare(from, to string, follows bool) (*journal, error) {
	if to == "" {
		return nil, errors.New("name the folder to move the clips to")
	}
	if !filepath.IsAbs(to) {
		return nil, fmt.Errorf("%s is not an absolute path, like /home/you/Videos", to)
	}
	to = filepath.Clean(to)
	source := m.Place(from, "")
	if err := source.CheckAway(); err != nil {
		return nil, err
	}
	switch inside, same, err := clip.Within(from, to); {
	case err != nil:
		return nil, err
	case same:
		return nil, fmt.Errorf("the clips are in %s already", to)
	case inside && follows:
		return nil, fmt.Errorf("%s is a folder within %s, where the clips are now; choose one that is not", to, from)
	}
	if err := clip.CheckFolder(to); err != nil {
		return nil, err
	}
	j := &journal{From: from, To: to, FromMount: source.Mount}
	own, _, err := clip.Files(from)
	if err != nil {
		return nil, err
	}
	had, _, err := clip.Files(to)
	if err != nil {
		return nil, err
	}
	for _, f := range had {
		j.Had = append(j.Had, filepath.Base(f.Path))
	}
	j.ToMount, _ = clip.MountOf(to)
	if mount, err := clip.MountOf(from); err == nil {
		j.FromMount = mount
	}
	if j.FromMount != j.ToMount {
		var bytes int64
		for _, f := range own {
			bytes += f.Bytes
		}
		return j, roomFor(to, bytes)
	}
	return j, nil
}

// spare is what stays free on a disk that clips move to.
const spare = 64 << 20

// roomError is a disk that has no room for the clips.
type roomError struct {
	folder  string
	missing int64
}

func (e roomError) Error() string {
	return fmt.Sprintf("the disk with %s has no room for the clips: %d MB are missing", e.folder, (e.missing+999_999)/1e6)
}

// roomFor returns a message where a folder's disk has no room for so many bytes.
func roomFor(folder string, bytes int64) error {
	free, total, err := space(folder)
	if err != nil || total == 0 {
		return nil // not known
	}
	if missing := bytes + min(spare, total/20) - free; missing > 0 {
		return roomError{folder, missing}
	}
	return nil
}

func (j *journal) progress() Progress {
	p := Progress{From: j.From, To: j.To}
	if j.Back {
		p = Progress{From: j.To, To: j.From, Back: true}
	}
	return p
}

// resume goes on with a move, if there is one and it does not run.
func (m *Manager) resume() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.job == nil || m.cancel != nil || m.ctx == nil {
		return
	}
	ctx, cancel := context.WithCancel(m.ctx)
	m.cancel, m.began = cancel, time.Now()
	m.progress.Waits, m.progress.Stopped = "", false
	m.work.Go(func() {
		err := m.run(ctx)
		cancel()
		m.ended(err)
	})
}

// run moves what is left to move, forward or back.
func (m *Manager) run(ctx context.Context) error {
	unlock, err := atomicfile.Lock(filepath.Join(m.o.Dir, lockFile)) // hindsightctl moves, too
	if err != nil {
		return fmt.Errorf("clips cannot be moved now: %w", err)
	}
	defer unlock()
	m.turn.Lock()
	defer m.turn.Unlock()
	m.mu.Lock()
	j := *m.job
	m.mu.Unlock()
	for _, side := range []clip.Place{{Folder: j.From, Mount: j.FromMount}, {Folder: j.To, Mount: j.ToMount}} {
		if err := side.CheckAway(); err != nil {
			return err
		}
	}
	p := j.progress()
	if j.Follows && m.o.Settings().Folder == p.From { // a crash came before the settings were changed
		if err := m.o.SetFolder(ctx, p.To); err != nil {
			return err
		}
	}
	if err := clip.CheckFolder(p.To); err != nil {
		return err
	}
	mv := &mover{from: p.From, to: p.To, busy: m.busy, moved: m.moved, report: m.report, settle: m.settle}
	mv.done.Back = j.Back
	if j.Back {
		mv.wanted = func(f clip.File) bool { return !slices.Contains(j.Had, filepath.Base(f.Path)) }
	}
	return mv.run(ctx)
}

// report takes a mover's progress.
func (m *Manager) report(p Progress) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if past := time.Since(m.began); p.BytesDone > 0 && past > time.Second {
		p.SecondsLeft = past.Seconds() * float64(p.Bytes-p.BytesDone) / float64(p.BytesDone)
	}
	m.progress = p
}

// ended is called when a run of a move is over.
func (m *Manager) ended(err error) {
	m.mu.Lock()
	m.cancel = nil
	j, closing := m.job, m.ctx == nil || m.ctx.Err() != nil
	turned := j != nil && j.Back && !m.progress.Back
	m.mu.Unlock()
	switch {
	case j == nil || closing:
	case turned: // it was canceled while it ran
		m.mu.Lock()
		m.progress = j.progress()
		m.mu.Unlock()
		m.resume()
	case err == nil:
		m.o.Log.Info("the clips were moved", "from", j.From, "to", j.To, "back", j.Back)
		m.finish()
		m.Look()
	default:
		away := m.waits(j, err)
		m.o.Log.Warn("the clips cannot be moved now", "from", j.From, "to", j.To, "error", err)
		m.mu.Lock()
		m.progress.Waits, m.progress.Stopped = session.Plain(err), !away
		m.mu.Unlock()
	}
}

// waits is whether a move that failed goes on by itself: when a drive is back.
func (m *Manager) waits(j *journal, err error) bool {
	for _, side := range []clip.Place{{Folder: j.From, Mount: j.FromMount}, {Folder: j.To, Mount: j.ToMount}} {
		if side.CheckAway() != nil {
			return true
		}
	}
	return errors.Is(err, clip.ErrAway) || errors.Is(err, atomicfile.ErrLocked)
}

// finish forgets the move.
func (m *Manager) finish() {
	if err := os.Remove(filepath.Join(m.o.Dir, journalFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		m.o.Log.Warn("a finished move is tried again at the next start", "error", err)
	}
	m.mu.Lock()
	j := m.job
	m.job, m.progress = nil, Progress{}
	if j != nil && m.state.Left == j.From {
		m.state.Left = ""
	}
	m.mu.Unlock()
	m.keep()
}

// Progress is how far a move is, false where there is none.
func (m *Manager) Progress() (Progress, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.progress, m.job != nil
}

// Retry goes on with a move that has stopped.
func (m *Manager) Retry() { m.resume() }

// Cancel undoes a move: what has been moved, and what was saved since, is moved back, and the clip folder is the one
// before. It returns when that has begun. While it moves back already, it leaves everything where it is.
func (m *Manager) Cancel(ctx context.Context) error {
	m.mu.Lock()
	if m.job == nil {
		m.mu.Unlock()
		return errors.New("no clips are being moved")
	}
	j, cancel := *m.job, m.cancel
	m.mu.Unlock()
	if j.Back {
		if cancel != nil {
			return errors.New("the clips are being moved back already")
		}
		m.finish()
		return nil
	}
	j.Back = true
	if err := m.write(journalFile, j); err != nil {
		return err
	}
	m.mu.Lock()
	m.job = &j
	m.mu.Unlock()
	if cancel != nil {
		cancel()
	} else {
		m.ended(context.Canceled)
	}
	if j.Follows {
		return m.o.SetFolder(ctx, j.From)
	}
	return nil
}
