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
	for device, want := range map[string]Apps{
		`not:Foo\|Bar`:     {Names: []string{"Foo|Bar"}, Except: true},
		`app:Foo\|Bar|mpv`: {Names: []string{"Foo|Bar", "mpv"}},
		`app:a\\|b`:        {Names: []string{`a\`, "b"}},
		`app:C:\\games\\x`: {Names: []string{`C:\games\x`}},
	} {
		apps, is := ParseApps(device)
		require.True(t, is)
		require.Equal(t, want, apps)
		require.Equal(t, device, apps.Device())
		for _, name := range want.Names {
			require.Equal(t, !want.Except, apps.Have(name), name)
		}
		require.Equal(t, want.Except, apps.Have("Foo"))
	}
	apps, _ := ParseApps(`app:C:\games`)
	require.Equal(t, []string{`C:\games`}, apps.Names, "an earlier version has not escaped it")
	apps, _ = ParseApps("not:Foo|Bar")
	require.False(t, apps.Have("Foo|Bar"), "an earlier version has not escaped it")
	_, is := ParseApps("alsa_output.monitor")
	require.False(t, is)
}
