package ui

import (
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// section is one page of the settings.
type section struct {
	title  string
	groups []group
	head   *fyne.Container // title and reset
	reset  *pushButton
	root   fyne.CanvasObject
	tab    *tab
}

func newSection(s *settings, title string, icon fyne.Resource, groups ...group) *section {
	p := &section{title: title, groups: groups}
	p.reset = newPushButton(lang.L("Reset page"), theme.ViewRefreshIcon(), func() { s.reset(p) })
	p.reset.Importance = widget.LowImportance
	name := widget.NewLabel(title)
	name.TextStyle.Bold, name.SizeName = true, theme.SizeNameSubHeadingText
	p.head = container.NewHBox(name, layout.NewSpacer(), p.reset)
	cards := column(p.head)
	for _, g := range groups {
		cards.Add(g.content())
	}
	p.root = cards
	p.tab = newTab(s, title, icon)
	return p
}

func (p *section) bindings() []binding {
	var all []binding
	for _, g := range p.groups {
		all = append(all, g.bindings()...)
	}
	return all
}

// search shows what all words are in. A page that is called so is shown as a whole.
func (p *section) search(words []string) bool {
	rest := slices.DeleteFunc(slices.Clone(words), func(w string) bool { return contains(p.title, []string{w}) })
	any := false
	for _, g := range p.groups {
		if g.search(rest) {
			any = true
		}
	}
	return any
}

// places are where the page's errors stand.
func (p *section) places(s *settings) []*widget.Label {
	var all []*widget.Label
	for _, b := range p.bindings() {
		if b.at != nil {
			all = append(all, b.at)
		}
	}
	if slices.Contains(p.groups, group(s.keys)) {
		for _, r := range s.keys.saves {
			all = append(all, r.wrong)
		}
	}
	return all
}

// finder is the search over all pages.
type finder struct {
	s     *settings
	entry *searchEntry
	none  *widget.Label
	root  fyne.CanvasObject // title, reset and search
	// reset is that of the current page where there is no room for the page's title.
	reset *tipButton
}

// findKey leads to the search.
var findKey = &desktop.CustomShortcut{KeyName: fyne.KeyF, Modifier: fyne.KeyModifierShortcutDefault}

func newFinder(s *settings, body *fyne.Container) *finder {
	f := &finder{s: s, none: muted(lang.L("No setting was found. Try another word."))}
	f.none.Hide()
	body.Add(container.NewCenter(f.none))
	f.entry = &searchEntry{s: s}
	f.entry.ExtendBaseWidget(f.entry)
	f.entry.Wrapping = fyne.TextWrap(fyne.TextTruncateClip)
	f.entry.Icon = theme.SearchIcon()
	f.entry.SetPlaceHolder(lang.L("Search settings"))
	f.entry.OnChanged = func(string) {
		setShown(f.none, !s.showSections(f.words()))
		s.scroll.ScrollToTop()
		s.u.meters()
	}
	f.reset = newTipButton(s.u.tips, lang.L("Reset page"), theme.ViewRefreshIcon(), func() {
		s.reset(s.sections[s.current])
	})
	f.reset.Importance = widget.LowImportance
	f.reset.Hide()
	f.root = heading(lang.L("Settings"), f.reset, container.New(layout.NewGridWrapLayout(fyne.NewSize(230, 36)), f.entry))
	s.u.window.Canvas().AddShortcut(findKey, func(fyne.Shortcut) { f.begin() })
	return f
}

// words are what is searched for, in small letters.
func (f *finder) words() []string { return strings.Fields(strings.ToLower(f.entry.Text)) }

// begin leads the keyboard to the search of clips where those are shown, else to that of the settings, which it opens.
func (f *finder) begin() {
	if f.s.u.firstRun != nil {
		return // the settings look at screens, which nobody has agreed to yet
	}
	if f.s.u.nav != nil && f.s.u.nav.current == pageClips {
		f.s.u.window.Canvas().Focus(f.s.u.clips.search)
		return
	}
	if f.s.u.nav != nil {
		f.s.u.nav.choose(pageSettings)
	}
	f.s.u.window.Canvas().Focus(f.entry)
	f.entry.TypedShortcut(&fyne.ShortcutSelectAll{})
}

// searchEntry is the search's text field: Escape ends the search, Enter and Down lead to what was found.
type searchEntry struct {
	widget.Entry
	s *settings
}

// TypedKey is Escape, Enter or Down, or belongs to the text.
func (e *searchEntry) TypedKey(k *fyne.KeyEvent) {
	switch k.Name {
	case fyne.KeyEscape:
		e.SetText("")
		e.s.u.window.Canvas().Focus(e.s.sections[e.s.current].tab)
	case fyne.KeyDown, fyne.KeyReturn, fyne.KeyEnter:
		if first := firstFocusable(e.s.scroll.Content); first != nil {
			e.s.u.window.Canvas().Focus(first)
		}
	default:
		e.Entry.TypedKey(k)
	}
}

// firstFocusable is the first control that can take the keyboard and is visible.
func firstFocusable(o fyne.CanvasObject) fyne.Focusable {
	if !o.Visible() {
		return nil
	}
	if d, is := o.(fyne.Disableable); is && d.Disabled() {
		return nil
	}
	if f, is := o.(fyne.Focusable); is {
		return f
	}
	switch o := o.(type) {
	case *fyne.Container:
		for _, inner := range o.Objects {
			if f := firstFocusable(inner); f != nil {
				return f
			}
		}
	case *container.Scroll:
		return firstFocusable(o.Content)
	case *surface:
		return firstFocusable(o.inside)
	}
	return nil
}

// tab leads to a page. Arrows go from one to the next.
type tab struct {
	pushButton
	s     *settings
	title string
	icon  fyne.Resource
	// wrong says that the page has a wrong setting, small that there is no room for the icon.
	wrong, small bool
}

func newTab(s *settings, title string, icon fyne.Resource) *tab {
	t := &tab{s: s, title: title, icon: icon}
	t.Text, t.Icon, t.Alignment, t.Importance = title, icon, widget.ButtonAlignLeading, widget.LowImportance
	t.ExtendBaseWidget(t)
	t.OnTapped = func() { s.open(t.index()) }
	return t
}

func (t *tab) index() int {
	return slices.IndexFunc(t.s.sections, func(p *section) bool { return p.tab == t })
}

func (t *tab) mark(on bool) {
	want := widget.LowImportance
	if on {
		want = widget.MediumImportance
	}
	if t.Importance != want {
		t.Importance = want
		t.Refresh()
	}
}

// warn shows that the page has a setting that is wrong.
func (t *tab) warn(on bool) {
	t.wrong = on
	t.drawIcon()
}

func (t *tab) drawIcon() {
	icon := t.icon
	switch {
	case t.wrong:
		icon = theme.NewErrorThemedResource(theme.ErrorIcon())
	case t.small:
		icon = nil
	}
	if (t.Icon == nil) != (icon == nil) || icon != nil && t.Icon.Name() != icon.Name() {
		t.SetIcon(icon)
	}
}

// TypedKey moves to the page above or below.
func (t *tab) TypedKey(k *fyne.KeyEvent) {
	i := t.index()
	switch k.Name {
	case fyne.KeyDown, fyne.KeyRight:
		i++
	case fyne.KeyUp, fyne.KeyLeft:
		i--
	default:
		t.pushButton.TypedKey(k)
		return
	}
	if i >= 0 && i < len(t.s.sections) {
		t.s.open(i)
		t.s.u.window.Canvas().Focus(t.s.sections[i].tab)
	}
}

// tabs lays out the list of pages beside the page, or above it where there is little room.
type tabs struct {
	s      *settings
	list   *fyne.Container
	choice *container.Scroll
	narrow bool
}

const (
	tabsWidth = 158
	// narrowBelow is the width below which the list of pages is above the page.
	narrowBelow = 600
	// barRoom is the room for the bar of tabs that do not fit.
	barRoom = 8
	// aroundRows is what of a page's width is not the rows': the bar of the scroll and the padding of the cards.
	aroundRows = 12 + 2*10
)

func newTabs(s *settings) *tabs {
	t := &tabs{s: s, list: container.NewVBox()}
	for _, p := range s.sections {
		t.list.Add(p.tab)
	}
	t.choice = container.NewHScroll(container.NewHBox())
	t.choice.Hide()
	return t
}

func (t *tabs) has(f fyne.Focusable) bool {
	return slices.ContainsFunc(t.s.sections, func(p *section) bool { return f == fyne.Focusable(p.tab) })
}

// follow scrolls to the current page's tab where they do not all fit.
func (t *tabs) follow() {
	if tab := t.s.sections[t.s.current].tab; t.narrow {
		x, width := tab.Position().X, t.choice.Size().Width
		t.choice.ScrollToOffset(fyne.NewPos(max(min(t.choice.Offset.X, x), x+tab.Size().Width-width), 0))
	}
}

// Layout puts the list where there is room for it.
func (t *tabs) Layout(o []fyne.CanvasObject, size fyne.Size) {
	if narrow := size.Width < narrowBelow; narrow != t.narrow {
		t.narrow = narrow
		row := container.NewHBox()
		t.list.RemoveAll()
		for _, p := range t.s.sections {
			p.tab.small = narrow
			p.tab.drawIcon()
			if narrow {
				row.Add(p.tab)
			} else {
				t.list.Add(p.tab)
			}
		}
		t.choice.Content = container.New(layout.NewCustomPaddedLayout(0, barRoom, 0, 0), row)
		setShown(t.list, !narrow)
		setShown(t.choice, narrow)
		t.choice.Refresh()
		t.s.showSections(t.s.find.words())
	}
	list, choice, body := o[0], o[1], o[2]
	if t.narrow {
		t.s.rowWidth = size.Width - aroundRows
		h := choice.MinSize().Height
		choice.Move(fyne.NewPos(0, 0))
		choice.Resize(fyne.NewSize(size.Width, h))
		body.Move(fyne.NewPos(0, h+4))
		body.Resize(fyne.NewSize(size.Width, size.Height-h-4))
		return
	}
	t.s.rowWidth = size.Width - tabsWidth - 14 - aroundRows
	list.Move(fyne.NewPos(0, 6))
	list.Resize(fyne.NewSize(tabsWidth, list.MinSize().Height))
	body.Move(fyne.NewPos(tabsWidth+14, 0))
	body.Resize(fyne.NewSize(size.Width-tabsWidth-14, size.Height))
}

// MinSize is what the page needs with the list above it.
func (t *tabs) MinSize(o []fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(o[2].MinSize().Width, 160)
}

// pushButton is a button that Enter presses, too.
type pushButton struct{ widget.Button }

func newPushButton(text string, icon fyne.Resource, tapped func()) *pushButton {
	b := &pushButton{}
	b.Text, b.Icon, b.OnTapped = text, icon, tapped
	b.ExtendBaseWidget(b)
	return b
}

// TypedKey presses by Enter.
func (b *pushButton) TypedKey(k *fyne.KeyEvent) {
	if k.Name == fyne.KeyReturn || k.Name == fyne.KeyEnter {
		b.Tapped(nil)
		return
	}
	b.Button.TypedKey(k)
}
