package config

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/hindsight-app/hindsight/capture/clip"
)

// TokenKey stands for the access token in a Result; the token is not in the settings file.
const TokenKey = "sharing.token"

// PassphraseKey stands in a Result for the passphrase of end-to-end encryption, which is not in the settings file
// either; EncryptKey is the setting that turns the encryption on.
const (
	PassphraseKey = "sharing.passphrase"
	EncryptKey    = "sharing.encrypt"
)

// Patch is a set of changed settings, and the only way in which settings change: the window, hindsightctl (over the
// control socket, and on the file of a Hindsight that does not run) and the keys make one, Check says whether its
// values can be used, and whoever applies it returns a Result that says what came of each field. Settings that a patch
// does not name stay as they are at the moment when it is applied, so patches of two front ends do not undo each other.
//
// A Patch is a value: its methods return a new one. The zero Patch changes nothing.
type Patch struct {
	changes    []change // in the order of the file
	token      *string
	passphrase *string
	held       []string // hotkeys that may be held by another program
}

// change is one setting; a list is one.
type change struct {
	key   string
	value any
}

// Diff is the patch that makes to out of from.
func Diff(from, to Config) Patch {
	from, to = from.Clone(), to.Clone()
	var p Patch
	old := keyed(&from)
	for i, f := range keyed(&to) {
		if !reflect.DeepEqual(f.value.Interface(), old[i].value.Interface()) {
			p.changes = append(p.changes, change{f.key, f.value.Interface()})
		}
	}
	return p
}

// Edit is the patch that an edit of these settings is.
func Edit(c Config, edit func(*Config)) Patch {
	to := c.Clone()
	edit(&to)
	return Diff(c, to)
}

// Parse makes a patch of texts, as a command line has them. Where one cannot be read as a value of its setting, the
// result names all such fields and is not OK; a later text for the same key counts.
func Parse(list []Assignment) (Patch, Result) {
	c := Defaults()
	var r Result
	asked := map[string]bool{}
	for _, a := range list {
		err := c.Set(a.Key, a.Value)
		if p, wrong := err.(Problem); wrong { //nolint:errorlint // Set returns nothing else
			r.set(p.result())
			continue
		}
		asked[a.Key] = true
		r.set(FieldResult{Key: a.Key, Asked: a.Value, State: Skipped})
	}
	r.Invalid = len(r.Refused()) > 0
	if r.Invalid {
		return Patch{}, r
	}
	var p Patch
	for _, f := range keyed(&c) {
		if asked[f.key] {
			p.changes = append(p.changes, change{f.key, f.value.Interface()})
		}
	}
	return p, r
}

// with adds a change to those in the order of the file.
func (p Patch) with(key string, value any) Patch {
	out := Patch{token: p.token, passphrase: p.passphrase, held: p.held}
	c := Defaults()
	for _, f := range keyed(&c) {
		if f.key == key {
			out.changes = append(out.changes, change{key, value})
			continue
		}
		for _, have := range p.changes {
			if have.key == f.key {
				out.changes = append(out.changes, have)
			}
		}
	}
	return out
}

// WithToken is the patch with a new access token as well; an empty one removes it.
func (p Patch) WithToken(token string) Patch {
	token = strings.TrimSpace(token)
	p.token = &token
	return p
}

// WithPassphrase is the patch with a new passphrase as well; an empty one removes it.
func (p Patch) WithPassphrase(text string) Patch {
	text = strings.TrimSpace(text)
	p.passphrase = &text
	return p
}

// EvenIfHeld is the patch with consent to hotkeys that another program holds: they are taken once it lets them go. Keys
// are as hotkey.Combo.String returns them.
func (p Patch) EvenIfHeld(keys ...string) Patch {
	p.held = slices.Concat(p.held, keys)
	return p
}

// MayBeHeld is whether a hotkey is wanted even if another program holds it.
func (p Patch) MayBeHeld(keys string) bool { return slices.Contains(p.held, keys) }

// Token is the new access token, false where the patch leaves it as it is.
func (p Patch) Token() (string, bool) {
	if p.token == nil {
		return "", false
	}
	return *p.token, true
}

// Passphrase is the new passphrase, false where the patch leaves it as it is.
func (p Patch) Passphrase() (string, bool) {
	if p.passphrase == nil {
		return "", false
	}
	return *p.passphrase, true
}

// Empty is whether the patch asks for nothing.
func (p Patch) Empty() bool { return len(p.changes) == 0 && p.token == nil && p.passphrase == nil }

// Keys are the settings that the patch names, in the order of the file, without the secrets.
func (p Patch) Keys() []string {
	keys := make([]string, len(p.changes))
	for i, c := range p.changes {
		keys[i] = c.key
	}
	return keys
}

