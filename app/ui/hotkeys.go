package ui

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/hotkey"
	"github.com/hindsight-app/hindsight/app/locale"
)

// captureWait is how long a key may take that is to be set: the keyboard reaches nobody else in the meantime.
const captureWait = 20 * time.Second

// hotkeyParts are what the page of the hotkeys is made from.
type hotkeyParts struct {
	keys *hotkey.Manager
	// main runs a function on Fyne's main goroutine, background runs one beside it until it ends, at the latest with
	// ctx.
	main, background func(func())
	ctx              context.Context
	tips             *tips
	// focus moves the keyboard focus of the window.
	focus func(fyne.Focusable)
	// edited is called whenever the user has changed something that store then writes.
	edited func()
	// wanted is called with a key that the user wants although another program holds it.
	wanted func(keys string)
}

// hotkeysPage is where hotkeys are set by pressing them. It never holds a key twice, so that what it stores is
// always fine, but for numbers of seconds.
type hotkeysPage struct {
	hotkeyParts
	root    fyne.CanvasObject
	rows    []*hotkeyRow // of fixed actions
	saves   []*saveRow
	list    *fyne.Container // of saves
	last    []hotkey.State
	setting *hotkeyRow // waits for a key
}

// hotkeyRow is one action with its key.
type hotkeyRow struct {
	page  *hotkeysPage
	of    func(*config.Hotkeys) *string // nil in a saveRow
	name  string
	state string // the name of its hotkey.State
	talk  bool
	empty string // what is shown without a key
	keys  string // as in the settings

	field  *keyField
	set    *pushButton
	clear  *tipButton
	note   *widget.Label
	act    *pushButton // does what the note is about
	root   fyne.CanvasObject
	cancel context.CancelFunc
}

// saveRow is a key for another length.
type saveRow struct {
	hotkeyRow
	seconds, after *widget.Entry
	wrong          *widget.Label
}

func newHotkeysPage(parts hotkeyParts) *hotkeysPage {
	p := &hotkeysPage{hotkeyParts: parts, list: container.NewVBox()}
	none, always := lang.L("Not set"), lang.L("Not set (mic always on)")
	row := func(name, state string, of func(*config.Hotkeys) *string) fyne.CanvasObject {
		r := &hotkeyRow{page: p, of: of, name: name, state: state, empty: none}
		if state == hotkey.TalkName {
			r.talk, r.empty = true, always
		}
		p.rows = append(p.rows, r)
		return r.build(label(name))
	}
	add := newPushButton(lang.L("Add hotkey for another length"), theme.ContentAddIcon(), func() {
		p.add(config.SaveKey{Seconds: 30})
		p.edited()
	})
	add.Alignment, add.Importance = widget.ButtonAlignLeading, widget.LowImportance
	clips := container.NewVBox(
		row(lang.L("Save replay"), hotkey.SaveName, func(k *config.Hotkeys) *string { return &k.Save }),
		p.list, container.NewHBox(add),
		row(lang.L("Start or stop recording"), hotkey.RecordName, func(k *config.Hotkeys) *string { return &k.Record }),
		row(lang.L("Add marker"), hotkey.MarkName, func(k *config.Hotkeys) *string { return &k.Mark }),
		row(lang.L("Take screenshot"), hotkey.ScreenshotName, func(k *config.Hotkeys) *string { return &k.Screenshot }))
	talk := container.NewVBox(
		row(lang.L("Start or stop sharing"), hotkey.ShareName, func(k *config.Hotkeys) *string { return &k.Share }),
		row(lang.L("Mute microphone"), hotkey.MuteName, func(k *config.Hotkeys) *string { return &k.Mute }),
		row(lang.L("Push-to-talk"), hotkey.TalkName, func(k *config.Hotkeys) *string { return &k.Talk }))
	p.root = column(p.intro(), card(lang.L("Replay and recording"), clips),
		card(lang.L("Sharing and microphone"), talk))
	return p
}

// intro says how keys are set here.
func (p *hotkeysPage) intro() fyne.CanvasObject {
	text := lang.L("Hotkeys work in every window. Press Set, then the key or mouse button. " +
		"Push-to-talk may be a plain key like V, which still types.")
	switch {
	case p.keys.CanCapture():
	case !p.keys.AssignedByDesktop():
		text = lang.L("Hotkeys work in every window. Press Set, then the key.")
	default:
		text = lang.L("This desktop assigns global hotkeys itself: it proposes the keys that you set here in its own " +
			"dialog, and has the last word. Change them later in the desktop's keyboard settings.")
	}
	l := muted(text)
	l.Wrapping = fyne.TextWrapWord
	return l
}

