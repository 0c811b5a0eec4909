package session

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/hotkey"
	"github.com/hindsight-app/hindsight/capture"
)

// Apply is how settings change while Hindsight runs. The patch is checked first; where a value is wrong nothing
// changes. Then the access token is stored, what needs nobody's consent counts at once, hotkeys are taken, and the
// recorder is given what is its: what one of them refuses is taken back, and only what is in use or can be used later
// is saved. What capture does not run for, or has not made up its mind about when ctx ends, is saved and marked so.
//
// The result has every field of the patch. Patches are applied one after the other; mute, the switches and saves go on
// in the meantime.
func (s *Session) Apply(ctx context.Context, p config.Patch) config.Result {
	select {
	case s.patching <- struct{}{}:
	case <-ctx.Done():
		return p.Result(config.Refused, "another change of settings is still being applied; try again in a moment")
	case <-s.done:
		return p.Result(config.Refused, ErrClosed.Error())
	}
	defer func() { <-s.patching }()
	before := s.kept.get()
	asked := p
	p = s.forServer(p, before)
	result := p.Check(before)
	if !result.OK() {
		return result
	}
	if err := s.do(func() error { return nil }); err != nil {
		return p.Result(config.Refused, err.Error())
	}
	a := &application{s: s, before: before, result: result}
	a.run(ctx, p)
	p.Explain(&a.result, asked)
	if err := s.save(); err != nil {
		a.result.Unsaved = Plain(err)
	}
	_ = s.do(func() error { s.publish(); return nil }) // who looks at a snapshot after this sees what was accepted
	return a.result
}

// forServer prepares a patch that may change which server is shared with.
func (s *Session) forServer(p config.Patch, before config.Config) config.Patch {
	if s.secrets == nil {
		return p
	}
	p, err := p.ForServer(before, s.secrets)
	if err != nil {
		s.log.Warn("which server the access token is for is not known", "error", err)
	}
	return p
}

// bindToken has a token without a server belong to this one.
func (s *Session) bindToken(server string) {
	if s.secrets == nil {
		return
	}
	if err := s.secrets.Bind(server); err != nil {
		s.log.Warn("the access token may have to be entered again", "error", err)
	}
}

// application is one patch on its way. It belongs to the goroutine that called Apply.
type application struct {
	s      *Session
	before config.Config
	result config.Result
	was    health // of capture before the patch
	note   string // of StartAtLogin
}

func (a *application) run(ctx context.Context, p config.Patch) {
	if token, is := p.Token(); is {
		// No share starts in between: a new token must not go to the server that was set before, nor the old one to a
		// new server.
		release, err := a.s.holdShares()
		if err != nil {
			a.mark(p, config.Refused, err.Error())
			return
		}
		defer release()
		if err := a.s.secrets.Set(token, p.On(a.before).Sharing.BackendURL); err != nil {
			a.result.Set(config.TokenKey, config.Refused, Plain(err))
		} else {
			a.token(p)
		}
	}
	if _, phrase := p.Passphrase(); phrase || p.Has(config.EncryptKey) {
		release, next, err := a.encryption(ctx, p)
		if err != nil {
			a.mark(p, config.Refused, err.Error())
			if phrase {
				a.result.Set(config.PassphraseKey, config.Refused, err.Error())
			}
			return
		}
		defer release()
		p = next
	}
	recorder := p.ForRecorder(a.before)
	keys := p.Only(func(key string) bool { return strings.HasPrefix(key, "hotkeys.") })
	rest := p.Only(func(key string) bool { return !recorder.Has(key) && !keys.Has(key) })
	if !a.accept(a.startAtLogin(rest)) {
		return
	}
	if !keys.Empty() {
		a.hotkeys(ctx, keys)
	}
	if !recorder.Empty() {
		a.recorder(ctx, recorder)
	}
}

// encryption prepares a change of the encryption: nothing is being shared for the first time while it changes, so that
// nothing is in plain once it is on. A share that runs is silent as soon as the patch is accepted, and is published
// again. The encryption is not turned on without a passphrase; the patch that it returns is what is left.
func (a *application) encryption(ctx context.Context, p config.Patch) (release func(), left config.Patch, err error) {
	release, err = a.s.holdShares()
	if err != nil {
		return nil, p, err
	}
	err = a.s.wait(ctx, func() (bool, error) { return !a.s.st.share.busy || a.s.st.share.pub != nil, nil })
	if err != nil {
		release()
		return nil, p, errors.New("sharing is just starting; try again in a moment")
	}
	if text, is := p.Passphrase(); is {
		if err := a.s.secrets.SetPassphrase(text); err != nil {
			a.result.Set(config.PassphraseKey, config.Refused, Plain(err))
		} else {
			a.result.Set(config.PassphraseKey, config.Applied, "")
			_ = a.s.do(func() error { // after Close nothing is shared
				a.s.st.share.stale = a.s.st.share.pub != nil && a.s.st.share.cfg.Encrypt
				return nil
			})
		}
	}
	if !p.Has(config.EncryptKey) || !p.On(a.before).Sharing.Encrypt {
		return release, p, nil
	}
	text, err := a.s.secrets.Passphrase()
	if err == nil && text == "" {
		err = errNoPassphrase
	}
	if err != nil {
		a.result.Refuse(config.EncryptKey, Plain(err))
		p = p.Only(func(key string) bool { return key != config.EncryptKey })
	}
	return release, p, nil
}

