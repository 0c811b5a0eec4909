package library

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/hindsight-app/hindsight/capture/clip"
)

// Order is what a list is sorted by.
type Order string

// The orders. Each begins with what people look for: the newest, the longest, the largest, and A.
const (
	ByDate    Order = "date"
	ByName    Order = "name"
	ByLength  Order = "length"
	BySize    Order = "size"
	ByProgram Order = "program"
)

// View is which clips of a list are shown, and in which order. The zero View shows all, the newest first.
type View struct {
	// Text are words that must all be in the name, the program or the date (2026-03-04 12:13).
	Text    string
	Starred bool
	// Kind and Program are empty for all.
	Kind    clip.Kind
	Program string
	// From and To are when a clip was made; To is not included. The zero Time is no bound.
	From, To time.Time
	Order    Order
	// Reverse turns the order around.
	Reverse bool
}

// All is whether the view leaves nothing out.
func (v View) All() bool {
	return strings.TrimSpace(v.Text) == "" && !v.Starred && v.Kind == "" && v.Program == "" && v.From.IsZero() &&
		v.To.IsZero()
}

// Of is what the view shows of items, which stay as they are.
func (v View) Of(items []Item) []Item {
	words := strings.Fields(strings.ToLower(v.Text))
	out := make([]Item, 0, len(items))
	for _, i := range items {
		if v.shows(i, words) {
			out = append(out, i)
		}
	}
	compare := map[Order]func(a, b Item) int{
		ByName:    func(a, b Item) int { return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)) },
		ByLength:  func(a, b Item) int { return cmp.Compare(b.Seconds, a.Seconds) },
		BySize:    func(a, b Item) int { return cmp.Compare(b.Bytes, a.Bytes) },
		ByProgram: byProgram,
	}[v.Order]
	if compare != nil {
		slices.SortStableFunc(out, func(a, b Item) int { return cmp.Or(compare(a, b), newest(a, b)) })
	} else if !slices.IsSortedFunc(out, newest) {
		slices.SortStableFunc(out, newest)
	}
	if v.Reverse {
		slices.Reverse(out)
	}
	return out
}

// byProgram sorts clips of unknown programs last.
func byProgram(a, b Item) int {
	if a.Program == "" || b.Program == "" {
		return cmp.Compare(b.Program, a.Program)
	}
	return strings.Compare(strings.ToLower(a.Program), strings.ToLower(b.Program))
}

func (v View) shows(i Item, words []string) bool {
	switch {
	case v.Starred && !i.Starred, v.Kind != "" && i.Kind != v.Kind, v.Program != "" && i.Program != v.Program,
		!v.From.IsZero() && i.Created.Before(v.From), !v.To.IsZero() && !i.Created.Before(v.To):
		return false
	}
	for _, w := range words {
		if !strings.Contains(i.text, w) {
			return false
		}
	}
	return true
}

// Programs are those of the items, each once, sorted.
func Programs(items []Item) []string {
	seen := map[string]bool{}
	var out []string
	for _, i := range items {
		if i.Program != "" && !seen[i.Program] {
			seen[i.Program] = true
			out = append(out, i.Program)
		}
	}
	slices.SortFunc(out, func(a, b string) int {
		return cmp.Or(strings.Compare(strings.ToLower(a), strings.ToLower(b)), strings.Compare(a, b))
	})
	return out
}