func (p *hotkeysPage) content() fyne.CanvasObject { return p.root }

// load shows settings.
func (p *hotkeysPage) load(h config.Hotkeys) {
	for _, r := range p.rows {
		r.show(*r.of(&h))
	}
	var now config.Hotkeys
	if err := p.store(&now); err != nil || !slices.Equal(now.Saves, h.Saves) {
		for _, r := range p.saves {
			r.stop()
		}
		p.saves = nil
		p.list.RemoveAll()
		for _, k := range h.Saves {
			p.add(k)
		}
	}
	p.update(p.last)
}

// store writes what is shown.
func (p *hotkeysPage) store(h *config.Hotkeys) error {
	for _, r := range p.rows {
		*r.of(h) = r.keys
	}
	h.Saves = nil
	var wrong error
	for _, r := range p.saves {
		k, err := r.read()
		if wrong == nil {
			wrong = err
		}
		h.Saves = append(h.Saves, k)
	}
	return wrong
}

// update shows which keys do not work.
func (p *hotkeysPage) update(states []hotkey.State) {
	relabeled := !slices.EqualFunc(states, p.last, func(a, b hotkey.State) bool {
		return a.Keys == b.Keys && a.Label == b.Label
	})
	p.last = states
	if relabeled {
		p.enter()
	}
	for _, r := range p.all() {
		if r.act.Visible() || p.setting == r { // it asks something
			continue
		}
		r.say("", widget.WarningImportance)
		for _, s := range states {
			if s.Error == "" || s.Keys != r.keys || r.keys == "" {
				continue
			}
			switch {
			case s.Taken:
				r.say(lang.L("Held by another program. It works once that program lets it go."), widget.WarningImportance)
			case s.Missing:
				r.say(lang.L("This keyboard layout has no such key."), widget.WarningImportance)
			default:
				r.say(locale.Message(s.Error), widget.WarningImportance)
			}
		}
	}
}

// enter takes the names of keys from the layout as it is now.
func (p *hotkeysPage) enter() {
	for _, r := range p.all() {
		r.show(r.keys)
	}
}

func (p *hotkeysPage) all() []*hotkeyRow {
	all := slices.Clone(p.rows)
	for _, s := range p.saves {
		all = append(all, &s.hotkeyRow)
	}
	return all
}

// add shows a key for another length.
func (p *hotkeysPage) add(k config.SaveKey) {
	number := func(n int, placeholder string) *widget.Entry {
		e := widget.NewEntry()
		e.SetPlaceHolder(placeholder)
		e.Text = positive(n)
		e.OnChanged = func(string) { p.edited() }
		return e
	}
	r := &saveRow{
		hotkeyRow: hotkeyRow{page: p, name: lang.L("Save another length"), empty: lang.L("Not set")},
		seconds:   number(k.Seconds, lang.L("all")), after: number(k.After, "0"), wrong: newPlace(),
	}
	small := func(o fyne.CanvasObject) fyne.CanvasObject {
		return container.New(layout.NewGridWrapLayout(fyne.NewSize(56, 36)), o)
	}
	remove := newPushButton(lang.L("Remove"), theme.DeleteIcon(), func() { p.remove(r) })
	remove.Importance = widget.LowImportance
	lengths := container.NewHBox(label(lang.L("Last")), small(r.seconds), label(lang.L("s, then the next")),
		small(r.after), label("s"), layout.NewSpacer(), remove)
	body := r.build(label(r.name))
	below := container.New(layout.NewCustomPaddedLayout(0, 0, nameWidth, 0), container.NewVBox(lengths, r.wrong))
	r.root = container.NewVBox(body, below)
	p.saves = append(p.saves, r)
	p.list.Add(r.root)
	r.show(k.Keys)
}

func (p *hotkeysPage) remove(r *saveRow) {
	r.stop()
	p.saves = slices.DeleteFunc(p.saves, func(other *saveRow) bool { return other == r })
	p.list.Remove(r.root)
	p.edited()
}

// read is what the row is in the settings.
func (r *saveRow) read() (k config.SaveKey, err error) {
	k.Keys = r.keys
	if k.Seconds, err = wholeSeconds(r.seconds); err == nil {
		k.After, err = wholeSeconds(r.after)
	}
	if err != nil {
		err = misplaced{err, r.wrong}
	}
	return k, err
}

