package uploads

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/mp4"
	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/archive"
	"github.com/hindsight-app/hindsight/publish/backend/shelftest"
	"github.com/hindsight-app/hindsight/publish/backend/state"
	"github.com/hindsight-app/hindsight/publish/backend/storage"
)

// troubled is a storage where no clip can be written while it has a trouble. Where written is set it is called after a
// clip was.
type troubled struct {
	*storage.Storage
	trouble error
	written func(id string) error
}

func (f *troubled) WriteClip(ctx context.Context, id string, m mp4.Movie) (int64, error) {
	if f.trouble != nil {
		return 0, f.trouble
	}
	n, err := f.Storage.WriteClip(ctx, id, m)
	if err == nil && f.written != nil {
		err = f.written(id)
	}
	return n, err
}

// bench is uploads without their goroutine.
type bench struct {
	*Uploads
	*shelftest.Shelf
	files *troubled
}

func newBench(t *testing.T) *bench {
	t.Helper()
	on := shelftest.New(t, 1, time.Now())
	log := slog.Default()
	files := &troubled{Storage: on.Files}
	u := &Uploads{again: map[string]time.Time{}, checked: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "x"},
		[]string{"state"})}
	u.o = settings{Options{Work: t.TempDir()}, Parts{State: on.DB, Files: files, Log: log, Audit: log,
		Archive: &archive.Archive{State: on.DB, Clips: on.Files, Replays: on.Files, Jobs: on.Files, Log: log}}}
	u.o.setDefaults()
	return &bench{u, on, files}
}

// arrived is an upload that is to be checked.
func (b *bench) arrived(t *testing.T, expires time.Time) state.Upload {
	t.Helper()
	ctx, data := t.Context(), clip(t)
	sum := sha256.Sum256(data)
	up, err := b.DB.AddUpload(ctx, state.Upload{ID: state.NewID(), Identity: "alice", Room: "den",
		SHA256: hex.EncodeToString(sum[:]), Bytes: int64(len(data)), State: api.UploadReceiving, Created: time.Now(),
		Expires: expires}, state.UploadLimits{})
	require.NoError(t, err)
	n, err := b.files.WritePart(ctx, up.ID, 0, bytes.NewReader(data))
	require.NoError(t, err)
	require.NoError(t, b.DB.AddPart(ctx, up.ID, 0, n, expires))
	up, err = b.DB.Upload(ctx, up.ID)
	require.NoError(t, err)
	require.Equal(t, api.UploadChecking, up.State)
	return up
}

// A storage that does not answer for a while costs no upload; only one that has expired is given up.
func TestUploadOutlastsTroubleOfTheStorage(t *testing.T) {
	ctx := t.Context()
	b := newBench(t)
	b.files.trouble = errors.New("the bucket does not answer")
	young, old := b.arrived(t, time.Now().Add(b.o.Expire)), b.arrived(t, time.Now().Add(-time.Second))
	for range maxAttempts + 1 {
		b.checkOne(ctx, young)
		b.checkOne(ctx, old)
	}
	require.WithinDuration(t, time.Now().Add(retryAfter), b.again[young.ID], 10*time.Second)
	require.WithinDuration(t, time.Now().Add(retryLongest), b.again[old.ID], 10*time.Second)
	got, err := b.DB.Upload(ctx, young.ID)
	require.NoError(t, err)
	require.Equal(t, api.UploadChecking, got.State, got.Reason)
	got, err = b.DB.Upload(ctx, old.ID)
	require.NoError(t, err)
	require.Equal(t, api.UploadFailed, got.State)
	require.Contains(t, got.Reason, "several times")

	b.files.trouble = nil
	b.checkOne(ctx, young)
	_, err = b.DB.Clip(ctx, young.ID)
	require.NoError(t, err)
}

// The file of a clip that another backend has made of the same upload stays, whatever came of the check here.
func TestClipOfAnotherBackendStays(t *testing.T) {
	for name, then := range map[string]error{"taken": nil, "refused": Invalid("it is too long")} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			b := newBench(t)
			up := b.arrived(t, time.Now().Add(b.o.Expire))
			b.files.written = func(id string) error {
				c := state.Clip{ID: id, Identity: "alice", Room: "den", State: api.ClipReady, Created: time.Now(),
					Origin: api.OriginUpload}
				return errors.Join(b.DB.FinishUpload(ctx, c, nil, up.Expires), then)
			}
			b.checkOne(ctx, up)
			f, err := b.Files.OpenClip(ctx, up.ID)
			require.NoError(t, err, "the file is deleted")
			require.NoError(t, f.Close())
		})
	}
}
