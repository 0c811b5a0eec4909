package web

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// Limits of what viewers may ask for.
const (
	clipsPerSecond = 1.0 / 15 // of one viewer: through one link from one address, or one user
	clipsAtOnce    = 4
	linkFactor     = 5 // how many times as much all viewers of one link may
	// linkBuffers is how long the clips may be together that viewers of one link have made in an hour without asking,
	// in lengths of the replay: nothing else bounds what they have kept.
	linkBuffers = 3
	maxAsks     = 8 // that wait for one publisher
	maxAsksEach = 3 // of those, of one user or of all viewers with one link
	// maxAskedWait is how long GET …/asked waits at most, askedPeriod how often it looks for what other backends know.
	maxAskedWait = 25 * time.Second
	askedPeriod  = time.Second
)

func newClipLimiter() *limiter {
	l := newLimiter(clipsPerSecond)
	l.most = clipsAtOnce
	return l
}

// bell wakes everybody who listens.
type bell struct {
	mu sync.Mutex
	ch chan struct{}
}

// next is closed at the next ring.
func (b *bell) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch == nil {
		b.ch = make(chan struct{})
	}
	return b.ch
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch != nil {
		close(b.ch)
		b.ch = nil
	}
}

// asker is who asks: all who have the same link, or one user.
func (v watcher) asker() string {
	if v.link.ID != "" {
		return "a viewer of link " + v.link.ID
	}
	return v.user.Owner()
}

// askerName is what people read about who asks.
func askerName(a state.Ask) string {
	if a.LinkID != "" {
		return a.Asker
	}
	return state.OwnerName(a.Asker)
}

// limitClips bounds how often a viewer clips, and all of one link.
func (s *Server) limitClips(w http.ResponseWriter, r *http.Request, v watcher) error {
	now := time.Now()
	if v.link.ID == "" {
		return tooMany(w, s.clipLimiter.wait("user "+v.user.Owner(), now))
	}
	if err := tooMany(w, s.clipLimiter.wait("link "+v.link.ID+" from "+s.caller(r).bucket(), now)); err != nil {
		return err
	}
	return tooMany(w, s.clipLimiter.waitFor("link "+v.link.ID, linkFactor, now))
}

func (s *Server) postViewerClip(w http.ResponseWriter, r *http.Request, v watcher) error {
	var req api.ViewerClipRequest
	if err := readJSON(w, r, &req); err != nil {
		return err
	}
	if v.clips == api.ClipsNobody {
		return &failure{http.StatusForbidden, api.ProblemScope, "the publisher does not let viewers clip this screen"}
	}
	from, to, err := s.clipTimes(req, time.Now().UTC())
	if err != nil {
		return err
	}
	req.Title = api.FitTitle(req.Title)
	if err := s.limitClips(w, r, v); err != nil {
		return err
	}
	view, err := s.view(r.Context(), v.replay.ID, viewAge)
	if err != nil {
		return err
	}
	if view.mayClip(v.clips) != v.clips {
		return &failure{http.StatusConflict, api.ProblemConflict,
			"the publisher no longer shares, so nobody is there to allow the clip"}
	}
	if from, to, err = view.within(from, to); err != nil {
		return err
	}
	if err := s.checkClip(r.Context(), v.replay.Identity); err != nil {
		var full *failure
		switch {
		case !errors.As(err, &full) || v.user.Owner() == v.replay.Identity:
		case full.kind == api.ProblemSpace:
			err = &failure{full.status, full.kind, "the server's storage is nearly full, so " + noClip}
		default:
			err = &failure{full.status, full.kind, "the publisher has no space for more clips on the server"}
		}
		return err
	}
	ask := state.Ask{ID: state.NewID(), ReplayID: v.replay.ID, LinkID: v.link.ID, Asker: v.asker(), Title: req.Title,
		From: from, To: to, Created: time.Now().UTC(), State: state.Asked}
	if v.clips == api.ClipsAnyone {
		ask.State = state.Allowed
		wait, ok, err := s.o.State.AddAllowed(r.Context(), ask, viewersClip(v.replay, ask), s.mostOrdered(),
			linkBuffers*s.o.Replay)
		if err := cmp.Or(linkUsed(w, wait), s.ordered(ok, err)); err != nil {
			return err
		}
	} else if err := s.askPublisher(w, r, ask); err != nil {
		return err
	}
	about(r.Context(), "replay", v.replay.ID, "clip", ask.ID)
	s.asked.ring()
	out := api.ViewerClip{ClipID: ask.ID, State: api.ViewerClipAsked, Seconds: to.Sub(from).Seconds(),
		Title: ask.Title}
	if ask.State == state.Allowed {
		out.State = api.ViewerClipWaiting
	}
	return writeJSON(w, http.StatusAccepted, out)
}

