package web

import (
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/hindsight-app/hindsight/publish/api"
)

// burstSeconds is how long a caller may have been silent for what it may then do at once.
const burstSeconds = 10

// addressFactor is how much more than one user all calls from one address may make: many users may share it.
const addressFactor = 10

// limiter bounds the calls of each user, of each address that has no user, and more loosely of each address.
type limiter struct {
	perSecond rate.Limit // 0 or less bounds nothing
	most      int        // at once; 0 is ten seconds' worth
	mu        sync.Mutex
	buckets   map[string]*rate.Limiter
	swept     time.Time
}

func newLimiter(perSecond float64) *limiter {
	return &limiter{perSecond: rate.Limit(perSecond), buckets: map[string]*rate.Limiter{}}
}

func (l *limiter) burst() int {
	if l.most > 0 {
		return l.most
	}
	return max(1, int(math.Ceil(float64(l.perSecond)*burstSeconds)))
}

// wait is how long the caller has to wait before this call; 0 lets it pass and counts it.
func (l *limiter) wait(key string, now time.Time) time.Duration { return l.waitFor(key, 1, now) }

// waitFor is wait for a key that may make factor times as many calls.
func (l *limiter) waitFor(key string, factor int, now time.Time) time.Duration {
	if l.perSecond <= 0 {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	// A bucket that has been left alone for a burst is full: a new one is the same.
	if now.Sub(l.swept) > burstSeconds*time.Second {
		for k, b := range l.buckets {
			if b.TokensAt(now) >= float64(b.Burst()) {
				delete(l.buckets, k)
			}
		}
		l.swept = now
	}
	b := l.buckets[key]
	if b == nil {
		b = rate.NewLimiter(l.perSecond*rate.Limit(factor), l.burst()*factor)
		l.buckets[key] = b
	}
	r := b.ReserveN(now, 1)
	delay := r.DelayFrom(now)
	if delay > 0 {
		r.CancelAt(now)
	}
	return delay
}

// limit refuses a caller that is too quick.
func (s *Server) limit(w http.ResponseWriter, key string) error {
	return tooMany(w, s.limiter.wait(key, time.Now()))
}

// limitAddress refuses an address that is too quick, before anything is looked up for it.
func (s *Server) limitAddress(w http.ResponseWriter, r *http.Request) error {
	return tooMany(w, s.limiter.waitFor("all from "+s.caller(r).bucket(), addressFactor, time.Now()))
}

func tooMany(w http.ResponseWriter, delay time.Duration) error {
	if delay <= 0 {
		return nil
	}
	w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(delay.Seconds()))))
	return &failure{http.StatusTooManyRequests, api.ProblemTooMany, "too many requests; slow down"}
}

// limited bounds calls that need no user, by the caller's address.
func (s *Server) limited(h http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.limit(w, "from "+s.caller(r).bucket()); err != nil {
			s.fail(w, r, err)
			return
		}
		h(w, r)
	})
}
