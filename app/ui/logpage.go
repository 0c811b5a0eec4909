package ui

import (
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/hindsight-app/hindsight/app/diagnostics"
	"github.com/hindsight-app/hindsight/app/locale"
	"github.com/hindsight-app/hindsight/app/session"
)

// Journal is the log and what crashes have left.
type Journal interface {
	// Lines are the last lines, the oldest first.
	Lines() []string
	// Follow has changed called after each line, from any goroutine; nil ends that.
	Follow(changed func())
	// Crashes are reports of earlier runs, the newest first.
	Crashes() []diagnostics.Crash
	// Folder is where the files are, empty where there are none.
	Folder() string
}

// logPage shows the log and crash reports, and copies a report that can be given to others.
type logPage struct {
	u       *UI
	root    fyne.CanvasObject
	list    *widget.List
	detail  *widget.Label
	below   *surface
	crash   *surface
	told    *widget.Label
	newest  diagnostics.Crash
	lines   []logLine
	pending atomic.Bool // a change is on its way to the main goroutine
}

func newLogPage(u *UI) *logPage {
	l := &logPage{u: u, detail: widget.NewLabel(""), told: widget.NewLabel("")}
	l.list = widget.NewList(func() int { return len(l.lines) }, newLogRow, l.fillRow)
	l.list.HideSeparators = true
	l.list.OnSelected = l.choose
	l.detail.Wrapping, l.detail.Selectable, l.detail.TextStyle.Monospace = fyne.TextWrapWord, true, true
	l.detail.SizeName = theme.SizeNameCaptionText
	detail := container.NewVScroll(l.detail)
	detail.SetMinSize(fyne.NewSize(100, 96))
	l.below = newSurface(colorCard, 10, 6, detail)
	l.below.Hide()
	l.told.Wrapping = fyne.TextWrapWord
	show := newPushButton(lang.L("Show report"), nil, func() { l.read(l.newest.Text) })
	warn := widget.NewIcon(theme.NewWarningThemedResource(theme.WarningIcon()))
	l.crash = newSurface(colorWarn, 12, 8, container.NewBorder(nil, nil, container.NewVBox(gap(4), warn),
		container.NewCenter(show), l.told))
	l.crash.Hide()
	hint := muted(lang.L("Diagnostics hold versions, settings, state and the log. Access tokens, window titles, room " +
		"and server names are left out."))
	hint.Wrapping = fyne.TextWrapWord
	copyAll := newPushButton(lang.L("Copy diagnostics"), theme.ContentCopyIcon(), l.copy)
	copyAll.Importance = widget.HighImportance
	folder := newPushButton(lang.L("Folder"), theme.FolderOpenIcon(), func() {
		path := u.parts.Journal.Folder()
		u.do(lang.L("Couldn't open folder"), func() error { return u.parts.Open(path) })
	})
	setEnabled(folder, u.parts.Journal.Folder() != "")
	top := container.NewVBox(heading(lang.L("Log"), folder, copyAll), hint, l.crash)
	l.root = container.NewBorder(top, l.below, nil, nil, newSurface(colorCard, 12, 6, l.list))
	return l
}

func (l *logPage) content() fyne.CanvasObject { return l.root }

func (l *logPage) update(session.Snapshot) {}

// enter reads everything, and follows the log until another page is shown.
func (l *logPage) enter() {
	if crashes := l.u.parts.Journal.Crashes(); len(crashes) > 0 {
		l.newest = crashes[0]
		l.told.SetText(lang.L("Hindsight closed unexpectedly: {{.When}}", map[string]any{
			"When": locale.Moment(l.newest.At.Local(), time.Now())}))
		l.crash.Show()
	}
	l.u.parts.Journal.Follow(func() {
		if !l.pending.Swap(true) {
			l.u.main(l.load)
		}
	})
	l.load()
}

// load shows the lines that there are now, the newest at the end.
func (l *logPage) load() {
	l.pending.Store(false)
	if !l.root.Visible() {
		l.u.parts.Journal.Follow(nil)
		return
	}
	l.lines = l.lines[:0]
	for _, text := range l.u.parts.Journal.Lines() {
		l.lines = append(l.lines, readLine(text))
	}
	l.list.Refresh()
	l.list.ScrollToBottom()
}

// copy makes the report beside the main goroutine, for it asks the display for the titles that must not be in it.
func (l *logPage) copy() {
	l.u.wg.Go(func() {
		text := l.u.parts.Report()
		l.u.main(func() {
			l.u.app.Clipboard().SetContent(text)
			l.read(text)
			l.u.inform(lang.L("Diagnostics copied"), lang.L("You can paste them into a bug report. The text is shown below "+
				"the log."))
		})
	})
}

// read shows a text below the log.
func (l *logPage) read(text string) {
	l.detail.SetText(text)
	l.below.Show()
	l.root.Refresh()
}

func (l *logPage) choose(i widget.ListItemID) {
	if i < len(l.lines) {
		l.read(l.lines[i].text)
	}
	l.list.UnselectAll()
}

// logLine is a line of the log in its parts.
type logLine struct{ at, level, message, text string }

// slogText is a line as log/slog's text handler writes it.
var slogText = regexp.MustCompile(`^time=(\S+) level=(\S+) msg=("(?:[^"\\]|\\.)*"|\S*) ?(.*)$`)

func readLine(text string) logLine {
	part := slogText.FindStringSubmatch(text)
	if part == nil {
		return logLine{message: text, text: text}
	}
	l := logLine{level: part[2], text: text, message: strings.Trim(part[3], `"`)}
	if t, err := time.Parse(time.RFC3339, part[1]); err == nil {
		l.at = locale.Clock(t.Local())
	}
	if part[4] != "" {
		l.message += "   " + part[4]
	}
	return l
}

// logRow is one line of the list.
type logRow struct {
	widget.BaseWidget
	at, message *widget.Label
	body        fyne.CanvasObject
}

func newLogRow() fyne.CanvasObject {
	r := &logRow{at: muted(""), message: oneLine(widget.NewLabel(""))}
	r.message.SizeName = theme.SizeNameCaptionText
	r.at.TextStyle.Monospace = true
	at := container.New(layout.NewGridWrapLayout(fyne.NewSize(84, 26)), r.at)
	r.body = container.NewBorder(nil, nil, at, nil, r.message)
	r.ExtendBaseWidget(r)
	return r
}

// CreateRenderer draws the row.
func (r *logRow) CreateRenderer() fyne.WidgetRenderer { return widget.NewSimpleRenderer(r.body) }

// MinSize keeps rows close together.
func (r *logRow) MinSize() fyne.Size { return fyne.NewSize(120, 26) }

func (l *logPage) fillRow(i widget.ListItemID, o fyne.CanvasObject) {
	r, ok := o.(*logRow)
	if !ok || i >= len(l.lines) {
		return
	}
	line := l.lines[i]
	setText(r.at, line.at)
	how := widget.MediumImportance
	switch line.level {
	case "WARN":
		how = widget.WarningImportance
	case "ERROR":
		how = widget.DangerImportance
	case "DEBUG":
		how = widget.LowImportance
	}
	if r.message.Importance != how {
		r.message.Importance = how
		r.message.Refresh()
	}
	setText(r.message, line.message)
}
