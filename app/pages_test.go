package app

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/control"
	"github.com/hindsight-app/hindsight/app/ui"
)

// What hindsightctl lists is what the window has.
func TestPagesOfCommandAndWindowAreTheSame(t *testing.T) {
	require.Equal(t, control.Pages, ui.Pages())
}
