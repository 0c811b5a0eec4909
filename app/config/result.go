package config

import (
	"slices"
	"strings"

	"github.com/hindsight-app/hindsight/capture/media"
)

// State says what came of one field of a Patch. Its text is what JSON holds.
type State string

// The states of a field.
const (
	// Applied is in use now, and saved.
	Applied State = "applied"
	// AfterRestart is saved, and in use once capture or sharing has started (again): it is off, paused, still starting or
	// out of order for another reason.
	AfterRestart State = "after_restart"
	// NextStart is saved, and in use when Hindsight starts the next time.
	NextStart State = "next_start"
	// Refused was not saved: the value before is kept and in use. FieldResult.Reason says why.
	Refused State = "refused"
	// Skipped could be used, but nothing was changed because another field of the patch is wrong.
	Skipped State = "skipped"
)

var states = []State{Applied, AfterRestart, NextStart, Refused, Skipped}

// String is the text that JSON holds.
func (s State) String() string { return string(s) }

// ParseState reads what String returns.
func ParseState(text string) (State, error) {
	return media.ParseName("state of a setting", text, states)
}

// FieldResult is what came of one field of a patch.
type FieldResult struct {
	// Key is the setting's name in the file, TokenKey, or a place in a list, for example "hotkeys.saves[1].seconds".
	Key string `json:"key"`
	// Asked is the value asked for; it is empty for the access token, which is never repeated.
	Asked string `json:"asked,omitempty"`
	State State  `json:"state"`
	// Reason is a message for people: why a field was refused, or what it still waits for. It does not name the field.
	Reason string `json:"reason,omitempty"`
	// Allowed says what the value must be, where the value itself was wrong.
	Allowed string `json:"allowed,omitempty"`
}

// Problem is the wrong value, false where the field is fine or was refused for another reason than its value.
func (f FieldResult) Problem() (Problem, bool) {
	return Problem{f.Key, quote(f.Asked), f.Allowed}, f.State == Refused && f.Allowed != ""
}

// text is one line for people who know settings by their keys.
func (f FieldResult) text() string {
	if p, wrong := f.Problem(); wrong {
		return p.Error()
	}
	reason := ""
	if f.Reason != "" {
		reason = ": " + f.Reason
	}
	if reason != "" && (f.State == AfterRestart || f.State == NextStart) {
		return f.Key + " is saved, but not in use yet" + reason
	}
	switch f.State {
	case Applied:
		return f.Key + " is in use" + reason
	case AfterRestart:
		return f.Key + " is saved and applies when capture starts"
	case NextStart:
		return f.Key + " is saved and applies when Hindsight starts"
	case Skipped:
		return f.Key + " was not changed"
	}
	return f.Key + " was not changed" + reason
}

// Result is what came of a Patch, field by field in the order of the file.
type Result struct {
	Fields []FieldResult `json:"fields"`
	// Invalid says that a value was wrong, and therefore nothing was changed at all.
	Invalid bool `json:"invalid,omitempty"`
	// Unsaved is why the settings file could not be written, empty where it was. What was applied then counts until
	// Hindsight ends.
	Unsaved string `json:"unsaved,omitempty"`
}

// OK is whether everything asked for is applied or saved.
func (r Result) OK() bool { return r.Unsaved == "" && len(r.Refused()) == 0 }

// InUse is whether everything asked for is applied.
func (r Result) InUse() bool {
	return r.OK() && !slices.ContainsFunc(r.Fields, func(f FieldResult) bool { return f.State != Applied })
}

// Refused lists the fields that were refused.
func (r Result) Refused() []FieldResult {
	var out []FieldResult
	for _, f := range r.Fields {
		if f.State == Refused {
			out = append(out, f)
		}
	}
	return out
}

// Of finds the result of a field, or the first one of a place in that field's list.
func (r Result) Of(key string) (FieldResult, bool) {
	i := slices.IndexFunc(r.Fields, func(f FieldResult) bool { return f.Key == key || f.isIn(key) })
	if i < 0 {
		return FieldResult{}, false
	}
	return r.Fields[i], true
}

// isIn is whether the field is a place in the list of this key.
func (f FieldResult) isIn(list string) bool { return strings.HasPrefix(f.Key, list+"[") }

// Err is nil where everything is applied or saved, else a *ResultError.
func (r Result) Err() error {
	if r.OK() {
		return nil
	}
	return &ResultError{r}
}

// Text is the result for people who know settings by their keys: what hindsightctl prints.
func (r Result) Text() string {
	if r.InUse() && !r.hasReasons() {
		return "Saved. The new settings are in use."
	}
	if r.OK() && !r.hasReasons() && !slices.ContainsFunc(r.Fields, func(f FieldResult) bool {
		return f.State != NextStart
	}) {
		return "Saved. The settings apply when Hindsight starts the next time."
	}
	var lines []string
	for _, f := range r.Fields {
		lines = append(lines, ended(f.text()))
	}
	if r.Unsaved != "" {
		lines = append(lines, ended("The settings count until Hindsight ends: "+r.Unsaved))
	}
	return strings.Join(lines, "\n")
}

// Rest is the part of Text that the error of the result does not say; it may be empty.
func (r Result) Rest() string {
	var lines []string
	for _, f := range r.Fields {
		if f.State != Refused {
			lines = append(lines, ended(f.text()))
		}
	}
	if r.Unsaved != "" {
		lines = append(lines, "The settings count until Hindsight ends.")
	}
	return strings.Join(lines, "\n")
}

// ended is a line with a full stop, which a reason may have brought already.
func ended(line string) string { return strings.TrimRight(line, ".") + "." }

func (r Result) hasReasons() bool {
	return slices.ContainsFunc(r.Fields, func(f FieldResult) bool { return f.Reason != "" })
}

// set replaces the result of a field, or adds it.
func (r *Result) set(f FieldResult) {
	for i, have := range r.Fields {
		if have.Key == f.Key {
			r.Fields[i] = f
			return
		}
	}
	r.Fields = append(r.Fields, f)
}

// Set gives a field a state and a reason; what was asked for stays.
func (r *Result) Set(key string, state State, reason string) {
	f, _ := r.Of(key)
	f.Key, f.State, f.Reason = key, state, reason
	r.set(f)
}

// Refuse refuses a field, or a place in a list, which then stands for the list.
func (r *Result) Refuse(key, reason string) {
	r.Fields = slices.DeleteFunc(r.Fields, func(f FieldResult) bool { return f.Key == listOf(key) && f.Key != key })
	r.Set(key, Refused, reason)
}

// ResultError is a Result that is not OK, as an error: one line for each field that was refused.
type ResultError struct{ Result Result }

// Error lists what was refused and why.
func (e *ResultError) Error() string {
	var lines []string
	for _, f := range e.Result.Refused() {
		lines = append(lines, f.text())
	}
	if e.Result.Unsaved != "" {
		lines = append(lines, e.Result.Unsaved)
	}
	return strings.Join(lines, "; ")
}
