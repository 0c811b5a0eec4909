package livekit

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRTPTime(t *testing.T) {
	for name, c := range map[string]struct {
		pts        time.Duration
		rate, base uint32
		want       uint32
	}{
		"zero":           {0, 90000, 7, 7},
		"one second":     {time.Second, 90000, 0, 90000},
		"one frame":      {33333333, 90000, 0, 3000},
		"rounds":         {33333330, 90000, 0, 3000},
		"Opus packet":    {20 * time.Millisecond, 48000, 100, 1060},
		"wraps":          {time.Second, 90000, 0xffffffff, 89999},
		"half a year up": {4000 * time.Hour, 90000, 0, uint32(4000 * 3600 * 90000 % (1 << 32))},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, rtpTime(c.pts, c.rate, c.base)) })
	}
}

func TestTimelineIgnoresStepsOfTheWallClock(t *testing.T) {
	now := time.Now()
	line := timeline{wall: now, pts: time.Hour}
	pts, ntp := line.at(now.Add(1500 * time.Millisecond))
	require.Equal(t, time.Hour+1500*time.Millisecond, pts)
	require.Equal(t, toNTP(now.Add(1500*time.Millisecond)), ntp)
}

func TestNTP(t *testing.T) {
	// RFC 5905, figure 4: the first day of Unix time.
	require.Equal(t, uint64(2208988800)<<32, toNTP(time.Unix(0, 0)))
	require.Equal(t, uint64(2208988801)<<32|1<<31, toNTP(time.Unix(1, 5e8)))
}

func TestRateControl(t *testing.T) {
	start := time.Unix(1000, 0)
	r := &rateControl{floor: 2000, ceiling: 8000, current: 8000}
	for i, c := range []struct {
		after    time.Duration
		estimate int
		want     int
		changed  bool
	}{
		{0, 12000, 8000, false},
		{time.Second, 8000, 8000, false},             // enough for the video alone
		{2 * time.Second, 7700, 8000, false},         // within the band
		{3 * time.Second, 5000, 4850, true},          // the sound's share is left
		{3100 * time.Millisecond, 3000, 4850, false}, // too soon
		{4 * time.Second, 100, 2000, true},           // never below the floor
		{5 * time.Second, 7000, 2000, false},         // up only slowly
		{8 * time.Second, 2200, 2000, false},         // within the band
		{9 * time.Second, 4150, 4000, true},
		{20 * time.Second, 50000, 8000, true}, // never above the ceiling
	} {
		got, changed := r.step(start.Add(c.after), c.estimate)
		require.Equal(t, c.want, got, "step %d", i)
		require.Equal(t, c.changed, changed, "step %d", i)
	}
}

func TestTokensAreTakenOut(t *testing.T) {
	require.Equal(t, `dial ws://h/rtc?access_token=(token)&x=1`,
		withoutTokens(`dial ws://h/rtc?access_token=eyJhbGciOiJI.eyJleHAiOjE3-_.sig-_A&x=1`))
}
