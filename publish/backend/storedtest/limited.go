package storedtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/backendtest"
	"github.com/hindsight-app/hindsight/publish/client"
)

// Limited is how a backend whose memory is limited cut the whole of several replays at once.
type Limited struct {
	// Clips are what was cut, Files where they lie.
	Clips []api.Clip
	Files []string
	// Grouped says that the kernel enforced the limit; otherwise this user or machine cannot make control groups.
	Grouped bool
	// Resident is the most memory that the process had, with its program's pages; Group the most of the control group,
	// which counts page cache as well and so is at the limit soon.
	Resident, Group int64
	Took            time.Duration
}

// CutLimited stores replays in dir, starts a backend that has limit bytes of memory on them, and has all cut whole at
// once. The files lie in dir.
func CutLimited(ctx context.Context, dir, program string, lk *stack.LiveKit, o Options, limit int64) (out Limited,
	err error) {
	data := filepath.Join(dir, "data")
	if err := os.MkdirAll(data, 0o755); err != nil {
		return out, err
	}
	stored, err := Store(ctx, data, o)
	if err != nil {
		return out, err
	}
	group, err := stack.NewMemoryGroup(limit)
	if out.Grouped = err == nil; out.Grouped {
		defer func() { err = errors.Join(err, group.Close()) }()
		if program, err = group.Wrap(dir, program); err != nil {
			return out, err
		}
	} else if !errors.Is(err, stack.ErrNoGroup) {
		return out, err
	}
	service, err := stack.StartBackend(ctx, dir, stack.BackendOptions{LiveKit: lk, Program: program,
		Args: []string{"--replay", (o.Length + 10*time.Minute).String()}})
	if err != nil {
		return out, err
	}
	defer service.Close()
	begun := time.Now()
	out.Clips = make([]api.Clip, len(stored))
	errs := make([]error, len(stored))
	var cuts sync.WaitGroup
	for i, s := range stored {
		cuts.Go(func() { out.Clips[i], errs[i] = saveWhole(ctx, service.URL, s) })
	}
	cuts.Wait()
	out.Took = time.Since(begun)
	if err := errors.Join(errs...); err != nil {
		return out, fmt.Errorf("%w; the backend's last words:\n%s", err, service.Tail(2000))
	}
	if out.Resident, err = stack.PeakMemory(service.PID()); err != nil {
		return out, fmt.Errorf("the backend has ended: %w", err)
	}
	for _, c := range out.Clips {
		out.Files = append(out.Files, filepath.Join(data, "clips", c.ClipID+".mp4"))
	}
	if !out.Grouped {
		return out, nil
	}
	killed, err := group.Killed()
	if err != nil {
		return out, err
	}
	if killed > 0 {
		return out, fmt.Errorf("the kernel killed the backend %d times for want of memory", killed)
	}
	out.Group, err = group.Peak()
	return out, err
}

// saveWhole has a whole replay cut and waits for the clip. While the service writes it, a look may take long.
func saveWhole(ctx context.Context, url string, s Replay) (api.Clip, error) {
	c, err := client.New(url, s.Token)
	if err != nil {
		return api.Clip{}, err
	}
	saved, err := c.Save(ctx, api.SaveRequest{ReplayID: s.ReplayID, Seconds: s.To.Sub(s.From).Seconds(), PressedAt: &s.To})
	if err != nil {
		return api.Clip{}, err
	}
	var clip *api.Clip
	backendtest.Await(10*time.Minute, func() bool {
		clip, err = c.Clip(ctx, saved.ClipID)
		return err != nil || clip.State != api.ClipWaiting
	})
	if err == nil && clip.State != api.ClipReady {
		err = fmt.Errorf("the clip is %s: %s", clip.State, clip.Reason)
	}
	if err != nil {
		return api.Clip{}, err
	}
	return *clip, nil
}