// wholeSeconds reads a number that may be left out.
func wholeSeconds(e *widget.Entry) (int, error) {
	text := trimmed(e)
	if text == "" || strings.EqualFold(text, lang.L("all")) {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, errors.New(lang.L("“{{.Text}}” is not a number of seconds", map[string]any{"Text": text}))
	}
	return n, nil
}

// build lays the row out: name, key, buttons; below it what is to be said about the key.
func (r *hotkeyRow) build(name fyne.CanvasObject) fyne.CanvasObject {
	r.field = newKeyField(r)
	r.set = newPushButton(lang.L("Set"), nil, r.toggle)
	r.clear = newTipButton(r.page.tips, lang.L("Clear hotkey"), theme.ContentClearIcon(), func() {
		r.stop()
		r.take(hotkey.Combo{})
	})
	r.clear.Importance = widget.LowImportance
	r.note = newPlace()
	r.act = newPushButton("", nil, nil)
	r.act.Hide()
	buttons := container.NewHBox(container.New(layout.NewGridWrapLayout(fyne.NewSize(88, 36)), r.set), r.clear)
	name = container.New(layout.NewGridWrapLayout(fyne.NewSize(nameWidth, 36)), name)
	below := container.NewBorder(nil, nil, nil, container.NewCenter(r.act), r.note)
	r.root = container.NewVBox(container.NewBorder(nil, nil, name, buttons, r.field),
		container.New(layout.NewCustomPaddedLayout(0, 0, nameWidth, 0), below))
	return r.root
}

// show shows a key as in the settings, by its name on the layout.
func (r *hotkeyRow) show(keys string) {
	r.keys = keys
	c, err := hotkey.ParseTalk(keys)
	setEnabled(r.clear, keys != "")
	switch {
	case r.page.setting == r: // it shows what is pressed
	case keys == "":
		r.field.showText(r.empty)
	case err != nil:
		r.field.showText(keys)
	default:
		r.field.showKeys(c.Label(nil))
		p := r.page
		p.background(func() {
			text := p.keys.Label(c)
			p.main(func() {
				if r.keys == keys && p.setting != r {
					r.field.showKeys(text)
				}
			})
		})
	}
}

func (r *hotkeyRow) say(text string, how widget.Importance) {
	if r.note.Importance != how {
		r.note.Importance = how
		r.note.Refresh()
	}
	setText(r.note, text)
	setShown(r.note, text != "")
}

// ask says what is in the way of a key, and offers to take it all the same.
func (r *hotkeyRow) ask(text, button string, act func()) {
	r.say(text, widget.DangerImportance)
	r.act.SetText(button)
	r.act.OnTapped = func() { r.quiet(); act() }
	setShown(r.act, button != "")
}

func (r *hotkeyRow) quiet() {
	r.say("", widget.DangerImportance)
	setShown(r.act, false)
}

// toggle begins to wait for a key, or ends that.
func (r *hotkeyRow) toggle() {
	if r.page.setting == r {
		r.stop()
		return
	}
	r.start()
}

// start waits for a key. No hotkey fires until it is set.
func (r *hotkeyRow) start() {
	p := r.page
	if p.setting != nil {
		p.setting.stop()
	}
	r.quiet()
	p.setting = r
	r.set.SetText(lang.L("Cancel"))
	r.field.wait(hotkey.Combo{})
	r.say(lang.L("Esc cancels, Backspace clears."), widget.LowImportance)
	ctx, cancel := context.WithTimeout(p.ctx, captureWait)
	r.cancel = cancel
	if !p.keys.CanCapture() {
		resume := p.keys.Pause()
		r.cancel = func() { cancel(); resume() }
		p.focus(r.field)
		p.background(func() {
			<-ctx.Done()
			p.main(func() { r.finish(ctx, hotkey.Combo{}, ctx.Err(), nil) })
		})
		return
	}
	p.background(func() {
		defer cancel()
		c, err := p.keys.Capture(ctx, func(held hotkey.Combo) {
			p.main(func() {
				if ctx.Err() == nil && p.setting == r {
					r.field.wait(held)
				}
			})
		})
		var probe error
		if err == nil && c != (hotkey.Combo{}) {
			probe = p.keys.Probe(c)
		}
		p.main(func() { r.finish(ctx, c, err, probe) })
	})
}

// pressed is a key that the window has received, on a desktop that shows none but those.
func (r *hotkeyRow) pressed(c hotkey.Combo) {
	if r.page.setting != r {
		return
	}
	switch c {
	case hotkey.Combo{Key: "Escape"}:
		r.stop()
	case hotkey.Combo{Key: "Backspace"}:
		r.stop()
		r.take(hotkey.Combo{})
	default:
		r.stop()
		r.offer(c, nil)
	}
}

