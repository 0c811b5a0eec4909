package ui

import (
	"context"
	"fmt"
	"image/color"
	"path/filepath"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/layout"
	fynestorage "fyne.io/fyne/v2/storage"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/locale"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/app/storage"
	"github.com/hindsight-app/hindsight/capture/clip"
)

// Storage knows where clips are and what takes how much. Its errors are messages.
type Storage interface {
	// Usage measures the clip folder, Server asks the server, which may take seconds; nil where none is set.
	Usage() (storage.Usage, error)
	Server(context.Context) *storage.Server
	// Excess is what a storage limit in bytes would delete, the oldest first.
	Excess(limit int64) ([]clip.Clip, error)
	// Move moves all clips to another folder, which becomes the clip folder, MoveLeft those that are still in the one
	// before; both return when that has begun. Progress is how far it is, false while nothing moves.
	Move(ctx context.Context, to string) error
	MoveLeft(context.Context) error
	Progress() (storage.Progress, bool)
	// Retry goes on with a move that has stopped, Cancel moves everything back.
	Retry()
	Cancel(context.Context) error
	// ForgetLeft ends that clips in the folder before are mentioned.
	ForgetLeft()
}

// storagePage is where clips go and what they take. It belongs to the main goroutine.
type storagePage struct {
	s           *settings
	place, used *fields
	limit       *fields

	folder, quota *input
	free, away    *widget.Label
	awayLine      *line
	move          *pushButton
	moveLine      *line

	// moving is a move in progress.
	moving     *line
	bar        *bar
	movingText *widget.Label
	cancel     *pushButton
	retry      *pushButton
	watching   bool

	// left is about the folder before, whose clips here moves.
	left     *widget.Label
	here     *pushButton
	leftLine *line

	shares *shares
	amount map[clip.Kind]*widget.Label
	others *widget.Label
	backup *widget.Label
	server *widget.Label

	foreseen *widget.Label
	gone     *pushButton
	goneLine *line

	usage storage.Usage
	known bool // usage has been measured
	// about is what the usage was measured for, previewed the limit in bytes that was looked at last.
	about     usageOf
	measuring bool
	previewed int64
	looks     int // counts previews, so that only the newest is shown
	excess    []clip.Clip
}

// usageOf is what has to change for the usage to be measured again.
type usageOf struct {
	folder    string
	save      int
	recording bool
}

// partColors are those of the parts; they differ on dark and on light cards.
var partColors = map[clip.Kind]color.Color{clip.Replay: rgb(0x6f86ff), clip.Recorded: rgb(0xe5646b),
	clip.Trimmed: rgb(0xb07be8), clip.Screenshot: rgb(0x2fb3a0)}

var (
	othersColor = rgb(0x8a93a8)
	backupColor = rgb(0xe0a33c)
)

func newStoragePage(s *settings) *storagePage {
	p := &storagePage{s: s, place: &fields{s: s}, used: &fields{s: s}, limit: &fields{s: s},
		amount: map[clip.Kind]*widget.Label{}, previewed: -1}
	p.buildPlace()
	p.buildUsed()
	p.buildLimit()
	return p
}

func (p *storagePage) groups() []group { return []group{p.place, p.used, p.limit} }

