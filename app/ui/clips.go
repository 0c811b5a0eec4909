package ui

import (
	"fmt"
	"os"
	"slices"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/hindsight-app/hindsight/app/library"
	"github.com/hindsight-app/hindsight/app/locale"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/capture/clip"
)

// clips is the page of saved files: a grid with a search, filters, and what can be done with those that are chosen.
type clips struct {
	u       *UI
	root    fyne.CanvasObject
	grid    *clipGrid
	cell    fyne.Size // of a tile
	thumbs  *thumbs
	scrub   *scrub
	actions []clipAction
	tools   []*tipButton // of actions with toolbar, in their order
	undoBar *undoBar

	search   *clipSearch
	kind     *widget.Select
	programs *widget.Select
	dates    *widget.Select
	order    *widget.Select
	starred  *tipButton
	count    *widget.Label
	none     *tipButton // unchooses all
	head     fyne.CanvasObject
	team     *widget.Button
	empty    *emptyClips

	view  library.View
	all   library.Snapshot
	known []string // programs in the filter
	quota int      // GB
}

func newClips(u *UI) *clips {
	c := &clips{u: u, count: muted(""), actions: clipActions(), cell: fyne.NewSize(leastCell, leastCell)}
	c.thumbs = newThumbs(u, c.redraw)
	c.scrub = newScrub(u, c.redraw)
	c.grid = newClipGrid(c)
	c.empty = newEmptyClips(c)
	c.undoBar = newUndoBar(u)
	c.search = newClipSearch(c)
	open := widget.NewButtonWithIcon(lang.L("Open folder"), theme.FolderOpenIcon(), c.openFolder)
	c.team = newTeamButton(c.u)
	search := container.New(layout.NewGridWrapLayout(fyne.NewSize(200, 36)), c.search)
	c.head = heading(lang.L("Clips"), search, c.team, open)
	c.root = container.NewBorder(
		container.NewVBox(c.head, container.New(&flow{gap: 6}, c.filters()...),
			c.toolbar()),
		nil, nil, nil,
		container.NewStack(container.New(&cells{c}, c.grid), c.empty.root,
			container.NewBorder(nil, container.NewCenter(c.undoBar.root), nil, nil)))
	c.chosenChanged()
	return c
}

// filters are what chooses which clips are shown.
func (c *clips) filters() []fyne.CanvasObject {
	kinds := []clip.Kind{"", clip.Replay, clip.Recorded, clip.Screenshot, clip.Trimmed}
	c.kind = widget.NewSelect([]string{lang.L("All clips"), lang.L("Replays"), lang.L("Recordings"),
		lang.L("Screenshots"), lang.L("Trimmed clips")}, nil)
	c.programs = widget.NewSelect([]string{lang.L("All programs")}, nil)
	c.dates = widget.NewSelect([]string{lang.L("Any time"), lang.L("Today"), lang.L("Last 7 days"), lang.L("Last 30 days"),
		lang.L("This year")}, nil)
	orders := []library.View{{}, {Reverse: true}, {Order: library.ByName}, {Order: library.ByLength},
		{Order: library.BySize}, {Order: library.ByProgram}}
	c.order = widget.NewSelect([]string{lang.L("Newest first"), lang.L("Oldest first"), lang.L("By name"),
		lang.L("Longest first"), lang.L("Largest first"), lang.L("By program")}, nil)
	for _, s := range []*widget.Select{c.kind, c.programs, c.dates, c.order} {
		s.SetSelectedIndex(0)
		s.PlaceHolder = slices.MaxFunc(s.Options, func(a, b string) int { return len(a) - len(b) }) // its width
	}
	c.kind.OnChanged = func(string) { c.see(func(v *library.View) { v.Kind = kinds[c.kind.SelectedIndex()] }) }
	c.programs.OnChanged = func(name string) {
		if c.programs.SelectedIndex() == 0 {
			name = ""
		}
		c.see(func(v *library.View) { v.Program = name })
	}
	c.dates.OnChanged = func(string) { c.see(func(*library.View) {}) }
	c.order.OnChanged = func(string) {
		o := orders[c.order.SelectedIndex()]
		c.see(func(v *library.View) { v.Order, v.Reverse = o.Order, o.Reverse })
	}
	c.starred = newTipButton(c.u.tips, lang.L("Show starred clips only"), starEmpty, func() {
		c.see(func(v *library.View) { v.Starred = !v.Starred })
	})
	return []fyne.CanvasObject{c.kind, c.programs, c.dates, c.starred, c.order}
}

