package app

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/session"
)

// Two questions do not overlay: the second waits for the first, as long as who asked it waits.
func TestQuestionsTakeTurns(t *testing.T) {
	var q questions
	done, ok := q.take(t.Context())
	require.True(t, ok)
	ctx, cancel := context.WithCancel(t.Context())
	second := make(chan bool)
	go func() { _, ok := q.take(ctx); second <- ok }()
	cancel()
	require.False(t, <-second)
	go func() { _, ok := q.take(t.Context()); second <- ok }()
	select {
	case <-second:
		t.Fatal("two at once")
	default:
	}
	done()
	require.True(t, <-second)
}

func TestViewersMayNotAskTooOften(t *testing.T) {
	var l requestLimits
	now := time.Now()
	require.Zero(t, l.wait("bob", now))
	require.Equal(t, time.Second, l.wait("bob", now.Add(viewerEvery-time.Second)), "when it may be again is told")
	require.Zero(t, l.wait("carol", now), "others are not held back by it")
	require.Zero(t, l.wait("bob", now.Add(viewerEvery)))

	// The wait begins anew after a question that took its time.
	l.from("bob", now.Add(2*viewerEvery-time.Second))
	require.Equal(t, viewerEvery-time.Second, l.wait("bob", now.Add(2*viewerEvery)))
	l.from("eve", now)
	require.Zero(t, l.wait("eve", now.Add(2*viewerEvery)), "who has asked nothing")

	// Under many names, still only so many.
	now = now.Add(time.Hour)
	passed := 0
	for i := range 1000 {
		if wait := l.wait(fmt.Sprint("name ", i), now); wait == 0 {
			passed++
		} else {
			require.Equal(t, roomEvery, wait)
		}
	}
	require.Equal(t, roomBurst, passed)
	for i := range 2 * mostViewers {
		now = now.Add(roomEvery)
		require.Zero(t, l.wait(fmt.Sprint("other ", i), now))
	}
	require.LessOrEqual(t, len(l.each), mostViewers)

	// What is made without asking the user is only so long, whoever asks.
	now = now.Add(time.Hour)
	require.Zero(t, l.length(now, roomLength-time.Minute))
	require.Equal(t, 29*time.Minute, l.length(now, 30*time.Minute))
	require.Zero(t, l.length(now, time.Minute), "less may be had, and a refusal counts nothing")
	require.Zero(t, l.length(now.Add(30*time.Minute), 30*time.Minute))
	require.Zero(t, l.length(now.Add(2*time.Hour), 2*roomLength), "nobody waits without end")
	here := session.Snapshot{}
	here.Settings.Sharing.ViewerClipFrom, here.Settings.Replay.Seconds = config.FromHere, 60
	here.Share.ServerSeconds = 20
	require.Equal(t, time.Minute, requested(3600, here))
	here.Settings.Sharing.ViewerClipFrom = config.FromServer
	require.Equal(t, 20*time.Second, requested(3600, here))
	require.Equal(t, 5*time.Second, requested(5, here))
}
