package capture

import (
	"context"
	"fmt"
	"time"

	"github.com/hindsight-app/hindsight/capture/clip"
	"github.com/hindsight-app/hindsight/capture/clock"
	"github.com/hindsight-app/hindsight/capture/mp4"
	"github.com/hindsight-app/hindsight/capture/replay"
)

const (
	// lateWait is how long the last packets before a moment may take to arrive after it, lateStep how often they are
	// looked for.
	lateWait, lateStep = 2 * time.Second, 10 * time.Millisecond
	// onTheWay is how much of the sound before a press may still be in the mixer and the encoder when the clip is
	// written: as much as in calm. What a busy machine has not delivered yet is waited for.
	onTheWay = 100 * time.Millisecond
	// maxMarks bounds the marks that are remembered; the oldest go first.
	maxMarks = 1000
)

// Mark names this moment; clips and recordings that hold it get a chapter there. An empty text is numbered.
func (r *Recorder) Mark(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.marks) >= maxMarks {
		r.marks = append(r.marks[:0], r.marks[1:]...)
	}
	m := replay.Mark{At: r.pauses.At(clock.Now()), Title: text}
	r.marks = append(r.marks, m)
	if j := r.journal.Load(); j != nil {
		j.Mark(m)
	}
}

// chapters are the marks from a moment of the time line without pauses on.
func (r *Recorder) chapters(from time.Duration) []mp4.Chapter {
	r.mu.Lock()
	defer r.mu.Unlock()
	return chapters(r.marks, from)
}

// chapters are the marks from a moment on, those without a text by their number.
func chapters(marks []replay.Mark, from time.Duration) []mp4.Chapter {
	var out []mp4.Chapter
	for _, m := range marks {
		c := mp4.Chapter{At: m.At, Title: m.Title}
		if c.At < from {
			continue
		}
		if c.Title == "" {
			c.Title = fmt.Sprintf("Mark %d", len(out)+1)
		}
		out = append(out, c)
	}
	return out
}

// Save writes the last seconds to a file, and those that follow where the request wants them: then it returns when they
// have passed. It works on a snapshot: capture continues, and any number of saves may run at once. Cancelling
// the context leaves no file. The clip's cover follows a moment later; Close waits for it.
func (r *Recorder) Save(ctx context.Context, q SaveRequest) (clip.Clip, error) {
	began := clock.Now()
	c, _ := r.now()
	if c.Replay == 0 {
		return clip.Clip{}, ErrReplayOff
	}
	if q.Length <= 0 {
		q.Length = c.Replay
	}
	if q.Press == 0 {
		q.Press = began
	}
	defer r.ring.Pin(r.pauses.At(q.Press) - q.Length)()
	end, err := r.await(ctx, q)
	if err != nil {
		return clip.Clip{}, err
	}
	last := r.pauses.At(end)
	snap, undo, err := r.cut(c, q.Length+last-r.pauses.At(q.Press), last, q.Apart)
	if err == nil && q.NotBefore > 0 {
		var any bool
		if snap, any = snap.NotBefore(q.NotBefore); !any {
			undo()
			err = ErrNothingNew
		}
	}
	if err != nil {
		return clip.Clip{}, err
	}
	c, _ = r.now() // the folder may be another one than at the press
	write := c.request(q.App, time.Now().Add(q.Press-clock.Now()))
	write.Title, write.ForViewer = q.Title, q.Apart
	var marked []mp4.Chapter
	if q.Apart {
		snap.Sources = nil
	} else {
		marked = r.chapters(snap.Start)
	}
	hold(&write, snap, marked)
	info := r.Video()
	write.Width, write.Height = info.Width, info.Height
	out, err := c.place().Save(ctx, write)
	if err == nil {
		out.SaveMS = float64(clock.Now()-end) / 1e6
	} else {
		undo()
	}
	if q.Apart {
		c.MaxClipBytes = 0 // it costs the user no clip; the next of the user's own keeps the limit
	}
	r.saved("replay", c, out, err)
	if err != nil {
		return clip.Clip{}, err
	}
	illustrate := func() {
		if err := clip.Illustrate(context.WithoutCancel(ctx), out.Path, write); err != nil {
			r.log.Warn("a clip has no cover", "path", out.Path, "err", err)
		}
	}
	if q.Apart {
		illustrate()
	} else {
		r.illustrating.Go(illustrate)
	}
	return out, nil
}