// stop ends waiting for a key.
func (r *hotkeyRow) stop() {
	if r.page.setting != r {
		return
	}
	r.page.setting = nil
	r.cancel()
	r.set.SetText(lang.L("Set"))
	r.field.ready()
	r.say("", widget.LowImportance)
	r.show(r.keys)
}

// finish is the end of a capture.
func (r *hotkeyRow) finish(ctx context.Context, c hotkey.Combo, err, probe error) {
	if r.page.setting != r || errors.Is(err, context.Canceled) {
		return // stopped already
	}
	r.stop()
	switch {
	case err == nil && c == hotkey.Combo{}:
		r.take(c)
	case err == nil:
		r.offer(c, probe)
	case errors.Is(err, hotkey.ErrCanceled):
	case errors.Is(err, context.DeadlineExceeded):
		r.say(lang.L("No key was pressed."), widget.WarningImportance)
	default:
		r.say(lang.L("The key could not be read: another program holds the keyboard or the mouse. "+
			"Close its menu and try again."), widget.DangerImportance)
	}
}

// offer takes a key unless something speaks against it, which it says.
func (r *hotkeyRow) offer(c hotkey.Combo, probe error) {
	p := r.page
	label := c.Label(nil)
	if p.keys.CanCapture() {
		label = p.keys.Label(c)
	}
	key := map[string]any{"Key": keyNames(label)}
	for _, other := range p.all() {
		if o, err := hotkey.ParseTalk(other.keys); other != r && err == nil && o == c {
			key["Action"] = other.name
			r.ask(lang.L("{{.Key}} is already used for {{.Action}}.", key), lang.L("Use it here"), func() {
				other.show("")
				r.take(c)
			})
			return
		}
	}
	switch _, err := hotkey.Parse(c.String()); {
	case err != nil && !r.talk:
		r.ask(lang.L("{{.Key}} needs Ctrl, Alt or Super with it, so that the key itself can still be used.", key), "", nil)
	case errors.Is(probe, hotkey.ErrTaken):
		r.ask(lang.L("{{.Key}} is held by another program.", key), lang.L("Use anyway"), func() {
			p.wanted(c.String())
			if r.keys == c.String() { // it was refused before
				p.edited()
			}
			r.take(c)
		})
	case probe != nil:
		r.ask(lang.L("{{.Key}} can't be used as a hotkey here.", key), "", nil)
	default:
		r.take(c)
	}
}

// take sets the key; the empty one is none.
func (r *hotkeyRow) take(c hotkey.Combo) {
	r.quiet()
	keys := ""
	if c != (hotkey.Combo{}) {
		keys = c.String()
	}
	changed := r.keys != keys
	r.show(keys)
	if changed {
		r.page.edited()
	}
}

// keyField shows a key, or waits for one with the focus.
type keyField struct {
	widget.BaseWidget
	row   *hotkeyRow
	frame *canvas.Rectangle
	body  *fyne.Container
	held  hotkey.Mod // on a desktop that shows keys to the window only
	waits bool
	// focused is whether the keyboard is here.
	focused bool
}

func newKeyField(r *hotkeyRow) *keyField {
	f := &keyField{row: r, frame: canvas.NewRectangle(nil), body: container.NewHBox()}
	f.frame.CornerRadius = theme.Size(theme.SizeNameInputRadius)
	f.frame.StrokeWidth = 1
	f.ExtendBaseWidget(f)
	return f
}

// showText shows a text instead of a key.
func (f *keyField) showText(text string) {
	l := oneLine(widget.NewLabel(text))
	l.Importance = widget.LowImportance
	f.put(container.NewStack(l))
}

// showKeys shows a combination as the caps of its keys.
func (f *keyField) showKeys(combo string) {
	row := container.NewHBox()
	for i, text := range strings.Split(combo, " + ") {
		if i > 0 {
			plus := widget.NewLabel("+")
			plus.Importance = widget.LowImportance
			row.Add(plus)
		}
		row.Add(container.NewCenter(newSurface(theme.ColorNameButton, 6, 0, keyCap(keyName(text)))))
	}
	f.put(container.New(layout.NewCustomPaddedLayout(0, 0, 6, 0), row))
}

func keyCap(text string) fyne.CanvasObject {
	t := widget.NewLabel(text)
	t.TextStyle.Bold = true
	t.SizeName = theme.SizeNameCaptionText
	return container.New(layout.NewCustomPaddedLayout(-4, -4, 2, 2), t)
}