// token says whether a new token is in use: a share that goes on keeps the one that it began with.
func (a *application) token(p config.Patch) {
	var goesOn bool
	_ = a.s.do(func() error { // after Close nothing is shared
		goesOn = a.s.st.share.pub != nil && !p.On(a.before).SharesElsewhere(a.before)
		return nil
	})
	if goesOn {
		a.result.Set(config.TokenKey, config.AfterRestart, "sharing keeps the token before until it is started again")
		return
	}
	a.result.Set(config.TokenKey, config.Applied, "")
}

// startAtLogin puts the setting of that name to work, and returns the part without it where that fails.
func (a *application) startAtLogin(part config.Patch) config.Patch {
	if a.s.login == nil || !part.Has(config.StartAtLoginKey) {
		return part
	}
	note, err := a.s.login(part.On(a.before).App.StartAtLogin)
	a.note = note
	if err != nil {
		a.result.Refuse(config.StartAtLoginKey, err.Error())
		return part.Only(func(key string) bool { return key != config.StartAtLoginKey })
	}
	return part
}

// mark gives all fields of a part of the patch one state.
func (a *application) mark(part config.Patch, state config.State, reason string) {
	for _, key := range part.Keys() {
		a.result.Set(key, state, reason)
	}
}

// accept makes a part of the patch count that needs nobody's consent. It returns false when the session has ended.
func (a *application) accept(part config.Patch) bool {
	err := a.s.do(func() error {
		st := &a.s.st
		st.cfg = part.On(st.cfg)
		a.s.kept.put(part)
		st.reported.startup = nil // said once; new settings are whole
		a.s.retryOpen()
		st.share.wait, st.share.after = 0, time.Time{}
		if st.share.on && canShare(st.cfg) != nil {
			st.share.on = false
		}
		return nil
	})
	if err != nil {
		a.mark(part, config.Refused, err.Error())
		return false
	}
	for _, key := range part.Keys() {
		state := config.Applied
		if config.AtStart(key) {
			state = config.NextStart
		}
		a.result.Set(key, state, "")
		if key == config.StartAtLoginKey && a.note != "" {
			a.result.Set(key, config.NextStart, a.note)
		}
	}
	return true
}

// hotkeys has the desktop take other keys. One that it does not give is refused, and the key before stays bound, unless
// no key works on this desktop at all, neither before nor now: then what is asked for is kept for the day when one
// does. So is a key that is wanted even if another program holds it.
func (a *application) hotkeys(ctx context.Context, part config.Patch) {
	works := func(states []hotkey.State) bool {
		return slices.ContainsFunc(states, func(h hotkey.State) bool { return h.Active })
	}
	var worked bool
	_ = a.s.do(func() error { // after Close nothing is accepted
		worked = works(a.s.st.keys.states)
		return nil
	})
	states, bound := a.s.bind(ctx, part.On(a.before).Hotkeys)
	next := part.On(a.before).Hotkeys
	refused := map[string]bool{} // settings, a list as a whole
	if worked || works(states) {
		for _, k := range next.Bound() {
			h, failed := failure(states, k.Combo)
			if failed && part.Has(k.Setting()) && !(h.Taken && part.MayBeHeld(h.Keys)) {
				a.result.Refuse(k.Key, h.Error)
				refused[k.Setting()] = true
			}
		}
	}
	good := part.Only(func(key string) bool { return !refused[key] })
	if len(refused) > 0 {
		a.s.bind(ctx, good.On(a.before).Hotkeys)
	}
	if !a.accept(good) {
		return
	}
	if !bound {
		a.mark(good, config.AfterRestart, "the desktop still has to agree to it")
		return
	}
	for _, k := range next.Bound() {
		if h, failed := failure(states, k.Combo); failed && good.Has(k.Setting()) {
			a.result.Set(k.Setting(), config.NextStart, h.Error)
		}
	}
}

// failure is the state of a combination that does not work, false where it does or nobody has said anything about it.
func failure(states []hotkey.State, combo hotkey.Combo) (hotkey.State, bool) {
	for _, h := range states {
		if !h.Active && h.Error != "" && h.Keys == combo.String() {
			return h, true
		}
	}
	return hotkey.State{}, false
}

