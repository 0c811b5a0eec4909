package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"github.com/hindsight-app/hindsight/app/library"
)

// clipGrid shows tiles of clips, of which any number can be chosen, by the mouse and the keyboard as in a file manager.
// Fyne's grid makes only as many tiles as are visible.
type clipGrid struct {
	widget.GridWrap
	c     *clips
	items []library.Item
	// chosen are the ids of chosen clips; cursor is where the keyboard is, anchor where a range begins.
	chosen         map[string]bool
	cursor, anchor int
	focused        bool
	tiles          map[int]*clipTile // that are visible, some of them no longer
}

func newClipGrid(c *clips) *clipGrid {
	g := &clipGrid{c: c, chosen: map[string]bool{}, tiles: map[int]*clipTile{}}
	g.Length = func() int { return len(g.items) }
	g.CreateItem = func() fyne.CanvasObject { return newClipTile(c) }
	g.UpdateItem = func(i widget.GridWrapItemID, o fyne.CanvasObject) {
		t, ok := o.(*clipTile)
		if !ok || i >= len(g.items) {
			return
		}
		if g.tiles[t.index] == t {
			delete(g.tiles, t.index)
		}
		g.tiles[i] = t
		t.show(i, g.items[i])
	}
	g.ExtendBaseWidget(g)
	return g
}

// set shows other clips. What is chosen stays so as far as it is there.
func (g *clipGrid) set(items []library.Item) {
	var under string
	if g.cursor < len(g.items) {
		under = g.items[g.cursor].ID()
	}
	g.items = items
	still := map[string]bool{}
	for i, item := range items {
		id := item.ID()
		if g.chosen[id] {
			still[id] = true
		}
		if id == under {
			g.cursor, g.anchor = i, i
		}
	}
	g.chosen = still
	g.cursor = max(0, min(g.cursor, len(items)-1))
	g.anchor = max(0, min(g.anchor, len(items)-1))
	clear(g.tiles)
	g.Refresh()
}

// picked are the chosen clips, in the order of the grid.
func (g *clipGrid) picked() []library.Item {
	out := make([]library.Item, 0, len(g.chosen))
	for _, i := range g.items {
		if g.chosen[i.ID()] {
			out = append(out, i)
		}
	}
	return out
}

// redraw draws the visible tiles again, without asking for their clips.
func (g *clipGrid) redraw() {
	for i, t := range g.tiles {
		if t.index == i {
			t.Refresh()
		}
	}
}

// of is the visible tile of a clip, nil where there is none.
func (g *clipGrid) of(path string) *clipTile {
	for i, t := range g.tiles {
		if t.index == i && t.item.Path == path {
			return t
		}
	}
	return nil
}

// pressed is a mouse button over a tile.
func (g *clipGrid) pressed(i int, b desktop.MouseButton, mod fyne.KeyModifier) {
	if i >= len(g.items) {
		return
	}
	if c := fyne.CurrentApp().Driver().CanvasForObject(g); c != nil {
		c.Focus(g)
	}
	id := g.items[i].ID()
	switch {
	case b == desktop.MouseButtonSecondary && g.chosen[id]: // the menu is for all that are chosen
		g.cursor = i
	case mod&fyne.KeyModifierShift != 0:
		g.choose(g.anchor, i, mod&fyne.KeyModifierShortcutDefault != 0)
		g.cursor = i
	case mod&fyne.KeyModifierShortcutDefault != 0:
		if g.chosen[id] {
			delete(g.chosen, id)
		} else {
			g.chosen[id] = true
		}
		g.cursor, g.anchor = i, i
	default:
		g.choose(i, i, false)
		g.cursor, g.anchor = i, i
	}
	g.changed()
}

// choose chooses all from one to another, in place of those chosen before or beside them.
func (g *clipGrid) choose(from, to int, beside bool) {
	if !beside {
		clear(g.chosen)
	}
	for i := min(from, to); i <= max(from, to) && i < len(g.items); i++ {
		g.chosen[g.items[i].ID()] = true
	}
}

func (g *clipGrid) chooseAll() {
	g.choose(0, len(g.items)-1, false)
	g.changed()
}

func (g *clipGrid) chooseNone() {
	clear(g.chosen)
	g.changed()
}

func (g *clipGrid) changed() {
	g.redraw()
	g.c.chosenChanged()
}

// FocusGained shows where the keyboard is.
func (g *clipGrid) FocusGained() { g.focused = true; g.redraw() }

// FocusLost ends that.
func (g *clipGrid) FocusLost() { g.focused = false; g.redraw() }