// since is the begin of a choice of dates.
func since(choice int, now time.Time) time.Time {
	year, month, day := now.Date()
	today := time.Date(year, month, day, 0, 0, 0, 0, now.Location())
	switch choice {
	case 1:
		return today
	case 2:
		return today.AddDate(0, 0, -6)
	case 3:
		return today.AddDate(0, 0, -29)
	case 4:
		return time.Date(year, 1, 1, 0, 0, 0, 0, now.Location())
	}
	return time.Time{}
}

// toolbar says how many clips there are, and what can be done with the chosen ones.
func (c *clips) toolbar() fyne.CanvasObject {
	row := container.NewHBox()
	for _, a := range c.actions {
		if !a.toolbar {
			continue
		}
		b := newTipButton(c.u.tips, a.label+a.keyHint(), a.icon, func() { c.act(a.id) })
		b.Importance = widget.LowImportance
		c.tools = append(c.tools, b)
		row.Add(b)
	}
	c.none = newTipButton(c.u.tips, lang.L("Clear selection"), theme.CancelIcon(), c.grid.chooseNone)
	c.none.Importance = widget.LowImportance
	height := gap(38)
	return container.NewBorder(nil, nil, container.NewHBox(height, container.NewCenter(c.count)), row,
		container.NewHBox(c.none))
}

func (c *clips) content() fyne.CanvasObject { return c.root }

// enter looks whether something came that the file system did not report.
func (c *clips) enter() {
	c.u.parts.Library.Refresh()
	c.u.parts.Server.Refresh()
	for path := range c.thumbs.made {
		c.thumbs.forget(path)
	}
	c.load()
}

func (c *clips) update(s session.Snapshot) {
	if setShown(c.team, s.Settings.Sharing.BackendURL != "") {
		c.head.Refresh() // for the others to move
	}
	if c.quota != s.Settings.Clips.QuotaGB {
		c.quota = s.Settings.Clips.QuotaGB
		c.chosenChanged()
	}
}

// load shows what the library knows.
func (c *clips) load() {
	c.view.From = since(c.dates.SelectedIndex(), time.Now()) // the day may be another one by now
	c.all = c.u.parts.Library.Snapshot()
	known := library.Programs(c.all.Items)
	if !slices.Equal(known, c.known) {
		c.known = known
		c.programs.SetOptions(append([]string{lang.L("All programs")}, known...))
	}
	c.grid.set(c.view.Of(c.all.Items))
	c.chosenChanged()
	c.empty.show(c.all, c.view, len(c.grid.items))
}

// see changes which clips are shown.
func (c *clips) see(change func(*library.View)) {
	change(&c.view)
	importance, icon := widget.MediumImportance, starEmpty
	if c.view.Starred {
		importance, icon = widget.HighImportance, starFull
	}
	if c.starred.Importance != importance {
		c.starred.Importance = importance
		c.starred.SetIcon(icon)
	}
	c.load()
	c.grid.ScrollToTop()
}

// seeAll takes away all filters.
func (c *clips) seeAll() {
	for _, s := range []*widget.Select{c.kind, c.programs, c.dates} {
		s.SetSelectedIndex(0)
	}
	c.search.SetText("")
	c.see(func(v *library.View) { *v = library.View{Order: v.Order, Reverse: v.Reverse} })
}

// chosenChanged says how many clips there are or are chosen, and what can be done with them.
func (c *clips) chosenChanged() {
	picked := c.grid.picked()
	setText(c.count, c.counted(picked))
	setShown(c.none, len(picked) > 0)
	n := 0
	for _, a := range c.actions {
		if a.toolbar {
			setEnabled(c.tools[n], len(picked) > 0 && a.usable(picked))
			n++
		}
	}
}

