package config_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/config"
)

// Two front ends that read the same settings change different ones, and neither undoes the other's.
func TestPatchesOfTwoFrontEnds(t *testing.T) {
	read := config.Defaults()
	one := config.Edit(read, func(c *config.Config) { c.Replay.Seconds, c.App.Theme = 90, "dark" })
	two := config.Edit(read, func(c *config.Config) { c.Hotkeys.Saves = []config.SaveKey{{Keys: "Alt+F8", Seconds: 30}} })
	require.Equal(t, []string{"replay.seconds", "app.theme"}, one.Keys())
	require.Equal(t, []string{"hotkeys.saves"}, two.Keys())
	got := two.On(one.On(read))
	require.Equal(t, []any{90, config.DarkTheme, 1}, []any{got.Replay.Seconds, got.App.Theme, len(got.Hotkeys.Saves)})
	require.Equal(t, config.Defaults(), read, "a patch changes what it is put over")
	got.Hotkeys.Saves[0].Seconds = 7
	require.Equal(t, 30, two.On(read).Hotkeys.Saves[0].Seconds, "a list is shared")
	require.Equal(t, read, two.Undo(read).On(two.On(read)))
	require.True(t, config.Diff(read, read).Empty())
	require.False(t, config.Patch{}.WithToken("").Empty(), "removing the token is something")
}

// All that is wrong is said, of each field, and beside the one that was changed.
func TestCheckNamesAllThatIsWrong(t *testing.T) {
	before := config.Defaults()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for name, c := range map[string]struct {
		edit func(*config.Config)
		want map[string]config.State
	}{
		"two values": {func(c *config.Config) { c.Video.FrameRate, c.Replay.Seconds, c.App.Theme = 25, 3, "dark" },
			map[string]config.State{"video.frame_rate": config.Refused, "replay.seconds": config.Refused,
				"app.theme": config.Skipped}},
		"a key that the other one has": {func(c *config.Config) { c.Hotkeys.Save = "Alt+F9" },
			map[string]config.State{"hotkeys.save": config.Refused}},
		"a list": {func(c *config.Config) {
			c.Hotkeys.Saves = []config.SaveKey{{Keys: "Alt+F1"}, {Keys: "Alt+What", Seconds: 1}}
		}, map[string]config.State{"hotkeys.saves[1].keys": config.Refused, "hotkeys.saves[1].seconds": config.Refused}},
		"together": {func(c *config.Config) { c.Video.Source.Kind = config.OneMonitor },
			map[string]config.State{"video.source.kind": config.Refused}},
		"a folder": {func(c *config.Config) { c.Replay.Folder, c.Clips.Poster = file, true },
			map[string]config.State{"replay.folder": config.Refused, "clips.poster": config.Skipped}},
		"nothing": {func(c *config.Config) { c.App.Theme = "dark" }, map[string]config.State{"app.theme": config.Skipped}},
	} {
		r := config.Edit(before, c.edit).Check(before)
		got := map[string]config.State{}
		for _, f := range r.Fields {
			got[f.Key] = f.State
			require.Equal(t, f.State == config.Refused, f.Reason != "", "%s: %+v", name, f)
		}
		require.Equal(t, c.want, got, name)
		require.Equal(t, name != "nothing", r.Invalid, name)
		require.Equal(t, r.Invalid, r.Err() != nil, name)
	}
	r := config.Edit(before, func(c *config.Config) { c.Hotkeys.Save = "Alt+F9" }).Check(before)
	require.EqualError(t, r.Err(), `hotkeys.save is "Alt+F9"; it must be different from hotkeys.share`)
}

// A result is JSON and text; the token is in neither.
func TestResultIsJSONAndText(t *testing.T) {
	p, read := config.Parse([]config.Assignment{{Key: "app.theme", Value: "light"}, {Key: "video.height", Value: "720"},
		{Key: "app.theme", Value: "dark"}})
	require.True(t, read.OK())
	require.Equal(t, config.DarkTheme, p.On(config.Defaults()).App.Theme, "the last one counts")
	p = p.WithToken(" secret\n")
	token, is := p.Token()
	require.Equal(t, "secret", token)
	require.True(t, is)
	r := p.Result(config.Applied, "")
	require.Equal(t, "Saved. The new settings are in use.", r.Text())
	r.Set("video.height", config.AfterRestart, "capture is off")
	r.Set(config.TokenKey, config.Refused, "the keyring is locked")
	require.Equal(t, "video.height is saved, but not in use yet: capture is off.\napp.theme is in use.\n"+
		"sharing.token was not changed: the keyring is locked.", r.Text())
	require.Equal(t, "video.height is saved, but not in use yet: capture is off.\napp.theme is in use.", r.Rest(),
		"the error says the rest")
	full := p.Result(config.Applied, "")
	full.Set("video.height", config.AfterRestart, "The window is closed.")
	require.Contains(t, full.Text(), "not in use yet: The window is closed.\n")
	require.NotContains(t, full.Text(), "..")
	data, err := json.Marshal(r)
	require.NoError(t, err)
	require.JSONEq(t, `{"fields":[{"key":"video.height","asked":"720","state":"after_restart","reason":"capture is off"},
		{"key":"app.theme","asked":"dark","state":"applied"},
		{"key":"sharing.token","state":"refused","reason":"the keyring is locked"}]}`, string(data))
	var again config.Result
	require.NoError(t, json.Unmarshal(data, &again))
	require.Equal(t, r, again)
	for _, s := range []config.State{config.Applied, config.AfterRestart, config.NextStart, config.Refused,
		config.Skipped} {
		parsed, err := config.ParseState(s.String())
		require.NoError(t, err)
		require.Equal(t, s, parsed)
	}
	_, err = config.ParseState("maybe")
	require.ErrorContains(t, err, "refused or skipped")
}