// Line is this moment on the time line of the replay, which has no pauses.
func (r *Recorder) Line() time.Duration { return r.pauses.At(clock.Now()) }

// Pin keeps the last length before a moment of the recorder's clock in the replay, beyond its length, until release is
// called: for a clip that may be saved later. It takes more memory the longer that is.
func (r *Recorder) Pin(length, press time.Duration) (release func()) {
	return r.ring.Pin(r.pauses.At(press) - length)
}

// request is the file of a replay or a recording, without what is in it.
func (c Config) request(app string, at time.Time) clip.Request {
	return clip.Request{Name: c.ClipName, App: app, Created: at, Poster: c.Poster}
}

// place is where clips go.
func (c Config) place() clip.Place {
	return clip.Place{Folder: c.ClipFolder, Mount: c.ClipMount, Fallback: c.ClipFallback}
}

// hold fills a request with what was in the buffer.
func hold(q *clip.Request, s replay.Snapshot, marked []mp4.Chapter) {
	q.Video, q.Sound, q.Sources = s.Video, s.Sound, s.Sources
	q.Start, q.End, q.Chapters = s.Start, s.End, marked
}

// saved logs what became of a replay or a recording, and deletes old clips for the file where there is one.
func (r *Recorder) saved(what string, c Config, out clip.Clip, err error) {
	if err != nil {
		r.log.Error("the "+what+" was not saved in order", "path", out.Path, "err", err)
	} else {
		r.log.Info("the "+what+" was saved", "path", out.Path, "seconds", out.Seconds, "bytes", out.Bytes,
			"save_ms", out.SaveMS)
	}
	if out.Instead != "" {
		r.log.Warn("the "+what+" is not in the clip folder", "path", out.Path, "reason", out.Instead)
	}
	if out.Path != "" {
		r.prune(c, out.Path)
	}
}

// await waits for what comes up to the clip's end, and returns that: earlier when the request is flushed.
func (r *Recorder) await(ctx context.Context, q SaveRequest) (time.Duration, error) {
	end, enough := q.Press+q.After, time.Duration(0)
	if q.After == 0 {
		enough = onTheWay
	}
	late := func() bool {
		_, bytes := r.ring.Buffered()
		return bytes > 0 && clock.Now() < end+lateWait && !r.ring.Reaches(r.pauses.At(end-enough), r.HasSound())
	}
	timer := time.NewTimer(end - clock.Now())
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			if late() {
				timer.Reset(lateStep)
				continue
			}
			return end, nil
		case <-q.Flush:
			end, q.Flush = min(end, clock.Now()), nil
			timer.Reset(0)
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// cut takes a snapshot. Where clips follow each other without overlap, the next one begins where this one ends, unless
// undo is called or this one is apart from them.
func (r *Recorder) cut(c Config, length, end time.Duration, apart bool) (snap replay.Snapshot, undo func(), err error) {
	r.mu.Lock()
	before := r.lastEnd
	since := time.Duration(0)
	if c.Continue && !apart {
		since = before
	}
	snap, ok := r.ring.SnapshotSince(length, end, since)
	if ok && !apart {
		r.lastEnd = snap.End
	}
	r.mu.Unlock()
	if !ok {
		if _, any := r.ring.Snapshot(length, end); any {
			return snap, nil, ErrNothingNew
		}
		return snap, nil, r.why()
	}
	return snap, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.lastEnd == snap.End {
			r.lastEnd = before
		}
	}, nil
}

// prune deletes old clips where the user asked for it, but not those that are being made or have just been.
func (r *Recorder) prune(c Config, keep ...string) {
	if c.MaxClipBytes == 0 {
		return
	}
	r.mu.Lock()
	for rec := range r.recordings {
		keep = append(keep, rec.Status().Path)
	}
	r.mu.Unlock()
	gone, err := clip.Prune(c.ClipFolder, c.MaxClipBytes, keep...)
	for _, g := range gone {
		r.log.Info("an old clip was deleted, as the settings want it", "path", g.Path, "bytes", g.Bytes)
	}
	if err != nil {
		r.log.Warn("old clips stay", "err", err)
	}
}
