package transfers

import (
	"log/slog"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/client"
)

// Uploads keep to the limit, and a new one counts at once. In the bubble, time costs none.
func TestUploadsKeepToTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kbps := 800
		q := Open(Options{File: filepath.Join(t.TempDir(), FileName), Limit: func() int { return kbps },
			Log: slog.New(slog.DiscardHandler)})
		p := &pacer{q}
		send := func() time.Duration {
			began := time.Now()
			for range 40 {
				require.NoError(t, p.WaitN(t.Context(), client.UploadPiece))
			}
			return time.Since(began)
		}
		whole := time.Duration(40*client.UploadPiece*8) * time.Second / 800_000
		require.InDelta(t, whole.Seconds(), send().Seconds(), 0.5)
		kbps = 8000
		require.InDelta(t, whole.Seconds()/10, send().Seconds(), 0.5)
		kbps = 0
		require.Zero(t, send())
		q.Close()
	})
}