// bind takes the hotkeys of these settings. It returns false when nobody binds any, or not before ctx ends: then it
// goes on in the background.
func (s *Session) bind(ctx context.Context, keys config.Hotkeys) ([]hotkey.State, bool) {
	var take func(config.Hotkeys) []hotkey.State
	if s.do(func() error { take = s.st.keys.bind; return nil }) != nil {
		return nil, false
	}
	if take == nil {
		return nil, true // in a program without hotkeys nothing stands against any
	}
	done := make(chan []hotkey.State, 1)
	s.background(func() {
		s.binding.Lock()
		defer s.binding.Unlock()
		states := take(keys)
		s.SetHotkeys(states)
		done <- states
	})
	select {
	case states := <-done:
		return states, true
	case <-ctx.Done():
		return nil, false
	}
}

// BindHotkeys says how hotkeys are taken: bind is called at once with those of the settings, and for each patch that
// changes some. It binds them all and returns what became of them.
func (s *Session) BindHotkeys(bind func(config.Hotkeys) []hotkey.State) {
	select {
	case s.patching <- struct{}{}: // a patch that is being applied would not have its keys bound
	case <-s.done:
		return
	}
	err := s.do(func() error {
		s.st.keys.bind = bind
		return nil
	})
	keys := s.kept.get().Hotkeys
	s.binding.Lock()
	defer s.binding.Unlock()
	<-s.patching
	if err == nil {
		s.SetHotkeys(bind(keys))
	}
}

// recorder gives the recorder its part of the patch. What it refuses is taken back; where it does not say which
// setting is at fault, they are tried one after the other.
func (a *application) recorder(ctx context.Context, part config.Patch) {
	_, _ = a.settled(ctx) // an opening in progress shows whether capture works without the patch
	a.was = a.health()
	left := part
	for {
		fault, err := a.try(ctx, part, left)
		switch {
		case err != nil:
			a.s.kept.put(left)
			a.mark(left, config.AfterRestart, "capture has not restarted yet")
			return
		case fault.text == "" || left.Empty(): // not even the settings before are taken anymore
			a.took(left, fault)
			return
		case fault.part == "" && !a.was.open: // it did not work before either, for a reason that may be another one
			a.s.kept.put(left)
			a.mark(left, config.AfterRestart, fault.text)
			return
		case fault.part == "":
			left = a.oneByOne(ctx, part, left, fault.text)
			continue
		}
		blamed := left.Only(blames[fault.part])
		if blamed.Empty() || a.was.failed[fault.part] {
			a.took(left, fault)
			return
		}
		a.mark(blamed, config.Refused, fault.text)
		left = left.Only(func(key string) bool { return !blamed.Has(key) })
	}
}

// oneByOne finds which settings the recorder refuses and returns the others. Those of the source are only right
// together.
func (a *application) oneByOne(ctx context.Context, part, left config.Patch, reason string) config.Patch {
	units := map[string]config.Patch{}
	var order []string
	for _, key := range left.Keys() {
		unit := key
		if isSource(key) {
			unit = "video.source"
		}
		if _, have := units[unit]; !have {
			order = append(order, unit)
		}
		units[unit] = left.Only(func(other string) bool {
			return other == key || unit == "video.source" && isSource(other)
		})
	}
	if len(order) == 1 {
		a.mark(left, config.Refused, reason)
		return config.Patch{}
	}
	good := map[string]bool{}
	fine := func(key string) bool { return good[key] }
	for _, unit := range order {
		for _, key := range units[unit].Keys() {
			good[key] = true
		}
		fault, err := a.try(ctx, part, left.Only(fine))
		if err == nil && (fault.text == "" || fault.part != "") {
			continue
		}
		for _, key := range units[unit].Keys() {
			good[key] = false
		}
		if fault.text == "" {
			fault.text = reason
		}
		a.mark(units[unit], config.Refused, fault.text)
	}
	return left.Only(fine)
}

// took marks what the recorder has taken; one of its sources may not work with it.
func (a *application) took(part config.Patch, f fault) {
	a.s.kept.put(part)
	var open, soundOnly bool
	var paused Pauser
	var screen capture.SourceState
	_ = a.s.do(func() error { // after Close nothing is in use
		open, soundOnly, paused = a.s.st.capture.rec != nil, a.s.st.capture.cfg.SoundOnly, a.s.st.pausedBy()
		if open {
			screen = a.s.st.capture.rec.Status().Screen
		}
		return nil
	})
	for _, key := range part.Keys() {
		switch {
		case !config.NeedsCapture(key):
			a.result.Set(key, config.Applied, "")
		case !open || soundOnly && !strings.HasPrefix(key, "sound."):
			a.result.Set(key, config.AfterRestart, "")
		case f.part != "" && strings.HasPrefix(key, prefixes[f.part]):
			a.result.Set(key, config.AfterRestart, f.text)
		case paused == PausedByUser:
			a.result.Set(key, config.AfterRestart, "capture is paused until you resume it")
		case paused != "":
			a.result.Set(key, config.AfterRestart, "capture is paused while the screen is locked or the computer sleeps")
		case isSource(key) && screen.Reason != "": // the window is closed, the monitor disconnected: it is waited for
			a.result.Set(key, config.Applied, screen.Error)
		default:
			a.result.Set(key, config.Applied, "")
		}
	}
}

