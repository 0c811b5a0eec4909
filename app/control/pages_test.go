package control

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPagesOfTheWindow(t *testing.T) {
	require.NoError(t, CheckPage(""), "the window as it is")
	for _, name := range Pages {
		require.NoError(t, CheckPage(name))
	}
	for _, name := range []string{"nowhere", "Home", "settings/", "settings/sound", "home/audio", " home"} {
		err := CheckPage(name)
		var invalid *InvalidError
		require.ErrorAs(t, err, &invalid)
		require.ErrorContains(t, err, `there is no page "`+name+`"`)
		for _, other := range Pages {
			require.ErrorContains(t, err, other)
		}
	}
}
