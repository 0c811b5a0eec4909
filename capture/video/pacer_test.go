package video

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPacerKeepsAConstantRate(t *testing.T) {
	for _, fps := range []int{30, 60} {
		p := pacer{fps: fps}
		period := time.Second / time.Duration(fps)
		at := time.Hour
		fill, _, slot, use := p.frame(at)
		require.Zero(t, fill)
		require.True(t, use)
		require.Equal(t, int64(3600*fps), slot)
		require.InDelta(t, float64(at-period/8), float64(p.stamp(slot)), 10)
		_, _, _, use = p.frame(at + period/4)
		require.False(t, use, "a second frame in the same slot")
		fill, from, slot, use := p.frame(at + 4*period + period/2)
		require.True(t, use)
		require.Equal(t, int64(3), fill)
		require.Equal(t, int64(3600*fps+1), from)
		require.Equal(t, int64(3600*fps+4), slot)
	}
}

func TestPacerRepeatsWhereNothingComes(t *testing.T) {
	p := pacer{fps: 30}
	fill, _ := p.idle(time.Hour)
	require.Zero(t, fill, "nothing to repeat yet")
	p.frame(time.Hour)
	fill, _ = p.idle(time.Hour + holdFor/2)
	require.Zero(t, fill, "it may still come")
	fill, from := p.idle(time.Hour + holdFor + 100*time.Millisecond)
	require.Equal(t, int64(3), fill)
	require.Equal(t, int64(3600*30+1), from)
	_, _, _, use := p.frame(time.Hour + 90*time.Millisecond)
	require.False(t, use, "too late, its slot is filled")
}

func TestPacerLeavesAGapAfterASleep(t *testing.T) {
	p := pacer{fps: 30}
	p.frame(time.Hour)
	fill, _, slot, use := p.frame(2 * time.Hour)
	require.True(t, use)
	require.Zero(t, fill)
	require.Equal(t, int64(7200*30), slot)
	fill, _ = p.idle(3 * time.Hour)
	require.LessOrEqual(t, fill, int64(1))
}

// Where frames come, nobody wakes up to look for those that do not.
func TestPacerRestsWhileFramesCome(t *testing.T) {
	p := pacer{fps: 30}
	require.Equal(t, holdFor, p.wait(time.Hour), "nothing to repeat yet")
	period := time.Second / 30
	now, looks := time.Hour, 0
	for next := now; now < time.Hour+time.Second; now += period {
		p.frame(now)
		if now < next {
			continue
		}
		looks++
		fill, _ := p.idle(now)
		require.Zero(t, fill)
		next = now + p.wait(now)
	}
	require.LessOrEqual(t, looks, 7)
	require.Equal(t, tick, p.wait(now+time.Second), "slots are due")
	p.idle(now)
	require.LessOrEqual(t, p.slotTime(p.next)+holdFor-now, p.wait(now))
}
