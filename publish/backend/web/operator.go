package web

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

const (
	// operatorCache is how long an answer to operators stands: however often they ask, LiveKit, the database and the
	// metrics are asked no more often than that.
	operatorCache = 3 * time.Second
	// checkTimeout bounds one question of /readyz.
	checkTimeout = 5 * time.Second
)

// States that /readyz tells.
const (
	checkOK          = "ok"
	checkUnreachable = "unreachable"
	statusDegraded   = "degraded"
	statusNotReady   = "not ready"
	statusStopping   = "stopping"
)

// readiness is the answer of /readyz. It names what is away and never where it is.
type readiness struct {
	Status   string `json:"status"`
	Database string `json:"database"`
	LiveKit  string `json:"livekit"`
}

// OperatorHandler returns the calls for operators: /healthz, /readyz and /metrics. It is not for users: what it says is
// about everybody.
func (s *Server) OperatorHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", getHealth)
	mux.HandleFunc("GET /readyz", s.getReady)
	mux.Handle("GET /metrics", s.metrics)
	return mux
}

// getReady says whether calls should come here. With LiveKit away they should: clips and recordings can still be had,
// and no other backend would do better.
func (s *Server) getReady(w http.ResponseWriter, r *http.Request) {
	got := s.ready.get(func() readiness { return s.checkReady(context.WithoutCancel(r.Context())) })
	if s.draining.Load() {
		got.Status = statusStopping
	}
	status := http.StatusOK
	if got.Status != checkOK && got.Status != statusDegraded {
		status = http.StatusServiceUnavailable
	}
	_ = writeJSON(w, status, got)
}

// checkReady asks what the service depends on. Reasons go into the log: they hold addresses.
func (s *Server) checkReady(ctx context.Context) readiness {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	ask := func(name string, ping func(context.Context) error) string {
		if ping == nil {
			return checkOK
		}
		if err := ping(ctx); err != nil {
			s.o.Log.WarnContext(ctx, "not ready", "asked", name, "err", err)
			return checkUnreachable
		}
		return checkOK
	}
	got := readiness{Status: checkOK}
	var both sync.WaitGroup
	both.Go(func() { got.Database = ask("database", s.o.State.Ping) })
	both.Go(func() { got.LiveKit = ask("livekit", s.o.Ready) })
	both.Wait()
	switch {
	case got.Database != checkOK:
		got.Status = statusNotReady
	case got.LiveKit != checkOK:
		got.Status = statusDegraded
	}
	return got
}

// cached keeps a value for operatorCache. Who asks while it is made waits for it.
type cached[T any] struct {
	mu    sync.Mutex
	value T
	made  time.Time
}

func (c *cached[T]) get(produce func() T) T {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.made.IsZero() || time.Since(c.made) > operatorCache {
		c.value, c.made = produce(), time.Now()
	}
	return c.value
}

// gathered are the metrics of one moment.
type gathered struct {
	families []*dto.MetricFamily
	err      error
}

// cachedGatherer gathers metrics no more often than operatorCache.
func cachedGatherer(g prometheus.Gatherer) prometheus.Gatherer {
	var last cached[gathered]
	return prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
		got := last.get(func() (n gathered) {
			n.families, n.err = g.Gather()
			return n
		})
		return got.families, got.err
	})
}
