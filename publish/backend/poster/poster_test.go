package poster

import (
	"bytes"
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/backend/shelftest"
)

// progressive is a gray progressive JPEG of many scans without any data, as much work as its size allows.
func progressive(width, height, scans int) []byte {
	b := []byte{0xff, 0xd8, 0xff, 0xc2, 0, 11, 8, byte(height >> 8), byte(height), byte(width >> 8), byte(width), 1, 1,
		0x11, 0}
	for range scans {
		b = append(b, 0xff, 0xda, 0, 8, 1, 1, 0, 1, 63, 0, 0)
	}
	return append(b, 0xff, 0xd9)
}

// What is small to send and much to decode is refused before it is decoded.
func TestPosterBombsAreRefused(t *testing.T) {
	whole := []byte(shelftest.JPEG(t, 64, 36))
	_, err := Read(t.Context(), whole)
	require.NoError(t, err)
	_, err = Read(t.Context(), []byte(shelftest.JPEG(t, 1280, 720)))
	require.NoError(t, err)

	scan := bytes.Index(whole, []byte{0xff, 0xda})
	again := append(bytes.Clone(whole[:len(whole)-2]), bytes.Repeat(whole[scan:len(whole)-2], 3)...)
	frame := bytes.Index(whole, []byte{0xff, 0xc0})
	late := append(append(bytes.Clone(whole[:scan]), 0xff, 0xc2), whole[frame+2:]...)
	for name, body := range map[string][]byte{
		"progressive":  progressive(4096, 4096, 1000),
		"small":        progressive(64, 64, 2),
		"many pixels":  []byte(shelftest.JPEG(t, 2000, 1001)),
		"many scans":   again,
		"second frame": late,
		"no frame":     whole[:frame],
	} {
		_, err := Read(t.Context(), body)
		require.Error(t, err, name)
		require.ErrorContains(t, err, "baseline", "%s: it was decoded", name)
	}
}

// One poster at a time is decoded, and a caller that goes away does not wait for its turn.
func TestPostersWaitForTheirTurn(t *testing.T) {
	body := []byte(shelftest.JPEG(t, 64, 36))
	synctest.Test(t, func(t *testing.T) {
		old := turn
		defer func() { turn = old }()
		turn = make(chan struct{}, 1)
		turn <- struct{}{}
		ctx, cancel := context.WithCancel(t.Context())
		gone, done := make(chan error), make(chan error)
		go func() { _, err := Read(ctx, body); gone <- err }()
		go func() { _, err := Read(t.Context(), body); done <- err }()
		synctest.Wait()
		cancel()
		require.ErrorIs(t, <-gone, context.Canceled)
		select {
		case <-done:
			t.Fatal("two posters were decoded at once")
		default:
		}
		<-turn
		require.NoError(t, <-done)
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := whileWanted{ctx, bytes.NewReader(body), nil}.Read(make([]byte, 1))
	require.ErrorIs(t, err, context.Canceled)
}

// FuzzPoster: what is kept is a JPEG that can be read, or nothing.
func FuzzPoster(f *testing.F) {
	f.Add([]byte(shelftest.JPEG(f, 32, 18)))
	f.Add([]byte("\xff\xd8\xff\xe0"))
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > 1<<16 {
			return
		}
		poster, err := Read(t.Context(), body)
		if err == nil {
			_, err = Read(t.Context(), poster)
			require.NoError(t, err)
		}
	})
}