// wait asks for a key, and shows the modifiers that are held.
func (f *keyField) wait(held hotkey.Combo) {
	f.waits = true
	if held.Mods != 0 {
		held.Key = "…"
		f.showKeys(held.Label(nil))
		return
	}
	l := oneLine(widget.NewLabel(lang.L("Press a key…")))
	l.Importance = widget.HighImportance
	f.put(container.NewStack(l))
}

// ready ends waiting.
func (f *keyField) ready() {
	f.waits, f.held = false, 0
	f.draw()
}

func (f *keyField) put(o fyne.CanvasObject) {
	f.body.Objects = []fyne.CanvasObject{o}
	f.body.Layout = layout.NewStackLayout()
	f.draw()
	f.body.Refresh()
}

func (f *keyField) draw() {
	f.frame.FillColor = theme.Color(theme.ColorNameInputBackground)
	f.frame.StrokeColor, f.frame.StrokeWidth = theme.Color(theme.ColorNameInputBorder), 1
	if f.focused {
		f.frame.StrokeColor, f.frame.StrokeWidth = theme.Color(theme.ColorNameFocus), 3
	}
	if f.waits {
		f.frame.StrokeColor, f.frame.StrokeWidth = theme.Color(theme.ColorNamePrimary), 2
	}
	f.frame.Refresh()
}

// CreateRenderer draws the field.
func (f *keyField) CreateRenderer() fyne.WidgetRenderer {
	f.draw()
	return widget.NewSimpleRenderer(container.NewStack(f.frame, f.body))
}

// Refresh takes new colors of the theme.
func (f *keyField) Refresh() {
	f.draw()
	f.BaseWidget.Refresh()
}

// MinSize is that of a text field.
func (f *keyField) MinSize() fyne.Size { return fyne.NewSize(160, 36) }

// Tapped begins to wait, as the button does.
func (f *keyField) Tapped(*fyne.PointEvent) {
	if !f.waits {
		f.row.start()
	}
}

// FocusGained shows where the keyboard is.
func (f *keyField) FocusGained() { f.focused = true; f.draw() }

// FocusLost ends that, and waiting on a desktop that shows keys to the window only.
func (f *keyField) FocusLost() {
	f.focused = false
	f.draw()
	if f.waits && !f.row.page.keys.CanCapture() {
		f.row.stop()
	}
}

// TypedRune takes no text.
func (f *keyField) TypedRune(rune) {}

// TypedKey begins to wait.
func (f *keyField) TypedKey(e *fyne.KeyEvent) {
	if !f.waits && (e.Name == fyne.KeySpace || e.Name == fyne.KeyReturn) {
		f.row.start()
	}
}

// AcceptsTab is whether Tab is a key to set.
func (f *keyField) AcceptsTab() bool { return f.waits }

// KeyDown takes a key of the window.
func (f *keyField) KeyDown(e *fyne.KeyEvent) {
	if !f.waits || f.row.page.keys.CanCapture() {
		return
	}
	if mod := fyneMods[e.Name]; mod != 0 {
		f.held |= mod
		f.wait(hotkey.Combo{Mods: f.held})
		return
	}
	if c, ok := fyneCombo(f.held, e.Name); ok {
		f.row.pressed(c)
	}
}

// KeyUp follows the modifiers.
func (f *keyField) KeyUp(e *fyne.KeyEvent) {
	if mod := fyneMods[e.Name]; mod != 0 && f.waits && !f.row.page.keys.CanCapture() {
		f.held &^= mod
		f.wait(hotkey.Combo{Mods: f.held})
	}
}

// fyneCombo is a key that Fyne knows. Its names are among ours but for one.
func fyneCombo(held hotkey.Mod, key fyne.KeyName) (hotkey.Combo, bool) {
	name := string(key)
	if key == fyne.KeyPlus {
		name = "Plus"
	}
	c, err := hotkey.ParseTalk(hotkey.Combo{Mods: held, Key: name}.String())
	return c, err == nil
}

var fyneMods = map[fyne.KeyName]hotkey.Mod{
	desktop.KeyControlLeft: hotkey.Ctrl, desktop.KeyControlRight: hotkey.Ctrl, desktop.KeyAltLeft: hotkey.Alt,
	desktop.KeyAltRight: hotkey.Alt, desktop.KeyShiftLeft: hotkey.Shift, desktop.KeyShiftRight: hotkey.Shift,
	desktop.KeySuperLeft: hotkey.Super, desktop.KeySuperRight: hotkey.Super,
}
