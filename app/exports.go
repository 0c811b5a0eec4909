package app

import (
	"path/filepath"

	"github.com/hindsight-app/hindsight/app/desktop"
	"github.com/hindsight-app/hindsight/app/locale"
	"github.com/hindsight-app/hindsight/capture/export"
)

// Worker makes this process the worker of an export if it was started as one, and then does not return. A program calls
// it before anything else.
func Worker() { export.Worker() }

// exported has it shown that an export is ready, or why there is none.
func (a *App) exported(path string, err error) {
	if err != nil {
		a.failed(locale.Text("Couldn't export clip"), err)
		return
	}
	a.notify(desktop.Notification{Title: locale.Text("Clip exported"), Body: filepath.Base(path),
		Actions: a.fileActions(locale.Text("Open"), path)})
}
