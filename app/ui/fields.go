package ui

import (
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/widget"

	"github.com/hindsight-app/hindsight/app/config"
)

// fields are the rows of a card of settings: a name on the left, on the right a control that shows one setting and
// writes it back, and below it what is wrong with what is entered. It is a group once card has been called.
type fields struct {
	s     *settings
	title string
	lines []*line
	bound []binding
	root  fyne.CanvasObject
}

// line is one row of a card. It is shown while it is wanted and, during a search, if it was found.
type line struct {
	root          fyne.CanvasObject
	text          string // what the search looks through, in small letters
	wanted, found bool
}

func (l *line) show(wanted bool) { l.wanted = wanted; l.draw() }

func (l *line) draw() { setShown(l.root, l.wanted && l.found) }

// binding is a control's connection to its setting.
type binding struct {
	load  func(config.Config)
	store func(*config.Config) error
	// at is where an error of store stands.
	at *widget.Label
	// typing are its texts, which count once they are entered as a whole.
	typing []*input
}

// unfinished is whether something is being typed.
func (b binding) unfinished() bool {
	return slices.ContainsFunc(b.typing, func(e *input) bool { return e.typed })
}

// misplaced is an error that stands at another place than its binding's.
type misplaced struct {
	error
	at *widget.Label
}

// edited is whether the control shows something else than what it would show of c.
func (b binding) edited(c config.Config) bool {
	now := c.Clone()
	return b.store(&now) != nil || !reflect.DeepEqual(now, c.Clone())
}

// card puts the rows below a heading.
func (f *fields) card(title string) {
	f.title = title
	rows := container.NewVBox()
	for _, l := range f.lines {
		rows.Add(l.root)
	}
	f.root = card(title, rows)
}

func (f *fields) content() fyne.CanvasObject { return f.root }

func (f *fields) bindings() []binding { return f.bound }

// search shows the rows that all words are in, and returns whether there are any. No words show everything.
func (f *fields) search(words []string) bool {
	any := false
	for _, l := range f.lines {
		l.found = contains(f.title+" "+l.text, words)
		l.draw()
		any = any || l.found && l.wanted
	}
	setShown(f.root, any)
	return any
}

// contains is whether all words, which are in small letters, are in a text.
func contains(text string, words []string) bool {
	text = strings.ToLower(text)
	return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) })
}

// add adds a row as it is; text is what the search finds it by.
func (f *fields) add(text string, o fyne.CanvasObject) *line {
	l := &line{root: o, text: text, wanted: o.Visible(), found: true}
	f.lines = append(f.lines, l)
	return l
}

// row adds any control under a name.
func (f *fields) row(name string, control fyne.CanvasObject, more ...string) *line {
	return f.add(name+" "+strings.Join(more, " "), f.s.form(name, control))
}

// setting adds the control of the setting with this key, under the name that errors give it, and returns the place for
// its errors.
func (f *fields) setting(key string, control fyne.CanvasObject, more ...string) *widget.Label {
	at := f.s.place(key)
	f.row(settingName(key), container.NewVBox(control, at), more...)
	return at
}

// note says something about the row above, with which it is found.
func (f *fields) note(text string) *widget.Label {
	n := muted(text)
	n.Wrapping = fyne.TextWrapWord
	above := f.lines[len(f.lines)-1]
	above.text += " " + text
	f.add(above.text, container.New(layout.NewCustomPaddedLayout(-10, 0, nameWidth+nameGap, 0), n))
	return n
}

func (f *fields) bind(at *widget.Label, load func(config.Config), store func(*config.Config) error, typing ...*input) {
	f.bound = append(f.bound, binding{load, store, at, typing})
}

// entry is a text that show makes of the settings and take puts back, without space around it.
func (f *fields) entry(key, placeholder string, show func(config.Config) string,
	take func(*config.Config, string) error,
) *input {
	e := f.s.newEntry(placeholder)
	at := f.setting(key, e)
	f.bind(at, func(c config.Config) { e.SetText(show(c)) },
		func(c *config.Config) error { return take(c, e.trimmed()) }, e)
	return e
}

func (f *fields) text(key, placeholder string, of func(*config.Config) *string) *input {
	show := func(c config.Config) string { return *of(&c) }
	return f.entry(key, placeholder, show, func(c *config.Config, text string) error {
		*of(c) = text
		return nil
	})
}

// number is a whole number; what else is entered is wrong. Where there is a placeholder, it stands for 0.
func (f *fields) number(key, placeholder, wrong string, of func(*config.Config) *int) *input {
	show := func(c config.Config) string { return positive(*of(&c)) }
	return f.entry(key, placeholder, show, func(c *config.Config, text string) error {
		n, err := strconv.Atoi(text)
		*of(c) = n
		if left := text == "" || strings.EqualFold(text, placeholder); err != nil && (placeholder == "" || !left) {
			return errors.New(wrong)
		}
		return nil
	})
}