// linkUsed refuses a clip for which a link's viewers have to wait so long, because they have had enough of them.
func linkUsed(w http.ResponseWriter, wait time.Duration) error {
	if wait <= 0 {
		return nil
	}
	_ = tooMany(w, wait)
	return &failure{http.StatusTooManyRequests, api.ProblemTooMany, fmt.Sprintf(
		"the viewers with this link have had as many clips made as one hour allows; try again in %d min",
		int(math.Ceil(wait.Minutes())))}
}

// askPublisher has a viewer's clip wait for the publisher to decide.
func (s *Server) askPublisher(w http.ResponseWriter, r *http.Request, ask state.Ask) error {
	ok, err := s.o.State.AddAsk(r.Context(), ask, maxAsks, maxAsksEach)
	if err == nil && !ok {
		w.Header().Set("Retry-After", strconv.Itoa(api.AskSeconds))
		err = &failure{http.StatusTooManyRequests, api.ProblemTooMany,
			"too many viewers ask for clips at once; try again in a moment"}
	}
	return err
}

// clipTimes reads from when to when a clip is to be.
func (s *Server) clipTimes(req api.ViewerClipRequest, now time.Time) (from, to time.Time, err error) {
	switch {
	case req.From != nil && req.To != nil && req.Seconds == 0:
		from, to = req.From.UTC(), req.To.UTC()
	case req.From == nil && req.To == nil:
		if !(req.Seconds >= minClip.Seconds() && req.Seconds <= s.o.Replay.Seconds()) {
			return from, to, invalid("seconds must be between %g and %g", minClip.Seconds(), s.o.Replay.Seconds())
		}
		from, to = now.Add(-time.Duration(req.Seconds*float64(time.Second))), now
	default:
		return from, to, invalid("a clip has either from and to, or seconds")
	}
	// Sub does not overflow, however far apart they are.
	if length := to.Sub(from); length < minClip || length > s.o.Replay {
		return from, to, invalid("a clip has between %g and %g seconds", minClip.Seconds(), s.o.Replay.Seconds())
	}
	if to.After(now.Add(clockSlop)) {
		return from, to, invalid("to is in the future")
	}
	return from, to, nil
}

// within moves the begin of a clip to that of what is shown, and refuses one of which nothing is, nor will be.
func (v *seen) within(from, to time.Time) (time.Time, time.Time, error) {
	nothing := &failure{http.StatusConflict, api.ProblemConflict, "there is nothing to see of that time"}
	n := len(v.listed)
	if n == 0 {
		return from, to, nothing
	}
	if begin := v.listed[0].From; from.Before(begin) {
		from = begin
	}
	if to.Sub(from) < minClip {
		return from, to, nothing
	}
	if !v.ended && !v.paused() && to.After(v.listed[n-1].To) {
		return from, to, nil // more is on its way
	}
	for _, x := range v.listed {
		if x.To.After(from) && x.From.Before(to) {
			return from, to, nil
		}
	}
	return from, to, nothing
}

// viewersClip is the clip that a viewer asks for. It is the publisher's.
func viewersClip(replay state.Replay, a state.Ask) state.Clip {
	return state.Clip{ID: a.ID, ReplayID: replay.ID, Identity: replay.Identity, Room: replay.Room,
		State: api.ClipWaiting, Asked: a.To.Sub(a.From), Pressed: a.To, Created: time.Now().UTC(), Title: a.Title,
		Asker: askerName(a)}
}

// mostOrdered is how many clips of a publisher may wait when a viewer's is added: the publisher's own find a place.
func (s *Server) mostOrdered() int { return max(1, s.o.MaxWaiting/2) }