func (p *storagePage) buildPlace() {
	f := p.place
	p.folder = p.s.newEntry("")
	browse := newTipButton(p.s.u.tips, lang.L("Choose folder…"), theme.FolderOpenIcon(), p.browse)
	at := f.setting("replay.folder", container.NewBorder(nil, nil, nil, browse, p.folder), lang.L("Folder"))
	f.bind(at, func(c config.Config) {
		p.folder.SetText(c.Replay.Folder)
		p.folder.SetPlaceHolder(c.ClipFolder())
	}, func(c *config.Config) error {
		c.Replay.Folder = p.folder.trimmed()
		return nil
	}, p.folder)
	p.free = f.note("")
	p.away = widget.NewLabel("")
	p.away.Wrapping = fyne.TextWrapWord
	p.away.Importance = widget.WarningImportance
	icon := widget.NewIcon(theme.NewWarningThemedResource(theme.WarningIcon()))
	p.awayLine = f.add(lang.L("Drive"), container.NewBorder(nil, nil, icon, nil, p.away))
	p.awayLine.show(false)

	p.move = newPushButton(lang.L("Move clips…"), theme.MailForwardIcon(), p.askMove)
	p.moveLine = f.row(lang.L("Move"), container.NewHBox(p.move), lang.L("Folder"))
	p.bar = newBar(theme.ColorNamePrimary, 8)
	p.movingText = widget.NewLabel("")
	p.movingText.Wrapping = fyne.TextWrapWord
	p.cancel = newPushButton(lang.L("Cancel"), theme.CancelIcon(), p.cancelMove)
	p.retry = newPushButton(lang.L("Try again"), theme.ViewRefreshIcon(), func() {
		p.s.u.parts.Storage.Retry()
		p.watch()
	})
	p.moving = f.row(lang.L("Moving"), container.NewVBox(gap(6), p.bar, p.movingText,
		container.NewHBox(p.cancel, p.retry)))
	p.moving.show(false)

	p.left = widget.NewLabel("")
	p.left.Wrapping = fyne.TextWrapWord
	p.here = newPushButton(lang.L("Move them here"), theme.MailForwardIcon(), func() {
		p.s.u.do(lang.L("Couldn't move clips"), func() error {
			err := p.s.u.parts.Storage.MoveLeft(p.s.u.ctx)
			p.s.u.main(p.watch)
			return err
		})
	})
	stay := newPushButton(lang.L("Leave them there"), theme.CancelIcon(), func() {
		p.s.u.parts.Storage.ForgetLeft()
		p.leftLine.show(false)
	})
	p.leftLine = f.row(lang.L("Folder before"), container.NewVBox(p.left, container.NewHBox(p.here, stay)))
	p.leftLine.show(false)
	f.card(lang.L("Clip folder"))
}

func (p *storagePage) buildUsed() {
	f := p.used
	p.shares = newShares(14)
	f.add(lang.L("Space used"), container.New(layout.NewCustomPaddedLayout(2, 6, 4, 4), p.shares.root))
	line := func(c color.Color, name string) *widget.Label {
		amount := widget.NewLabel("…")
		f.add(name, container.New(&formLayout{p.s}, named(c, name), amount))
		return amount
	}
	for _, part := range []struct {
		kind clip.Kind
		name string
	}{
		{clip.Replay, lang.L("Replays")}, {clip.Recorded, lang.L("Recordings")},
		{clip.Trimmed, lang.L("Edited clips")}, {clip.Screenshot, lang.L("Screenshots")},
	} {
		p.amount[part.kind] = line(partColors[part.kind], part.name)
	}
	p.others = line(othersColor, lang.L("Other files"))
	p.backup = line(backupColor, lang.L("Crash recovery"))
	p.server = line(color.Transparent, lang.L("On server"))
	f.card(lang.L("Space used"))
}

// named is a name behind a dot of a color.
func named(c color.Color, name string) fyne.CanvasObject {
	dot := canvas.NewRectangle(c)
	dot.CornerRadius = 5
	dot.SetMinSize(fyne.NewSquareSize(10))
	return container.NewBorder(nil, nil, container.New(layout.NewCustomPaddedLayout(0, 0, 8, 0),
		container.NewCenter(dot)), nil, oneLine(widget.NewLabel(name)))
}

func (p *storagePage) buildLimit() {
	f := p.limit
	p.quota = f.number("clips.quota_gb", lang.L("No limit"), lang.L("Enter a whole number of GB, or nothing for no limit"),
		func(c *config.Config) *int { return &c.Clips.QuotaGB })
	f.note(lang.L("Oldest unstarred clips are deleted first. Files that Hindsight didn't make stay."))
	p.foreseen = f.note("")
	p.gone = newPushButton(lang.L("Show which clips…"), theme.ListIcon(), p.showGone)
	p.goneLine = f.row("", container.NewHBox(p.gone), lang.L("Storage limit (GB)"))
	p.goneLine.show(false)
	f.card(lang.L("Storage limit"))
}

// browse chooses where new clips go.
func (p *storagePage) browse() {
	p.choose(lang.L("Save clips to"), func(path string) {
		p.folder.SetText(path)
		p.folder.complete()
	})
}

// choose lets the user choose a folder, starting at the one that is entered or used now, or the nearest above it that
// is there.
func (p *storagePage) choose(title string, chosen func(path string)) {
	at := p.folder.trimmed()
	if at == "" {
		at = p.s.loaded.ClipFolder()
	}
	d := dialog.NewFolderOpen(func(at fyne.ListableURI, err error) {
		if err == nil && at != nil {
			chosen(at.Path())
		}
	}, p.s.u.window)
	d.SetTitleText(title)
	d.SetConfirmText(lang.L("Choose"))
	for ; filepath.IsAbs(at); at = filepath.Dir(at) {
		folder, err := fynestorage.ListerForURI(fynestorage.NewFileURI(at))
		if err == nil {
			d.SetLocation(folder)
			break
		}
		if at == filepath.Dir(at) {
			break
		}
	}
	p.s.u.ask(d)
	d.Resize(fyne.NewSize(760, 520))
}