// Has is whether the patch names a setting.
func (p Patch) Has(key string) bool { return slices.Contains(p.Keys(), key) }

// Only is the part of the patch whose keys are wanted; the secrets are not in it.
func (p Patch) Only(wanted func(key string) bool) Patch {
	out := Patch{held: p.held}
	for _, c := range p.changes {
		if wanted(c.key) {
			out.changes = append(out.changes, c)
		}
	}
	return out
}

// On is the settings with the patch put over them. They share nothing with either.
func (p Patch) On(c Config) Config {
	c = c.Clone()
	fields := keyed(&c)
	for _, ch := range p.changes {
		i := slices.IndexFunc(fields, func(f field) bool { return f.key == ch.key })
		fields[i].value.Set(reflect.ValueOf(ch.value))
	}
	return c.Clone()
}

// Undo is the patch that takes what this one names back to the settings before.
func (p Patch) Undo(before Config) Patch {
	before = before.Clone()
	var out Patch
	for _, f := range keyed(&before) {
		if p.Has(f.key) {
			out.changes = append(out.changes, change{f.key, f.value.Interface()})
		}
	}
	return out
}

// Result gives every field of the patch the same state and reason.
func (p Patch) Result(state State, reason string) Result {
	var r Result
	for _, c := range p.changes {
		r.Fields = append(r.Fields, FieldResult{Key: c.key, Asked: plainValue(c.value), State: state, Reason: reason})
	}
	if p.token != nil {
		r.Fields = append(r.Fields, FieldResult{Key: TokenKey, State: state, Reason: reason})
	}
	if p.passphrase != nil {
		r.Fields = append(r.Fields, FieldResult{Key: PassphraseKey, State: state, Reason: reason})
	}
	return r
}

// Check says whether the patch can be put over these settings: all values that are wrong, alone or together, and a
// folder for clips that cannot be written to. Where something is wrong the result is Invalid and not OK, all other
// fields are Skipped, and nothing may be changed. It looks at the file system, so a network folder may hold it up.
func (p Patch) Check(before Config) Result {
	r := p.Result(Skipped, "")
	next := p.On(before)
	for _, problem := range next.Validate() {
		f := p.blamed(problem).result()
		r.Fields = slices.DeleteFunc(r.Fields, func(have FieldResult) bool {
			return f.isIn(have.Key) // the place says more than the list
		})
		r.set(f)
	}
	if folder := next.ClipFolder(); len(r.Refused()) == 0 && folder != before.ClipFolder() {
		if err := clip.CheckFolder(folder); err != nil {
			r.Set("replay.folder", Refused, err.Error())
		}
	}
	r.Invalid = len(r.Refused()) > 0
	return r
}

// blamed is a problem of two settings told of the one that the patch has changed.
func (p Patch) blamed(problem Problem) Problem {
	other, taken := strings.CutPrefix(problem.Allowed, differentFrom)
	if taken && !p.Has(listOf(problem.Key)) && p.Has(listOf(other)) {
		problem.Key, problem.Allowed = other, differentFrom+problem.Key
	}
	return problem
}

// listOf is the setting that a place in a list belongs to; other keys stay.
func listOf(key string) string {
	name, _, _ := strings.Cut(key, "[")
	return name
}

// result is the problem as a field that was refused.
func (p Problem) result() FieldResult {
	asked, err := strconv.Unquote(p.Value)
	if err != nil {
		asked = p.Value
	}
	return FieldResult{Key: p.Key, Asked: asked, State: Refused, Reason: fmt.Sprintf("it must be %s", p.Allowed),
		Allowed: p.Allowed}
}

// ForRecorder is the part of the patch that the recorder has to hear of, whether it runs or not.
func (p Patch) ForRecorder(before Config) Patch {
	unmuted := func(c Config) Config { // the session's switches mute at once, beside the recorder's configuration
		c.Sound.Desktop.Muted, c.Sound.Microphone.Muted = false, false
		return c
	}
	was := unmuted(before).Capture(true)
	return p.Only(func(key string) bool {
		one := p.Only(func(other string) bool { return other == key })
		return NeedsCapture(key) || !reflect.DeepEqual(unmuted(one.On(before)).Capture(true), was)
	})
}

// NeedsCapture is whether capture has to run before the setting is in use.
func NeedsCapture(key string) bool {
	for _, prefix := range []string{"sound.", "video.", "replay.seconds", "replay.keep_after_crash"} {
		if strings.HasPrefix(key, prefix) {
			return !strings.HasSuffix(key, ".muted") // the session's switches do that at once
		}
	}
	return false
}

// AtStart is whether a setting is looked at only when Hindsight starts.
func AtStart(key string) bool {
	return slices.Contains([]string{"replay.at_launch", "sharing.at_launch", "app.language"}, key)
}