// check is a box for a setting whose key is among f's; name stands on the left.
func (f *fields) check(key, name, text string, of func(*config.Config) *bool) *widget.Check {
	k := f.s.newCheck(text)
	at := f.s.place(key)
	f.row(name, container.NewVBox(k, at), text)
	f.bind(at, func(c config.Config) { k.SetChecked(*of(&c)) }, func(c *config.Config) error {
		*of(c) = k.Checked
		return nil
	})
	return k
}

// pick chooses one of several values by its name. A value that is none of them is shown as the first.
func pick[T comparable](f *fields, key string, values []T, names []string, of func(*config.Config) *T) *widget.Select {
	p := f.s.newSelect(names...)
	at := f.setting(key, p, names...)
	load := func(c config.Config) { p.SetSelectedIndex(max(slices.Index(values, *of(&c)), 0)) }
	f.bind(at, load, func(c *config.Config) error {
		*of(c) = values[max(p.SelectedIndex(), 0)]
		return nil
	})
	return p
}

// nameWidth is the room for the names on the left.
const nameWidth = 168

// form lays out a name and its control.
func (s *settings) form(name string, control fyne.CanvasObject) *fyne.Container {
	return container.New(&formLayout{s}, oneLine(label(name)), control)
}

// formLayout puts a name on the left of its control, or above one for which the page is too narrow.
type formLayout struct{ s *settings }

const (
	nameHeight = 36
	nameGap    = 4
	// aboveHeight is what a name takes above its control, which has its own space around it.
	aboveHeight = 28
)

func (l *formLayout) beside(control fyne.CanvasObject) bool {
	return l.s.rowWidth == 0 || nameWidth+nameGap+control.MinSize().Width <= l.s.rowWidth
}

// above is the height of a name above its control.
func (l *formLayout) above(name fyne.CanvasObject) float32 {
	if n, ok := name.(*widget.Label); ok && n.Text == "" {
		return 0
	}
	return aboveHeight
}

// Layout implements fyne.Layout.
func (l *formLayout) Layout(o []fyne.CanvasObject, size fyne.Size) {
	name, control := o[0], o[1]
	name.Move(fyne.NewPos(0, 0))
	if l.beside(control) {
		name.Resize(fyne.NewSize(nameWidth, nameHeight))
		control.Move(fyne.NewPos(nameWidth+nameGap, 0))
		control.Resize(fyne.NewSize(size.Width-nameWidth-nameGap, size.Height))
		return
	}
	top := l.above(name)
	name.Resize(fyne.NewSize(size.Width, nameHeight))
	control.Move(fyne.NewPos(0, top))
	control.Resize(fyne.NewSize(size.Width, size.Height-top))
}

// MinSize implements fyne.Layout.
func (l *formLayout) MinSize(o []fyne.CanvasObject) fyne.Size {
	name, control := o[0], o[1].MinSize()
	if l.beside(o[1]) {
		return fyne.NewSize(nameWidth+nameGap+control.Width, max(nameHeight, control.Height))
	}
	return fyne.NewSize(control.Width, l.above(name)+control.Height)
}

func label(text string) *widget.Label { return widget.NewLabel(text) }

func (s *settings) newSelect(options ...string) *widget.Select {
	return widget.NewSelect(options, func(string) { s.changed() })
}

func (s *settings) newCheck(text string) *widget.Check {
	return widget.NewCheck(text, func(bool) { s.changed() })
}

// input is a text field whose text counts once it is complete: after Enter, or when the keyboard leaves it. Escape
// takes back what was typed.
type input struct {
	widget.Entry
	s     *settings
	typed bool // since it was last complete
}

func (s *settings) newEntry(placeholder string) *input {
	e := &input{s: s}
	e.ExtendBaseWidget(e)
	e.Wrapping = fyne.TextWrap(fyne.TextTruncateClip) // as NewEntry does
	e.SetPlaceHolder(placeholder)
	e.OnChanged = func(string) {
		e.typed = e.typed || !s.filling
		s.changed()
	}
	e.OnSubmitted = func(string) { e.complete() }
	return e
}

func (e *input) complete() {
	if e.typed {
		e.typed = false
		e.s.auto()
	}
}

// FocusLost takes the text as it is.
func (e *input) FocusLost() {
	e.Entry.FocusLost()
	e.complete()
}

// TypedKey takes back what was typed by Escape.
func (e *input) TypedKey(k *fyne.KeyEvent) {
	if k.Name == fyne.KeyEscape {
		e.s.takeBack(e)
		return
	}
	e.Entry.TypedKey(k)
}

// TypedShortcut hands on what is the window's.
func (e *input) TypedShortcut(k fyne.Shortcut) {
	if c, ok := k.(*desktop.CustomShortcut); ok && c.ShortcutName() == findKey.ShortcutName() {
		e.s.find.begin()
		return
	}
	e.Entry.TypedShortcut(k)
}

// trimmed is what is entered, without space around it.
func (e *input) trimmed() string { return trimmed(&e.Entry) }

func trimmed(e *widget.Entry) string { return strings.TrimSpace(e.Text) }

// positive is a number's text, empty for 0.
func positive(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}
