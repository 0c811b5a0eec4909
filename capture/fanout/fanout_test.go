package fanout_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/fanout"
	"github.com/hindsight-app/hindsight/capture/media"
)

func video(i int, key bool) *media.Packet {
	return &media.Packet{Track: media.Video, PTS: time.Duration(i), Key: key}
}

func sound(i int) *media.Packet {
	return &media.Packet{Track: media.Opus, PTS: time.Duration(i), Key: true}
}

func drain(r *fanout.Reader) (got []*media.Packet) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for {
		p, err := r.Read(ctx)
		if err != nil {
			return got
		}
		got = append(got, p)
	}
}

func TestAReaderBeginsWithAKeyframeAndGetsOnlyItsTracks(t *testing.T) {
	f := fanout.New()
	r := f.NewReader(100, media.Video)
	f.Write(video(1, false))
	f.Write(sound(2))
	f.Write(video(3, true))
	f.Write(video(4, false))
	got := drain(r)
	require.Len(t, got, 2)
	require.Equal(t, time.Duration(3), got[0].PTS)
	require.True(t, f.Wants(media.Video))
	require.False(t, f.Wants(media.Opus))
}

func TestASlowReaderLosesUpToTheNextKeyframeAndNobodyWaits(t *testing.T) {
	f := fanout.New()
	slow, quick := f.NewReader(3, media.Video, media.Opus), f.NewReader(1000, media.Video, media.Opus)
	for i := range 60 {
		f.Write(video(i, i%20 == 0))
		f.Write(sound(i))
	}
	require.Len(t, drain(quick), 120)
	require.Zero(t, quick.Dropped())
	got := drain(slow)
	require.Len(t, got, 3)
	require.Positive(t, slow.Dropped())
	f.Write(video(60, false))
	require.Empty(t, drain(slow), "not in the middle of a group of frames")
	f.Write(video(61, true))
	f.Write(video(62, false))
	require.Len(t, drain(slow), 2)
}

func TestCloseEndsReadersAfterWhatTheyHold(t *testing.T) {
	f := fanout.New()
	r := f.NewReader(10, media.Opus)
	f.Write(sound(1))
	require.NoError(t, f.Close())
	require.NoError(t, f.Close())
	p, err := r.Read(context.Background())
	require.NoError(t, err)
	require.Equal(t, time.Duration(1), p.PTS)
	_, err = r.Read(context.Background())
	require.ErrorIs(t, err, fanout.ErrClosed)
	require.NoError(t, r.Close())
	late := f.NewReader(1, media.Opus)
	_, err = late.Read(context.Background())
	require.ErrorIs(t, err, fanout.ErrClosed)
}

func TestManyReadersComeAndGo(t *testing.T) {
	f := fanout.New()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for ctx.Err() == nil {
				r := f.NewReader(4, media.Video, media.Opus)
				_, _ = r.Read(ctx)
				_ = r.Close()
				_ = r.Close()
			}
		})
	}
	for i := range 20000 {
		f.Write(video(i, i%7 == 0))
	}
	cancel()
	wg.Wait()
	require.NoError(t, f.Close())
}

// Either takes from both readers, goes on when the second ends, and ends with the first.
func TestEither(t *testing.T) {
	one, two := fanout.New(), fanout.New()
	a, b := one.NewReader(4, media.Video), two.NewReader(4, media.Video)
	one.Write(video(1, true))
	two.Write(video(2, true))
	got := map[bool]time.Duration{}
	for range 2 {
		p, second, err := fanout.Either(context.Background(), a, b)
		require.NoError(t, err)
		got[second] = p.PTS
	}
	require.Equal(t, map[bool]time.Duration{false: 1, true: 2}, got)
	require.NoError(t, two.Close())
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	_, _, err := fanout.Either(ended, a, b)
	require.ErrorIs(t, err, context.Canceled)
	one.Write(video(3, true))
	require.NoError(t, one.Close())
	p, second, err := fanout.Either(context.Background(), a, nil)
	require.NoError(t, err)
	require.False(t, second)
	require.Equal(t, time.Duration(3), p.PTS)
	_, _, err = fanout.Either(context.Background(), a, b)
	require.ErrorIs(t, err, fanout.ErrClosed)
}
