package app

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/session"
)

// Settings in a report are those that differ, and those that name something of the user's are not repeated.
func TestAReportOfSettings(t *testing.T) {
	c := config.Defaults()
	require.Empty(t, settingsReport(c))
	c.Video.FrameRate, c.Video.Source.WindowTitle, c.Sharing.Room = 60, "Tax return", "standup"
	c.Sharing.BackendURL = "https://replay.example.com:8443/x"
	text := settingsReport(c)
	require.Contains(t, text, "video.frame_rate = 60\n")
	require.Contains(t, text, "sharing.room = set\n")
	for _, s := range []string{"Tax", "standup", "example.com"} {
		require.NotContains(t, text, s)
	}
	t.Setenv("DISPLAY", "")
	require.Subset(t, private(session.Snapshot{Settings: c}), []string{"Tax return", "standup", "replay.example.com"})
}

func TestSwitchesAreToldTogether(t *testing.T) {
	off := switches{}
	on := switches{replay: true, room: "standup", muted: true}
	require.Equal(t, []string{"Live in standup", "Replay buffer on", "Microphone muted"}, on.since(off))
	require.Equal(t, []string{"Sharing stopped", "Replay buffer off", "Microphone unmuted"}, off.since(on))
	require.Empty(t, on.since(on))
	require.EqualValues(t, "started", on.sound(off))
	require.EqualValues(t, "stopped", off.sound(on))
	require.Empty(t, switches{muted: true}.sound(off), "a mute is silent")
}
