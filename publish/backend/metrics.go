package backend

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are what /metrics shows, in a registry of their own.
type metrics struct {
	handler    http.Handler
	requests   *prometheus.CounterVec
	recordings prometheus.Gauge
	buffered   prometheus.Gauge
	lag        prometheus.Gauge
	waiting    prometheus.Gauge
	failures   prometheus.Counter
	clips      *prometheus.CounterVec
	saved      prometheus.Histogram
}

func newMetrics() *metrics {
	r := prometheus.NewRegistry()
	m := &metrics{
		handler: promhttp.HandlerFor(cachedGatherer(r), promhttp.HandlerOpts{}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hindsight_requests_total",
			Help: "HTTP requests by call and status."}, []string{"call", "status"}),
		recordings: prometheus.NewGauge(prometheus.GaugeOpts{Name: "hindsight_recordings",
			Help: "Recordings that are starting or active."}),
		buffered: prometheus.NewGauge(prometheus.GaugeOpts{Name: "hindsight_buffer_seconds",
			Help: "Seconds stored of all recordings that are starting or active."}),
		lag: prometheus.NewGauge(prometheus.GaugeOpts{Name: "hindsight_segment_lag_seconds",
			Help: "How far the newest stored segment is behind now, of the active recording where that is the most."}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{Name: "hindsight_clips_waiting",
			Help: "Clips whose last segment has not landed."}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{Name: "hindsight_recording_failures_total",
			Help: "Recordings that LiveKit gave up."}),
		clips: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hindsight_clips_total",
			Help: "Clips by how they ended."}, []string{"state"}),
		saved: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "hindsight_clip_seconds",
			Help:    "Time from the request to the finished clip, in seconds.",
			Buckets: []float64{0.5, 1, 2, 4, 6, 8, 12, 20, 40, 60}}),
	}
	r.MustRegister(m.requests, m.recordings, m.buffered, m.lag, m.waiting, m.failures, m.clips, m.saved,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}
