package ui

import (
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/app"
	"github.com/stretchr/testify/require"
)

// Fyne has no event left to run when it ends, because it may then wait for that without end.
func TestFyneHasNothingToRunAtItsEnd(t *testing.T) {
	before := fyne.CurrentApp()
	t.Cleanup(func() { fyne.SetCurrentApp(before) })
	a := app.NewWithID("app.hindsight.test") // the real one; it needs no display before it runs
	last, ok := a.Lifecycle().(interface{ OnStopped() func() })
	require.True(t, ok, "this Fyne is another one: does it still hang?")
	require.NotNil(t, last.OnStopped(), "this Fyne has no last event of its own; queueNothingAtTheEnd can go")
	queueNothingAtTheEnd(a)
	require.Nil(t, last.OnStopped())
}
