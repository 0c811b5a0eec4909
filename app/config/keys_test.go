package config_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/config"
)

// What list prints can be set again, for every setting, and gives the same settings.
func TestEverySettingIsReadAndSetAsText(t *testing.T) {
	want := config.Defaults()
	want.Hotkeys.Saves = []config.SaveKey{{Keys: "Ctrl+Alt+1", Seconds: 30, After: 5}, {Keys: "Ctrl+Alt+2"}}
	want.Hotkeys.Talk, want.Hotkeys.Mute, want.Hotkeys.Mark = "V", "Mouse8", "Ctrl+KP_5"
	want.Sound.Microphone.GainDB, want.Sharing.Room, want.App.StartAtLogin = -4.5, "a \"room\"", true
	got := config.Config{}
	list := want.Settings()
	require.Equal(t, "sound.desktop.enabled", list[0].Key)
	for _, s := range list {
		require.NotEmpty(t, s.Allowed, s.Key)
		require.NotContains(t, s.Key, "token")
		require.NoError(t, got.Set(s.Key, s.Text()), s.Key)
	}
	require.True(t, reflect.DeepEqual(want, got), "%+v\n%+v", want, got)
	s, err := want.Setting("video.height")
	require.NoError(t, err)
	require.Equal(t, config.Setting{
		Key: "video.height", Value: 0, Default: 0, Allowed: "0, 480, 720, 900, 1080, 1440 or 2160",
		Help: "resolution in rows; 0 is native",
	}, s)
}

func TestAValueThatCannotBeUsedIsNamedAndChangesNothing(t *testing.T) {
	for _, c := range []struct{ key, value, allowed string }{
		{"video.frame_rate", "25", "165 or 240"},
		{"video.frame_rate", "fast", "165 or 240"},
		{"video.frame_rate", "NaN", "165 or 240"},
		{"video.frame_rate", "", "165 or 240"},
		{"video.frame_rate", "-30", "165 or 240"},
		{"video.quality", "ultra", "performance, balanced or quality"},
		{"video.bitrate_kbps", "5", "from 200 to 200000"},
		{"video.cursor", "yes please", "true or false"},
		{"replay.seconds", "-1", "5 to 1200"},
		{"replay.seconds", "60.5", "5 to 1200"},
		{"replay.seconds", "9223372036854775807", "5 to 1200"},
		{"replay.folder", "clips", "absolute path"},
		{"clips.name", "a/b", "{date}"},
		{"sound.microphone.gain_db", "NaN", "-60 to 20"},
		{"sound.microphone.gain_db", "+Inf", "-60 to 20"},
		{"sound.microphone.gain_db", "loud", "-60 to 20"},
		{"sharing.backend_url", "replay.example.com", "https://"},
		{"hotkeys.save", "Alt+Banana", "Alt+F10"},
		{"hotkeys.mute", "V", "Ctrl+Shift+S"},
		{"hotkeys.talk", "Banana", "RightCtrl"},
		{"hotkeys.saves", "Alt+F11", "JSON list"},
		{"hotkeys.saves", `[{"keys":"Alt+F11","seconds":1}]`, "5 to 1200"},
		{"hotkeys.saves", `[{"keys":"Alt+F11","seconds":30.5}]`, "5 to 1200"},
		{"hotkeys.saves", `[{"keys":"Alt+F11","after":-1}]`, "0 to 600"},
		{"hotkeys.saves", `[{"key":"Alt+F11"}]`, "JSON list"},
		{"hotkeys.saves", `[{"seconds":30}]`, "JSON list"},
		{"hotkeys.saves", `[] []`, "JSON list"},
		{"video.framerate", "30", "video.frame_rate"},
		{"colour", "red", "video.…"},
		{"video", "good", "video.frame_rate"},
		{"sharing.token", "secret", "set-token"},
		{"sharing.passphrase", "secret", "set-passphrase"},
	} {
		got := config.Defaults()
		err := got.Set(c.key, c.value)
		var p config.Problem
		require.ErrorAs(t, err, &p, "%s %s", c.key, c.value)
		require.Equal(t, c.key, p.Key)
		require.Contains(t, err.Error(), c.allowed, "%s %s", c.key, c.value)
		require.False(t, strings.Contains(err.Error(), "secret"), "a secret is not repeated")
		require.Equal(t, config.Defaults(), got)
		_, r := config.Parse([]config.Assignment{{Key: "app.theme", Value: "dark"}, {Key: c.key, Value: c.value}})
		require.True(t, r.Invalid, "%s %s", c.key, c.value)
		require.Len(t, r.Refused(), 1)
		require.Equal(t, c.key, r.Refused()[0].Key)
		require.Contains(t, r.Text(), c.allowed)
	}
}