// fault is why capture does not work.
type fault struct {
	text string
	// part is the source that does not work, "screen", "desktop" or "mic"; empty for the recorder, which has then refused
	// the settings.
	part string
}

// try puts good, a part of the recorder's patch, over the settings before, and waits for what the recorder makes of it.
// The error is the context's.
func (a *application) try(ctx context.Context, part, good config.Patch) (fault, error) {
	err := a.s.do(func() error {
		a.s.st.cfg = good.On(part.Undo(a.before).On(a.s.st.cfg))
		a.s.st.reported.startup = nil
		a.s.retryOpen()
		return nil
	})
	if err != nil {
		return fault{}, err
	}
	return a.settled(ctx)
}

// health is how capture was before a patch.
type health struct {
	open   bool            // nothing stood against the recorder
	failed map[string]bool // the sources that did not work
}

func (a *application) health() health {
	h := health{failed: map[string]bool{}}
	_ = a.s.do(func() error { // after Close there is no recorder
		st := &a.s.st
		h.open = st.capture.openError == "" && st.capture.applyError == ""
		if st.capture.rec != nil {
			for part, src := range sources(st.capture.rec.Status()) {
				h.failed[part] = src.State == failedSource
			}
		}
		return nil
	})
	return h
}

// failedSource is the state of a source that does not work.
const failedSource = "failed"

func sources(s capture.Status) map[string]capture.SourceState {
	return map[string]capture.SourceState{"screen": s.Screen, "desktop": s.Desktop, "mic": s.Mic}
}

// prefixes are what the keys of a source's settings begin with.
var prefixes = map[string]string{"screen": "video.", "desktop": "sound.desktop.", "mic": "sound.microphone."}

// blames are the settings that are at fault where a source stops working.
var blames = map[string]func(key string) bool{
	"screen":  isSource,
	"desktop": func(key string) bool { return key == "sound.desktop.device" },
	"mic":     func(key string) bool { return key == "sound.microphone.device" },
}

func isSource(key string) bool {
	return key == "video.capture_method" || strings.HasPrefix(key, "video.source.")
}

// settled waits until the recorder has taken the settings as they are, or refused them. The error is the context's.
func (a *application) settled(ctx context.Context) (out fault, err error) {
	err = a.s.wait(ctx, func() (bool, error) {
		st := &a.s.st
		out = fault{}
		switch {
		case st.capture.busy: // the owner has just compared what is wanted with what is there
			return false, nil
		case st.capture.openError != "":
			out.text = st.capture.openError
			return true, nil
		case st.capture.applyError != "":
			out.text = st.capture.applyError
			return true, nil
		case st.capture.rec == nil:
			return true, nil
		}
		now := sources(st.capture.rec.Status())
		for _, part := range []string{"screen", "desktop", "mic"} {
			switch src := now[part]; src.State {
			case "starting":
				return false, nil
			case failedSource:
				if out.text == "" || !a.was.failed[part] { // one that worked before tells more
					out = fault{src.Error, part}
				}
			}
		}
		return true, nil
	})
	if err != nil && !errors.Is(err, ErrClosed) {
		err = ctx.Err()
	}
	return out, err
}

// holdShares keeps shares from starting until release is called, and gives up one that is just starting.
func (s *Session) holdShares() (release func(), err error) {
	err = s.do(func() error {
		s.st.share.held++
		if s.st.share.cancel != nil {
			s.st.share.cancel()
		}
		return nil
	})
	return func() {
		_ = s.do(func() error { // after Close nothing runs anymore
			s.st.share.held--
			s.st.share.wait, s.st.share.after = 0, time.Time{}
			return nil
		})
	}, err
}

// kept are the settings that count and are saved: what is still being tried is not among them.
type kept struct {
	mu sync.Mutex
	c  config.Config
}

func (k *kept) get() config.Config {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.c.Clone()
}

func (k *kept) put(p config.Patch) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.c = p.On(k.c)
}

// save writes the settings that count, here in the caller: a slow disk blocks no other caller, not even the next
// change, which is written after this one.
func (s *Session) save() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.settings.Save(s.kept.get())
}