// ordered has a viewer's clip made that was added, ok, or returns why it was not.
func (s *Server) ordered(ok bool, err error) error {
	if err == nil && !ok {
		err = &failure{http.StatusTooManyRequests, api.ProblemTooMany,
			fmt.Sprintf("%d clips are already being made; try again when they are done", s.mostOrdered())}
	}
	if err == nil {
		s.o.Keeper.Nudge()
	}
	return err
}

// asked reports whether a viewer has asked for a clip, alone or with all who have the same link.
func (v watcher) asked(a state.Ask) bool {
	if v.link.ID != "" {
		return v.link.ID == a.LinkID
	}
	return a.LinkID == "" && a.Asker == v.asker()
}

// decides reports whether a viewer may decide about the clips that others ask for.
func (v watcher) decides() bool {
	return v.link.ID == "" && (v.user.Owner() == v.replay.Identity || v.clips == api.ClipsAnyone)
}

// getViewerClip tells what became of a viewer's clip.
func (s *Server) getViewerClip(w http.ResponseWriter, r *http.Request, v watcher) error {
	ask, err := s.o.State.Ask(r.Context(), v.replay.ID, r.PathValue("clip"))
	if errors.Is(err, state.ErrNotFound) || err == nil && !v.asked(ask) && !v.decides() {
		return notFound("clip")
	}
	if err != nil {
		return err
	}
	out := api.ViewerClip{ClipID: ask.ID, State: api.ViewerClipAsked, Seconds: ask.To.Sub(ask.From).Seconds(),
		Title: ask.Title}
	switch {
	case ask.State == state.Denied:
		out.State, out.Reason = api.ViewerClipFailed, "the publisher said no"
	case ask.Over(time.Now()):
		out.State, out.Reason = api.ViewerClipFailed, "the publisher has not replied"
	case ask.State == state.Allowed:
		if err := s.viewerClip(r, v, ask, &out); err != nil {
			return err
		}
	}
	return writeJSON(w, http.StatusOK, out)
}

// viewerClip fills in what became of a clip that was allowed. Its link is made by the asker's first look at the
// finished clip; others who may look do not take it away.
func (s *Server) viewerClip(r *http.Request, v watcher, ask state.Ask, out *api.ViewerClip) error {
	clip, err := s.o.State.Clip(r.Context(), ask.ID)
	switch {
	case errors.Is(err, state.ErrNotFound):
		out.State, out.Reason = api.ViewerClipFailed, "the clip was deleted"
	case err != nil:
		return err
	case clip.State == api.ClipFailed:
		out.State, out.Reason = api.ViewerClipFailed, clip.Reason
	case clip.State == api.ClipReady:
		out.State, out.Seconds = api.ViewerClipReady, clip.To.Sub(clip.From).Seconds()
		if !v.asked(ask) {
			break
		}
		secret := viewerSecret(v.secret, ask.ID)
		err := s.o.State.LinkAsked(r.Context(), clip.ID, clip.Identity, secret,
			time.Now().Add(min(defaultLink, s.o.MaxLink)))
		if err != nil {
			return err
		}
		// The same one may have been first with another token: then there is no URL.
		switch _, err := s.o.State.LinkWith(r.Context(), secret); {
		case err == nil:
			out.URL = s.origin(r) + api.Prefix + "/watch/" + secret
		case !errors.Is(err, state.ErrNotFound):
			return err
		}
	default:
		out.State = api.ViewerClipWaiting
	}
	return nil
}

// viewerSecret is the secret of the link to a viewer's clip. Only its hash is kept, and the viewer may ask for it more
// than once: it follows from what the viewer alone knows.
func viewerSecret(secret, clip string) string {
	if secret == "" {
		return strings.ToLower(rand.Text()) // never one that others can compute
	}
	sum := sha256.Sum256([]byte("clip of a viewer\x00" + secret + "\x00" + clip))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))[:26]
}

