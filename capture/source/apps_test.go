package source

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAppsAreADevice(t *testing.T) {
	for device, want := range map[string]Apps{
		"app:Firefox": {Names: []string{"Firefox"}}, "app:Firefox|mpv": {Names: []string{"Firefox", "mpv"}},
		"not:Discord": {Names: []string{"Discord"}, Except: true},
	} {
		apps, is := ParseApps(device)
		require.True(t, is)
		require.Equal(t, want, apps)
		require.Equal(t, device, apps.Device())
		for _, name := range want.Names {
			require.Equal(t, !want.Except, apps.Have(name))
		}
		require.Equal(t, want.Except, apps.Have("another"))
	}
	_, is := ParseApps("alsa_output.monitor")
	require.False(t, is)
}
