package duration_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/assets/duration"
)

func TestParse(t *testing.T) {
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"90m": 90 * time.Minute, "1.5h": 90 * time.Minute, "0": 0, "-1h": -time.Hour, "1h30m": 90 * time.Minute,
		"0d": 0, "7d": 7 * day, "2w": 14 * day, "15250w": 15250 * 7 * day,
	} {
		got, err := duration.Parse(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "7", "d", "-1d", "1.5d", "1w2d", "15251w", "99999d", "soon"} {
		_, err := duration.Parse(text)
		require.ErrorContains(t, err, "12h, 7d or 2w", text)
	}
}