// TypedKey moves through the clips, with Shift choosing all on the way and with Ctrl none, or is an action's.
func (g *clipGrid) TypedKey(e *fyne.KeyEvent) {
	if to, moves := g.target(e.Name); moves {
		g.move(to, g.modifiers())
		return
	}
	switch e.Name {
	case fyne.KeySpace:
		g.pressed(g.cursor, desktop.MouseButtonPrimary, fyne.KeyModifierShortcutDefault)
	case fyne.KeyEscape:
		g.chooseNone()
	default:
		g.c.key(e.Name, 0)
	}
}

// modifiers are the keys that are held.
func (g *clipGrid) modifiers() fyne.KeyModifier {
	if d, ok := fyne.CurrentApp().Driver().(desktop.Driver); ok {
		return d.CurrentKeyModifiers()
	}
	return 0
}

// target is where a key leads to.
func (g *clipGrid) target(key fyne.KeyName) (to int, moves bool) {
	columns := g.ColumnCount()
	rows := max(1, int(g.Size().Height/(g.c.cell.Height+4)))
	switch key {
	case fyne.KeyLeft:
		to = g.cursor - 1
	case fyne.KeyRight:
		to = g.cursor + 1
	case fyne.KeyUp:
		if to = g.cursor - columns; to < 0 {
			to = g.cursor
		}
	case fyne.KeyDown:
		if to = g.cursor + columns; to >= len(g.items) && (len(g.items)-1)/columns == g.cursor/columns {
			to = g.cursor
		}
	case fyne.KeyPageUp:
		to = g.cursor - rows*columns
	case fyne.KeyPageDown:
		to = g.cursor + rows*columns
	case fyne.KeyHome:
		to = 0
	case fyne.KeyEnd:
		to = len(g.items) - 1
	default:
		return 0, false
	}
	return max(0, min(to, len(g.items)-1)), true
}

// move leads the keyboard to a clip. Where nothing is chosen yet, the first key chooses the clip it is at.
func (g *clipGrid) move(to int, mod fyne.KeyModifier) {
	if len(g.items) == 0 {
		return
	}
	if len(g.chosen) == 0 && mod == 0 && g.cursor == 0 {
		to = 0
	}
	g.cursor = to
	switch {
	case mod&fyne.KeyModifierShift != 0:
		g.choose(g.anchor, to, false)
	case mod&fyne.KeyModifierShortcutDefault == 0:
		g.choose(to, to, false)
		g.anchor = to
	}
	g.ScrollTo(to)
	g.changed()
}

// TypedRune takes no text.
func (g *clipGrid) TypedRune(rune) {}

// TypedShortcut is an action's, or chooses.
func (g *clipGrid) TypedShortcut(s fyne.Shortcut) {
	switch s := s.(type) {
	case *fyne.ShortcutSelectAll:
		g.chooseAll()
	case *fyne.ShortcutCopy:
		g.c.key(fyne.KeyC, fyne.KeyModifierShortcutDefault)
	case *fyne.ShortcutCut:
		if s.Secondary { // Shift+Delete
			g.c.key(fyne.KeyDelete, 0)
		}
	case *fyne.ShortcutUndo:
		g.c.undo()
	case *desktop.CustomShortcut:
		if to, moves := g.target(s.KeyName); moves {
			g.move(to, s.Modifier)
		} else if s.ShortcutName() == findKey.ShortcutName() {
			g.c.u.window.Canvas().Focus(g.c.search)
		} else {
			g.c.key(s.KeyName, s.Modifier)
		}
	}
}

// cells gives the grid's clips the whole width: as many columns as there is room for, each as wide as all others.
type cells struct{ c *clips }

const (
	leastCell  = 196 // the narrowest tile
	gridBorder = 12  // for the bar of the scroll
)

func (l *cells) Layout(o []fyne.CanvasObject, size fyne.Size) {
	c, padding := l.c, float32(4)
	width := size.Width - gridBorder
	columns := max(1, int((width+padding)/(leastCell+padding)))
	w := float32(int((width - float32(columns-1)*padding) / float32(columns)))
	cell := fyne.NewSize(w, (w-2*tileMargin)*9/16+2*tileMargin+tileText)
	for _, x := range o {
		x.Move(fyne.NewPos(0, 0))
	}
	changed := cell != c.cell
	if changed {
		c.cell = cell
		if canvas := c.u.window.Canvas(); canvas != nil {
			c.thumbs.resize(min(int(w*canvas.Scale()), mostThumbPixels))
		}
		c.grid.Refresh() // takes the new size of cells
	}
	for _, x := range o {
		x.Resize(size)
	}
	if changed {
		c.grid.Refresh() // what the grid knows of its height was for other columns
	}
}

func (l *cells) MinSize([]fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(leastCell+gridBorder, 150)
}
