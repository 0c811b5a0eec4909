package ui

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/diagnostics"
)

func TestTheLogPage(t *testing.T) {
	b := start(t)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "crash-20260304-121314.txt"), []byte("panic: roof"), 0o600))
	journal := diagnostics.New(io.Discard)
	require.NoError(t, journal.Keep(dir))
	defer journal.Close()
	log := slog.New(slog.NewTextHandler(journal, nil))
	log.Info("a clip was saved", "path", "/clips/a b.mp4")
	b.ui.parts.Journal = journal
	l := newLogPage(b.ui)
	b.ui.pages[pageLog] = l
	b.ui.nav.stack.Objects[pageLog] = l.content()
	b.ui.show(pageLog)
	b.settle()
	require.Len(t, l.lines, 1)
	require.Equal(t, `a clip was saved   path="/clips/a b.mp4"`, l.lines[0].message)
	require.Equal(t, "INFO", l.lines[0].level)
	require.NotEmpty(t, l.lines[0].at)
	require.True(t, l.crash.Visible())
	log.Warn("something does not work")
	b.settle()
	require.Len(t, l.lines, 2, "it does not follow")
	row := newLogRow().(*logRow)
	l.fillRow(1, row)
	require.Equal(t, widget.WarningImportance, row.message.Importance)
	l.list.OnSelected(0)
	require.Contains(t, l.detail.Text, "level=INFO")
	l.copy()
	b.settle()
	require.Equal(t, "the report", b.ui.app.Clipboard().Content())
	require.Equal(t, "the report", l.detail.Text)
	test.Tap(b.ui.nav.buttons[pageHome])
	log.Info("while another page is shown")
	b.settle()
	require.Len(t, l.lines, 2)
	require.Equal(t, logLine{message: "no line of slog's", text: "no line of slog's"}, readLine("no line of slog's"))
}
