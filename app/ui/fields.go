package ui

import (
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/widget"

	"github.com/hindsight-app/hindsight/app/config"
)

// fields are the rows of a card of settings: a name on the left, on the right a control that shows one setting and
// writes it back, and below it what is wrong with what is entered. It is a group once card has been called.
type fields struct {
	s     *settings
	rows  []fyne.CanvasObject // name, control, name, control…
	bound []binding
	root  fyne.CanvasObject
}

// binding is a control's connection to its setting.
type binding struct {
	load  func(config.Config)
	store func(*config.Config) error
	// at is where an error of store stands.
	at *widget.Label
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

// card puts the rows below a heading, and more below them.
func (f *fields) card(heading string, more ...fyne.CanvasObject) {
	f.root = card(heading, container.NewVBox(append([]fyne.CanvasObject{form(f.rows...)}, more...)...))
}

func (f *fields) content() fyne.CanvasObject { return f.root }

func (f *fields) bindings() []binding { return f.bound }

// row adds any control.
func (f *fields) row(name string, control fyne.CanvasObject) {
	f.rows = append(f.rows, label(name), control)
}

// setting adds the control of the setting with this key, under the name that errors give it, and returns the place for
// its errors.
func (f *fields) setting(key string, control fyne.CanvasObject) *widget.Label {
	at := f.s.place(key)
	f.row(settingName(key), container.NewVBox(control, at))
	return at
}

// note says something about the row above.
func (f *fields) note(text string) *widget.Label {
	n := muted(text)
	n.Wrapping = fyne.TextWrapWord
	f.row("", n)
	return n
}

func (f *fields) bind(at *widget.Label, load func(config.Config), store func(*config.Config) error) {
	f.bound = append(f.bound, binding{load, store, at})
}

// entry is a text that show makes of the settings and take puts back, without space around it.
func (f *fields) entry(key, placeholder string, show func(config.Config) string,
	take func(*config.Config, string) error,
) *widget.Entry {
	e := f.s.newEntry(placeholder)
	at := f.setting(key, e)
	f.bind(at, func(c config.Config) { e.SetText(show(c)) }, func(c *config.Config) error { return take(c, trimmed(e)) })
	return e
}

func (f *fields) text(key, placeholder string, of func(*config.Config) *string) *widget.Entry {
	show := func(c config.Config) string { return *of(&c) }
	return f.entry(key, placeholder, show, func(c *config.Config, text string) error {
		*of(c) = text
		return nil
	})
}

// number is a whole number; what else is entered is wrong. Where there is a placeholder, it stands for 0.
func (f *fields) number(key, placeholder, wrong string, of func(*config.Config) *int) *widget.Entry {
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

func (f *fields) check(name, text string, of func(*config.Config) *bool) *widget.Check {
	k := f.s.newCheck(text)
	f.row(name, k)
	f.bind(nil, func(c config.Config) { k.SetChecked(*of(&c)) }, func(c *config.Config) error {
		*of(c) = k.Checked
		return nil
	})
	return k
}

// pick chooses one of several values by its name. A value that is none of them is shown as the first.
func pick[T comparable](f *fields, key string, values []T, names []string, of func(*config.Config) *T) *widget.Select {
	p := f.s.newSelect(names...)
	at := f.setting(key, p)
	load := func(c config.Config) { p.SetSelectedIndex(max(slices.Index(values, *of(&c)), 0)) }
	f.bind(at, load, func(c *config.Config) error {
		*of(c) = values[max(p.SelectedIndex(), 0)]
		return nil
	})
	return p
}

// nameWidth is the room for the names on the left.
const nameWidth = 168

// form lays out names on the left and controls on the right.
func form(pairs ...fyne.CanvasObject) *fyne.Container {
	for i := 0; i < len(pairs); i += 2 {
		pairs[i] = container.New(layout.NewGridWrapLayout(fyne.NewSize(nameWidth, 36)), pairs[i])
	}
	return container.New(layout.NewFormLayout(), pairs...)
}

func label(text string) *widget.Label { return widget.NewLabel(text) }

func (s *settings) newSelect(options ...string) *widget.Select {
	return widget.NewSelect(options, func(string) { s.changed() })
}

func (s *settings) newEntry(placeholder string) *widget.Entry {
	e := widget.NewEntry()
	e.SetPlaceHolder(placeholder)
	e.OnChanged = func(string) { s.changed() }
	e.OnSubmitted = func(string) {
		if !s.apply.Disabled() {
			s.submit()
		}
	}
	return e
}

func (s *settings) newCheck(text string) *widget.Check {
	return widget.NewCheck(text, func(bool) { s.changed() })
}

func trimmed(e *widget.Entry) string { return strings.TrimSpace(e.Text) }

// positive is a number's text, empty for 0.
func positive(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}