func (c *clips) counted(picked []library.Item) string {
	if len(picked) > 0 {
		return lang.N("{{.PluralCount}} selected", len(picked)) + chosenSize(picked)
	}
	items, text := c.all.Items, lang.N("{{.PluralCount}} clips", len(c.all.Items))
	if !c.view.All() {
		items = c.grid.items
		text = lang.L("{{.Shown}} of {{.All}} clips", map[string]any{"Shown": len(items), "All": len(c.all.Items)})
	}
	here, size := total(items)
	said := locale.Size(size)
	if c.quota > 0 && c.view.All() {
		said = lang.L("{{.Size}} of {{.Limit}} GB", map[string]any{"Size": said, "Limit": c.quota})
	}
	switch {
	case here == len(items):
		return text + " · " + said
	case here == 0:
		return text + " · " + lang.L("on the server")
	}
	return text + " · " + lang.L("{{.Size}} here", map[string]any{"Size": said})
}

// total is how many of the clips are here, and what they take.
func total(items []library.Item) (here int, bytes int64) {
	for _, i := range items {
		if i.Path != "" {
			here++
			bytes += i.Bytes
		}
	}
	return here, bytes
}

// chosenSize is what the clips take, here or on the server, which may not know it of all.
func chosenSize(items []library.Item) string {
	bytes, all := int64(0), true
	for _, i := range items {
		bytes += i.Bytes
		all = all && sizeKnown(i)
	}
	switch {
	case all:
		return " · " + locale.Size(bytes)
	case bytes > 0:
		return " · " + lang.L("{{.Size}} or more", map[string]any{"Size": locale.Size(bytes)})
	}
	return ""
}

// sizeKnown is false for a clip of which the server has not said how large it is.
func sizeKnown(i library.Item) bool { return i.Path != "" || i.Bytes > 0 }

// redraw draws one clip again.
func (c *clips) redraw(path string) {
	if t := c.grid.of(path); t != nil {
		t.Refresh()
	}
}

// act does something with the chosen clips, if it can be done with them.
func (c *clips) act(id string) {
	picked := c.grid.picked()
	i := slices.IndexFunc(c.actions, func(a clipAction) bool { return a.id == id })
	if i >= 0 && len(picked) > 0 && c.actions[i].usable(picked) {
		c.actions[i].run(c.u, picked)
	}
}

// key does what a key is for.
func (c *clips) key(name fyne.KeyName, mod fyne.KeyModifier) {
	if name == fyne.KeyEnter {
		name = fyne.KeyReturn
	}
	for _, a := range c.actions {
		if a.key == name && a.mod == mod && a.key != "" {
			c.act(a.id)
			return
		}
	}
}

// menu shows what can be done with the chosen clips.
func (c *clips) menu(at fyne.Position) {
	picked := c.grid.picked()
	if len(picked) == 0 {
		return
	}
	var items []*fyne.MenuItem
	for _, a := range c.actions {
		if a.group {
			items = append(items, fyne.NewMenuItemSeparator())
		}
		// Fyne writes a menu's keys in a color that cannot be read.
		item := fyne.NewMenuItemWithIcon(a.label+a.keyHint(), a.icon, func() { c.act(a.id) })
		item.Disabled = !a.usable(picked)
		items = append(items, item)
	}
	widget.ShowPopUpMenuAtPosition(fyne.NewMenu("", items...), c.u.window.Canvas(), at)
}

// undo takes back what was moved to the trash last.
func (c *clips) undo() { c.undoBar.do() }

func (c *clips) openFolder() {
	folder := c.u.parts.Feed.Snapshot().Folder
	c.u.do(lang.L("Couldn't open folder"), func() error {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return fmt.Errorf("the folder %s can't be created: %w", folder, err)
		}
		return c.u.parts.Open(folder)
	})
}

// libraryChanged is called on the main goroutine after the list of clips has changed.
func (u *UI) libraryChanged() {
	u.recent.load()
	if u.shown.Load() && u.firstRun == nil && u.nav.current == pageClips {
		u.clips.load()
	}
}

// followLibrary hands changes of the list over, until Close: to a window that nobody sees only those of the newest
// clips, which the tray's menu shows.
func (u *UI) followLibrary() {
	changed, stop := u.parts.Library.Watch()
	defer stop()
	var newest []string
	taken := make(chan struct{}, 1)
	taken <- struct{}{}
	for first := true; ; first = false {
		if !first { // what was read before is to be shown as well
			select {
			case <-changed:
			case <-u.ctx.Done():
				return
			}
		}
		now := newestIDs(u.parts.Library.Snapshot().Items)
		if !u.shown.Load() && slices.Equal(now, newest) {
			continue
		}
		newest = now
		select { // Fyne's queue has no bound
		case <-taken:
		case <-u.ctx.Done():
			return
		}
		u.main(func() {
			taken <- struct{}{}
			u.libraryChanged()
		})
	}
}

