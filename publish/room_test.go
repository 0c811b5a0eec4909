package publish

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/fanout"
	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/client"
)

// cutter is a server that makes clips, slowly, and may have no link for one.
type cutter struct {
	service
	takes   time.Duration
	linkErr error
	began   time.Time
	clips   map[string]bool
}

func (c *cutter) Save(context.Context, api.SaveRequest) (*api.SaveResponse, error) {
	c.began = time.Now()
	c.clips["one"] = true
	return &api.SaveResponse{ClipID: "one"}, nil
}

func (c *cutter) Clip(context.Context, string) (*api.Clip, error) {
	if time.Since(c.began) < c.takes {
		return &api.Clip{State: api.ClipWaiting}, nil
	}
	return &api.Clip{State: api.ClipReady, Seconds: 5}, nil
}

func (c *cutter) CreateLink(context.Context, string, time.Duration) (*api.Link, error) {
	if c.linkErr != nil {
		return nil, c.linkErr
	}
	return &api.Link{URL: "https://host/x"}, nil
}

func (c *cutter) DeleteClip(ctx context.Context, id string) error {
	delete(c.clips, id)
	return ctx.Err()
}

// A viewer's clip that nobody gets a link to does not stay on the server: it would take the publisher's space.
func TestNothingStaysOfAViewersClipWithoutALink(t *testing.T) {
	for name, c := range map[string]struct {
		takes   time.Duration
		linkErr error
		stays   int
	}{
		"made":                        {5 * time.Second, nil, 1},
		"the viewer no longer waits":  {20 * time.Second, nil, 0},
		"there is no link to be made": {time.Second, client.ErrServer, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := &cutter{takes: c.takes, linkErr: c.linkErr, clips: map[string]bool{}}
				s := newSupervisor(&Publisher{log: slog.New(slog.DiscardHandler), backend: server, reader: &fanout.Reader{}})
				s.status.ReplayID = "r"
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				_, err := s.serverClip(ctx, "ann", api.ClipRequest{Seconds: 5}, time.Now())
				require.Equal(t, c.stays == 0, err != nil, err)
				require.Len(t, server.clips, c.stays)
			})
		})
	}
}