// askMove asks where to, and whether.
func (p *storagePage) askMove() {
	p.choose(lang.L("Move clips to"), func(to string) {
		files, bytes := p.usage.All()
		text := lang.L("{{.Files}}, {{.Size}}, move to {{.Folder}}, and new clips are saved there.",
			map[string]any{"Files": fileCount(files), "Size": locale.Size(bytes), "Folder": atHome(to)}) + "\n" +
			lang.L("Stars and links stay. You can cancel at any time; then everything is moved back.")
		d := dialog.NewConfirm(lang.L("Move clips?"), text, func(yes bool) {
			if yes {
				p.moveTo(to)
			}
		}, p.s.u.window)
		d.SetConfirmText(lang.L("Move"))
		d.SetDismissText(lang.L("Cancel"))
		p.s.u.ask(d)
	})
}

func (p *storagePage) moveTo(to string) {
	p.s.u.do(lang.L("Couldn't move clips"), func() error {
		err := p.s.u.parts.Storage.Move(p.s.u.ctx, to)
		p.s.u.main(p.watch)
		return err
	})
}

func (p *storagePage) cancelMove() {
	p.s.u.do(lang.L("Couldn't cancel move"), func() error {
		err := p.s.u.parts.Storage.Cancel(p.s.u.ctx)
		p.s.u.main(p.watch)
		return err
	})
}

// follow is called while the page is visible.
func (p *storagePage) follow(snap session.Snapshot) {
	now := usageOf{folder: snap.Folder, recording: snap.Recording != nil}
	if snap.LastSave != nil && snap.LastSave.Clip != nil {
		now.save = snap.LastSave.ID
	}
	if !p.known || now != p.about {
		p.about = now
		p.measure()
	}
	p.watch()
}

// measure looks at the folder beside the main goroutine.
func (p *storagePage) measure() {
	if p.measuring {
		return
	}
	p.measuring = true
	about := p.about
	p.s.u.do(lang.L("Couldn't measure clips"), func() error {
		u, err := p.s.u.parts.Storage.Usage()
		p.s.u.main(func() {
			p.measuring, p.known = false, true
			p.show(u)
			if p.about != about {
				p.measure()
			}
		})
		return err
	})
	p.s.u.wg.Go(func() {
		server := p.s.u.parts.Storage.Server(p.s.u.ctx)
		p.s.u.main(func() { setText(p.server, serverText(server)) })
	})
}

func serverText(s *storage.Server) string {
	switch {
	case s == nil:
		return lang.L("No server is set")
	case s.Error != "":
		return locale.Message(s.Error)
	}
	return amountText(s.Clips, s.Bytes)
}

func fileCount(n int) string { return lang.N("{{.PluralCount}} files", n) }

func amountText(files int, bytes int64) string {
	if files == 0 {
		return lang.L("None")
	}
	return fmt.Sprintf("%s · %s", fileCount(files), locale.Size(bytes))
}

func (p *storagePage) show(u storage.Usage) {
	p.usage = u
	p.previewed = -1 // there may be other clips
	free := ""
	if u.Total > 0 {
		free = lang.L("{{.Free}} of {{.Total}} free on this disk", map[string]any{"Free": locale.Size(u.Free),
			"Total": locale.Size(u.Total)})
	}
	setText(p.free, free)
	p.showAway(u)
	var parts []share
	for _, part := range u.Parts {
		text := amountText(part.Files, part.Bytes)
		setText(p.amount[part.Kind], text)
		parts = append(parts, share{partColors[part.Kind], part.Bytes})
	}
	if u.Away != "" {
		for _, l := range p.amount {
			setText(l, lang.L("Not connected"))
		}
		setText(p.others, lang.L("Not connected"))
	} else {
		others := amountText(u.Others.Files, u.Others.Bytes)
		if u.Others.Files > 0 {
			others += " · " + lang.L("not touched by Hindsight")
		}
		setText(p.others, others)
	}
	backup := lang.L("None")
	if u.Recovery > 0 {
		backup = locale.Size(u.Recovery)
	}
	setText(p.backup, backup)
	p.shares.set(append(parts, share{othersColor, u.Others.Bytes}, share{backupColor, u.Recovery}))
	if u.Left != "" {
		setText(p.left, lang.L("{{.Files}}, {{.Size}}, are still in {{.Folder}}.", map[string]any{
			"Files": fileCount(u.LeftPart.Files), "Size": locale.Size(u.LeftPart.Bytes), "Folder": atHome(u.Left)}))
	}
	p.leftLine.show(u.Left != "" && u.Move == nil)
	c, _ := p.s.entered()
	p.preview(c)
}

