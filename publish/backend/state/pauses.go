package state

import (
	"cmp"
	"context"
	"slices"
	"time"
)

const (
	// maxPauses of a replay are kept. With more, those closest to each other become one, which hides more and not less.
	maxPauses = 200
	// pauseMargin is how long before what is left of a replay a pause must have ended to be of no use: what a recording
	// holds may be older than the recording.
	pauseMargin = time.Hour
)

// Pause keeps from viewers what is recorded of a replay from a moment on, until the next resume or pause by the time
// that they happened, in whatever order they become known: a call that is late, or comes twice, ends no other pause.
func (s *Store) Pause(ctx context.Context, replay string, at time.Time) error {
	return s.changePauses(ctx, replay, func(list []Span) []Span { return pausedAt(list, moment(stamp(at))) })
}

// Resume lets viewers see what is recorded of a replay after a moment, until the next pause.
func (s *Store) Resume(ctx context.Context, replay string, at time.Time) error {
	return s.changePauses(ctx, replay, func(list []Span) []Span { return resumedAt(list, moment(stamp(at))) })
}

// Pauses lists when nothing of a replay is for viewers, oldest first and apart from each other; To is zero for one that
// lasts.
func (s *Store) Pauses(ctx context.Context, replay string) ([]Span, error) {
	list, err := pausesOf(ctx, s.db, replay)
	return apart(list, true), err
}

func pausesOf(ctx context.Context, db runner, replay string) ([]Span, error) {
	return allFrom(ctx, db, func(r scanner) (Span, error) {
		var from, to int64
		err := r.Scan(&from, &to)
		return Span{moment(from), moment(to)}, err
	}, "SELECT start, stop FROM pauses WHERE replay = ? ORDER BY start", replay)
}

func (s *Store) changePauses(ctx context.Context, replay string, change func([]Span) []Span) error {
	return s.transaction(ctx, func(tx runner) error { return s.changePausesIn(ctx, tx, replay, change) })
}

// changePausesIn changes a list of which none overlap. Where one ends as the next begins, there was a pause within a
// pause: a resume between them ends the first alone.
func (s *Store) changePausesIn(ctx context.Context, tx runner, replay string, change func([]Span) []Span) error {
	if err := s.lock(ctx, tx, "pauses of "+replay); err != nil {
		return err
	}
	before, err := pausesOf(ctx, tx, replay)
	if err != nil {
		return err
	}
	after := fewPauses(change(apart(before, false)))
	for _, p := range before {
		if slices.Contains(after, p) {
			continue
		}
		_, err := tx.ExecContext(ctx, "DELETE FROM pauses WHERE replay = ? AND start = ?", replay, stamp(p.From))
		if err != nil {
			return err
		}
	}
	for _, p := range after {
		if slices.Contains(before, p) {
			continue
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO pauses (replay, start, stop) VALUES (?,?,?)", replay, stamp(p.From),
			stamp(p.To))
		if err != nil {
			return err
		}
	}
	return nil
}

// holds says whether a moment is in the span; one without an end lasts.
func (s Span) holds(at time.Time) bool {
	return !at.Before(s.From) && (s.To.IsZero() || at.Before(s.To))
}

// pausedAt is the list with a pause from a moment until the next change.
func pausedAt(list []Span, at time.Time) []Span {
	for i, p := range list {
		switch {
		case p.From.After(at):
			return slices.Insert(list, i, Span{at, p.From})
		case p.From.Equal(at):
			return list
		case p.holds(at):
			list[i].To = at
			return slices.Insert(list, i+1, Span{at, p.To})
		}
	}
	return append(list, Span{From: at})
}

// resumedAt is the list with the pause ended that a moment is in, unless it was ended by another resume before: nothing
// that was hidden is shown again.
func resumedAt(list []Span, at time.Time) []Span {
	for i, p := range list {
		goesOn := p.To.IsZero() || i+1 < len(list) && list[i+1].From.Equal(p.To)
		if goesOn && p.holds(at) && p.From.Before(at) {
			list[i].To = at
		}
	}
	return list
}

// apart makes those one that overlap, and with touching those that touch.
func apart(list []Span, touching bool) (out []Span) {
	slices.SortFunc(list, func(a, b Span) int { return a.From.Compare(b.From) })
	for _, p := range list {
		n := len(out) - 1
		if n < 0 || !out[n].holds(p.From) && !(touching && p.From.Equal(out[n].To)) {
			out = append(out, p)
			continue
		}
		if p.To.IsZero() || !out[n].To.IsZero() && p.To.After(out[n].To) {
			out[n].To = p.To
		}
	}
	return out
}

// fewPauses makes those one that are closest to each other, until there are few enough.
func fewPauses(list []Span) (out []Span) {
	over := len(list) - maxPauses
	if over <= 0 {
		return list
	}
	later := make([]int, 0, len(list)) // all but the first
	for i := range list[1:] {
		later = append(later, i+1)
	}
	slices.SortStableFunc(later, func(a, b int) int {
		return cmp.Compare(list[a].From.Sub(list[a-1].To), list[b].From.Sub(list[b-1].To))
	})
	joined := make([]bool, len(list)) // with the one before
	for _, i := range later[:over] {
		joined[i] = true
	}
	for i, p := range list {
		if joined[i] {
			out[len(out)-1].To = p.To
		} else {
			out = append(out, p)
		}
	}
	return out
}

// forgetPauses deletes the pauses that ended long before all that is left of a replay.
func forgetPauses(ctx context.Context, tx runner, replay string) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM pauses WHERE replay = ? AND stop <> 0 AND
		stop < (SELECT min(created) FROM recordings WHERE replay = ?) - ?`, replay, replay, int64(pauseMargin))
	return err
}