func newestIDs(items []library.Item) (ids []string) {
	for _, i := range items[:min(len(items), 2*mostRecent)] {
		ids = append(ids, i.ID())
	}
	return ids
}

// emptyClips is what is shown in the place of clips.
type emptyClips struct {
	root        *fyne.Container
	title, hint *widget.Label
	clear       *widget.Button
}

func newEmptyClips(c *clips) *emptyClips {
	e := &emptyClips{title: widget.NewLabel(""), hint: muted("")}
	e.title.TextStyle.Bold, e.title.Alignment = true, fyne.TextAlignCenter
	e.title.SizeName = theme.SizeNameSubHeadingText
	e.hint.Alignment = fyne.TextAlignCenter
	icon := canvas.NewImageFromResource(theme.NewDisabledResource(theme.MediaVideoIcon()))
	icon.FillMode = canvas.ImageFillContain
	icon.SetMinSize(fyne.NewSquareSize(72))
	e.clear = widget.NewButton(lang.L("Clear filters"), c.seeAll)
	e.root = container.NewCenter(container.NewVBox(icon, e.title, e.hint, container.NewCenter(e.clear)))
	e.root.Hide()
	return e
}

// show says why there are no clips, where there are none.
func (e *emptyClips) show(s library.Snapshot, v library.View, shown int) {
	title, hint := lang.L("No clips yet"), lang.L("Save a replay and the clip appears here.")
	switch {
	case !v.All() && len(s.Items) > 0:
		title, hint = lang.L("No clips match"), lang.L("Try another word or fewer filters.")
	case s.Err != nil:
		title, hint = lang.L("The clip folder can't be read"), wording(s.Err)
	case !s.Read:
		title, hint = lang.L("Looking for clips…"), ""
	}
	setText(e.title, title)
	setText(e.hint, hint)
	setShown(e.clear, !v.All() && len(s.Items) > 0)
	setShown(e.root, shown == 0)
}

// clipSearch is the search's text field. Escape ends the search, Down and Enter lead to what was found.
type clipSearch struct {
	widget.Entry
	c *clips
}

func newClipSearch(c *clips) *clipSearch {
	s := &clipSearch{c: c}
	s.ExtendBaseWidget(s)
	s.Wrapping = fyne.TextWrap(fyne.TextTruncateClip)
	s.Icon = theme.SearchIcon()
	s.SetPlaceHolder(lang.L("Search clips"))
	s.OnChanged = func(text string) { c.see(func(v *library.View) { v.Text = text }) }
	return s
}

// TypedKey is Escape, Enter or Down, or belongs to the text.
func (s *clipSearch) TypedKey(k *fyne.KeyEvent) {
	switch k.Name {
	case fyne.KeyEscape:
		s.SetText("")
		s.c.u.window.Canvas().Focus(s.c.grid)
	case fyne.KeyReturn, fyne.KeyEnter, fyne.KeyDown:
		s.c.u.window.Canvas().Focus(s.c.grid)
		s.c.grid.move(s.c.grid.cursor, 0)
	default:
		s.Entry.TypedKey(k)
	}
}

// flow puts objects beside each other, and on further lines where there is no room.
type flow struct {
	gap   float32
	width float32 // at the last layout, which is what the height depends on
}

func (l *flow) each(objects []fyne.CanvasObject, width float32, place func(fyne.CanvasObject, fyne.Position,
	fyne.Size)) (height float32) {
	var x, y, line float32
	for _, o := range objects {
		least := o.MinSize()
		if x > 0 && width > 0 && x+least.Width > width {
			x, y, line = 0, y+line+l.gap, 0
		}
		place(o, fyne.NewPos(x, y), least)
		x, line = x+least.Width+l.gap, max(line, least.Height)
	}
	return y + line
}

func (l *flow) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	l.width = size.Width
	l.each(objects, size.Width, func(o fyne.CanvasObject, p fyne.Position, s fyne.Size) {
		o.Move(p)
		o.Resize(s)
	})
}

func (l *flow) MinSize(objects []fyne.CanvasObject) (least fyne.Size) {
	least.Height = l.each(objects, l.width, func(o fyne.CanvasObject, _ fyne.Position, s fyne.Size) {
		least.Width = max(least.Width, s.Width)
	})
	return least
}