func (p *storagePage) showAway(u storage.Usage) {
	text := ""
	if u.Away != "" {
		text = locale.Message(session.Sentence(u.Away)) + " " +
			lang.L("Your clips are not lost: they are on that drive, and appear again with it.")
	}
	if n := len(u.Elsewhere); n > 0 {
		if text != "" {
			text += "\n"
		}
		text += lang.N("{{.PluralCount}} files are in another folder for now, and move into the clip folder when it "+
			"is there.", n)
	}
	setText(p.away, text)
	p.awayLine.show(text != "")
	setEnabled(p.move, u.Away == "")
}

// watch shows a move, as long as there is one and the page is visible.
func (p *storagePage) watch() {
	p.showMove()
	if _, moving := p.s.u.parts.Storage.Progress(); !moving || p.watching {
		return
	}
	p.watching = true
	p.s.u.watches.Go(func() {
		ticker := time.NewTicker(moveTick)
		defer ticker.Stop()
		again := make(chan bool, 1)
		for {
			select {
			case <-ticker.C:
			case <-p.s.u.ctx.Done():
				return
			}
			p.s.u.main(func() {
				_, moving := p.s.u.parts.Storage.Progress()
				p.showMove()
				p.watching = moving && p.s.shows(p.used)
				again <- p.watching
			})
			select {
			case more := <-again:
				if !more {
					return
				}
			case <-p.s.u.ctx.Done():
				return
			}
		}
	})
}

// moveTick is how often a move's progress is shown.
const moveTick = 300 * time.Millisecond

func (p *storagePage) showMove() {
	progress, moving := p.s.u.parts.Storage.Progress()
	was := p.moving.wanted
	p.moving.show(moving)
	p.moveLine.show(!moving)
	if !moving {
		if was {
			p.measure()
		}
		return
	}
	p.leftLine.show(false)
	p.bar.set(float64(progress.BytesDone)/float64(max(progress.Bytes, 1)), theme.ColorNamePrimary)
	setText(p.movingText, movingText(progress))
	setShown(p.retry, progress.Stopped)
	text := lang.L("Cancel and move back")
	if progress.Back {
		text = lang.L("Leave the rest where it is")
	}
	setButton(p.cancel, text, theme.CancelIcon())
	setShown(p.cancel, !progress.Back || progress.Stopped)
}

func movingText(m storage.Progress) string {
	to := lang.L("To {{.Folder}}", map[string]any{"Folder": atHome(m.To)})
	if m.Back {
		to = lang.L("Back to {{.Folder}}", map[string]any{"Folder": atHome(m.To)})
	}
	text := to + "\n" + lang.L("{{.Done}} of {{.Files}} · {{.DoneSize}} of {{.Size}}", map[string]any{
		"Done": m.FilesDone, "Files": fileCount(m.Files), "DoneSize": locale.Size(m.BytesDone),
		"Size": locale.Size(m.Bytes)})
	if m.Waits != "" {
		return text + "\n" + locale.Message(session.Sentence(m.Waits))
	}
	if m.SecondsLeft >= 1 {
		text += " · " + lang.L("{{.Time}} left", map[string]any{"Time": length(m.SecondsLeft)})
	}
	return text
}

// preview says what the limit that is entered would delete, before it is applied.
func (p *storagePage) preview(c config.Config) {
	limit := int64(c.Clips.QuotaGB) * 1e9
	if limit < 0 || limit == p.previewed || !p.s.shows(p.limit) {
		return
	}
	p.previewed = limit
	p.looks++
	if limit == 0 {
		p.foresee(limit, nil)
		return
	}
	look := p.looks
	p.s.u.do(lang.L("Couldn't list clips"), func() error {
		excess, err := p.s.u.parts.Storage.Excess(limit)
		p.s.u.main(func() {
			if look == p.looks {
				p.foresee(limit, excess)
			}
		})
		return err
	})
}