// decided is for a call that decides about a viewer's clip again, or too late.
func decided(w http.ResponseWriter, is, to state.AskState) error {
	if is == to {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return &failure{http.StatusConflict, api.ProblemConflict, "it is too late to decide about this clip"}
}

func (s *Server) allowClip(w http.ResponseWriter, r *http.Request, user state.Token) error {
	return s.decide(w, r, user, state.Allowed)
}

func (s *Server) denyClip(w http.ResponseWriter, r *http.Request, user state.Token) error {
	return s.decide(w, r, user, state.Denied)
}

func (s *Server) decide(w http.ResponseWriter, r *http.Request, user state.Token, to state.AskState) error {
	replay, err := s.ownReplay(r.Context(), user, r.PathValue("id"))
	if err != nil {
		return err
	}
	ask, err := s.o.State.Ask(r.Context(), replay.ID, r.PathValue("clip"))
	if errors.Is(err, state.ErrNotFound) {
		return notFound("clip")
	}
	if err != nil {
		return err
	}
	if ask.State != state.Asked {
		return decided(w, ask.State, to)
	}
	if to == state.Allowed {
		if err := s.checkClip(r.Context(), replay.Identity); err != nil {
			return err
		}
	}
	ok := true
	if to == state.Allowed {
		ok, err = s.o.State.Allow(r.Context(), viewersClip(replay, ask), s.mostOrdered())
	} else {
		err = s.o.State.Deny(r.Context(), ask.ID)
	}
	if errors.Is(err, state.ErrNotFound) {
		return decided(w, ask.State, to)
	}
	if err == nil && ok {
		s.asked.ring()
	}
	if err := s.ordered(ok, err); err != nil {
		return err
	}
	about(r.Context(), "replay", replay.ID, "clip", ask.ID)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// askedClips are what waits for the publisher of a replay.
func (s *Server) askedClips(ctx context.Context, replay string) ([]api.AskedClip, error) {
	asks, err := s.o.State.Asks(ctx, replay)
	if err != nil {
		return nil, err
	}
	return askedViews(asks), nil
}

func askedViews(asks []state.Ask) []api.AskedClip {
	out := []api.AskedClip{}
	for _, a := range asks {
		out = append(out, api.AskedClip{ClipID: a.ID, From: a.From, To: a.To, Seconds: a.To.Sub(a.From).Seconds(),
			Title: a.Title, At: a.Created, By: askerName(a)})
	}
	return out
}

// madeKept is how long the publisher can hear of a clip that was made.
const madeKept = 2 * time.Minute

// madeClips are those that viewers with links were allowed lately.
func (s *Server) madeClips(ctx context.Context, replay string) ([]api.AskedClip, error) {
	asks, err := s.o.State.AllowedAsks(ctx, replay, time.Now().Add(-madeKept))
	return askedViews(asks), err
}

// cursor stands for lists.
func cursor(lists ...[]api.AskedClip) string {
	sum := sha256.New()
	for _, list := range lists {
		for _, a := range list {
			fmt.Fprintln(sum, a.ClipID)
		}
		fmt.Fprintln(sum)
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}

// getAsked returns what waits for the publisher, once that is something else than the caller has seen.
func (s *Server) getAsked(w http.ResponseWriter, r *http.Request, user state.Token) error {
	q := r.URL.Query()
	wait := time.Duration(number(r, "wait")) * time.Second
	if q.Get("wait") != "" && (wait < 0 || wait > maxAskedWait) {
		return invalid("wait must be between 0 and %g seconds", maxAskedWait.Seconds())
	}
	replay, err := s.ownReplay(r.Context(), user, r.PathValue("id"))
	if err != nil {
		return err
	}
	before := q.Get("seen")
	if before == "" {
		before = cursor(nil, nil)
	}
	tick := time.NewTicker(askedPeriod)
	defer tick.Stop()
	for until := time.Now().Add(wait); ; {
		news := s.asked.next()
		list, err := s.askedClips(r.Context(), replay.ID)
		if err != nil {
			return err
		}
		made, err := s.madeClips(r.Context(), replay.ID)
		if err != nil {
			return err
		}
		if now := cursor(list, made); now != before || !time.Now().Before(until) || s.draining.Load() {
			return writeJSON(w, http.StatusOK, api.AskedList{Asked: list, Made: made, Cursor: now})
		}
		select {
		case <-news:
		case <-tick.C:
		case <-r.Context().Done():
			return r.Context().Err()
		}
	}
}

// paused reports whether the publisher of a replay has paused it now.
func (s *Server) paused(ctx context.Context, replay string) (bool, error) {
	pauses, err := s.o.State.Pauses(ctx, replay)
	return err == nil && len(pauses) > 0 && pauses[len(pauses)-1].To.IsZero(), err
}