func (p *storagePage) foresee(limit int64, excess []clip.Clip) {
	p.excess = excess
	p.goneLine.show(len(excess) > 0)
	_, bytes := p.usage.Clips()
	text := ""
	switch {
	case p.usage.Away != "":
	case limit == 0:
		text = lang.L("Nothing is deleted. Clips take {{.Size}}.", map[string]any{"Size": locale.Size(bytes)})
	case len(excess) == 0:
		text = lang.L("Nothing is deleted now. Clips take {{.Size}} of {{.Limit}}.", map[string]any{
			"Size": locale.Size(bytes), "Limit": locale.Size(limit)})
	default:
		var gone int64
		for _, c := range excess {
			gone += c.Bytes
		}
		text = lang.N("{{.PluralCount}} clips, {{.Size}}, are deleted, the oldest first.", len(excess),
			map[string]any{"PluralCount": len(excess), "Size": locale.Size(gone)})
		if n := p.usage.Starred.Files; n > 0 {
			text += " " + lang.N("{{.PluralCount}} starred clips stay.", n)
		}
		if left := bytes - gone; left > limit {
			text += " " + lang.L("Even then clips take {{.Size}}.", map[string]any{"Size": locale.Size(left)})
		}
	}
	p.foreseen.Importance = widget.LowImportance
	if len(excess) > 0 {
		p.foreseen.Importance = widget.WarningImportance
	}
	p.foreseen.SetText(text)
}

// showGone lists what would be deleted.
func (p *storagePage) showGone() {
	items := p.excess
	list := widget.NewList(func() int { return len(items) }, func() fyne.CanvasObject {
		return container.NewBorder(nil, nil, nil, muted(""), oneLine(widget.NewLabel("")))
	}, func(i widget.ListItemID, o fyne.CanvasObject) {
		row, ok := o.(*fyne.Container)
		if !ok || i >= len(items) {
			return
		}
		if name, ok := row.Objects[0].(*widget.Label); ok {
			setText(name, filepath.Base(items[i].Path))
		}
		if detail, ok := row.Objects[1].(*widget.Label); ok {
			setText(detail, locale.Moment(items[i].Created.Local(), time.Now())+" · "+length(items[i].Seconds)+" · "+
				locale.Size(items[i].Bytes))
		}
		row.Refresh() // gives the texts their widths
	})
	d := dialog.NewCustom(lang.L("Clips that would be deleted"), lang.L("Close"), list, p.s.u.window)
	d.Resize(fyne.NewSize(640, 420))
	p.s.u.front(&open{Dialog: d})
}

// share is a part of a bar.
type share struct {
	color color.Color
	bytes int64
}

// shares is a bar of parts as wide as what they take.
type shares struct {
	root  *fyne.Container
	lay   *shareLayout
	shown []share
}

func newShares(height float32) *shares {
	s := &shares{lay: &shareLayout{height: height}}
	s.root = container.New(s.lay)
	s.set(nil)
	return s
}

func (s *shares) set(parts []share) {
	s.root.RemoveAll()
	s.lay.weights = nil
	s.shown = parts
	for _, p := range parts {
		if p.bytes > 0 {
			s.add(p.color, p.bytes)
		}
	}
	if len(s.lay.weights) == 0 {
		s.add(color.NRGBA{128, 128, 128, 60}, 1)
	}
	s.root.Refresh()
}

func (s *shares) add(c color.Color, bytes int64) {
	r := canvas.NewRectangle(c)
	r.CornerRadius = 4
	s.lay.weights = append(s.lay.weights, float32(bytes))
	s.root.Add(r)
}

// shareLayout puts rectangles beside each other by their weights. What is there stays visible.
type shareLayout struct {
	height  float32
	weights []float32
}

const (
	shareGap   = 2
	leastShare = 4
)

func (l *shareLayout) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	var sum float32
	for _, w := range l.weights {
		sum += w
	}
	n := float32(len(objects))
	room := size.Width - (n-1)*shareGap - n*leastShare
	x := float32(0)
	for i, o := range objects {
		if i >= len(l.weights) {
			break
		}
		w := leastShare + max(room, 0)*l.weights[i]/sum
		o.Move(fyne.NewPos(x, 0))
		o.Resize(fyne.NewSize(w, size.Height))
		x += w + shareGap
	}
}

func (l *shareLayout) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(100, l.height) }
