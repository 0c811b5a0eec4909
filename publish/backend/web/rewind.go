package web

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"slices"
	"sync"
	"time"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/buffers"
	"github.com/hindsight-app/hindsight/publish/backend/hls"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

const (
	defaultWatchLink = 24 * time.Hour
	maxWatchLinks    = 50 // of one replay
	// viewAge is how old what viewers see may be: all of one replay share it.
	viewAge = 500 * time.Millisecond
	// viewForgotten is when what nobody asks for anymore is dropped.
	viewForgotten = time.Minute
	// endPatience is how long after its last recording a replay that was not stopped may still go on.
	endPatience = time.Minute
	// maxSegments is how many segments are sent at the same time to one user, or through one link to one address.
	maxSegments = 256
)

// watcher is who looks at a replay, and what they may do there.
type watcher struct {
	replay state.Replay
	// link is what the viewer came through; its ID is empty for a user.
	link state.WatchLink
	user state.Token
	// secret is what the caller has shown: the link's, or the user's.
	secret string
	// clips is whether they may clip; anyone is that they may at once.
	clips api.ClipPolicy
}

// watcher finds out who makes a call about a replay that viewers may make: by a watch link in the query, by a user
// token, or by the cookie of who is signed in at the team's page. Whoever may not see the replay learns not even
// whether there is one.
func (s *Server) watcher(r *http.Request) (watcher, error) {
	id := r.PathValue("id")
	if secret := r.URL.Query().Get("link"); secret != "" {
		link, err := s.o.State.WatchLinkWith(r.Context(), id, secret)
		if errors.Is(err, state.ErrNotFound) {
			return watcher{}, notFound("replay")
		}
		if err != nil {
			return watcher{}, err
		}
		about(r.Context(), "link", link.ID)
		trailOf(r.Context()).link = link.ID
		replay, err := s.o.State.Replay(r.Context(), id)
		if errors.Is(err, state.ErrNotFound) {
			return watcher{}, notFound("replay")
		}
		return watcher{replay: replay, link: link, secret: secret, clips: link.Clips}, err
	}
	who, secret := s.user, r.Header.Get("Authorization")
	if secret == "" {
		who = s.session // which refuses what the page of another server asks for
		name, _, _ := s.sessionCookie(r)
		if c, err := r.Cookie(name); err == nil {
			secret = c.Value // links to this viewer's clips follow from it, see viewerSecret
		}
	}
	user, err := who(r)
	if errors.Is(err, errSignedOut) {
		return watcher{}, notFound("replay")
	}
	if err != nil {
		return watcher{}, err
	}
	replay, err := s.findReplay(r.Context(), user, id)
	if err != nil {
		return watcher{}, err
	}
	v := watcher{replay: replay, user: user, secret: secret, clips: api.ClipsAsk}
	if owns(user, replay.Identity, replay.Room) {
		v.clips = api.ClipsAnyone
	}
	return v, nil
}

// viewerCall is a call that viewers may make.
type viewerCall func(w http.ResponseWriter, r *http.Request, v watcher) error

// viewing finds out who looks. Many viewers may share an address; those without access are slowed down.
func (s *Server) viewing(f viewerCall) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := s.limitAddress(w, r)
		if err == nil {
			var v watcher
			if v, err = s.watcher(r); err == nil {
				err = f(w, r, v)
			} else if slow := s.limit(w, "from "+s.caller(r).bucket()); slow != nil {
				err = slow
			}
		}
		if err != nil {
			s.fail(w, r, err)
		}
	})
}

// seen is what viewers see of a replay at a moment.
type seen struct {
	buffers.View
	pauses []state.Span
	// listed are the segments of the playlist.
	listed []buffers.Shown
	// over is that the publisher no longer shares, ended that nothing is on its way anymore either.
	over, ended bool
	made        time.Time
	// texts are playlists by the watch link's secret.
	textMu sync.Mutex
	texts  map[string]playlistText
}

// playlistText is a playlist, and the same compressed.
type playlistText struct{ plain, zipped []byte }

// views keeps what viewers see for a moment, so that many of them cost little more than one.
type views struct {
	mu   sync.Mutex
	byID map[string]*viewOf
}

// viewOf is the view of one replay. Its mutex is held while the view is made.
type viewOf struct {
	mu   sync.Mutex
	last *seen
	used time.Time // under the mutex of views
}

func (v *views) get(id string, now time.Time) *viewOf {
	v.mu.Lock()
	defer v.mu.Unlock()
	for k, o := range v.byID {
		if now.Sub(o.used) > viewForgotten {
			delete(v.byID, k)
		}
	}
	if v.byID == nil {
		v.byID = map[string]*viewOf{}
	}
	o := v.byID[id]
	if o == nil {
		o = &viewOf{}
		v.byID[id] = o
	}
	o.used = now
	return o
}

// drop has the next look be a new one.
func (v *views) drop(id string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.byID, id)
}

// view returns what viewers see of a replay, no older than age.
func (s *Server) view(ctx context.Context, id string, age time.Duration) (*seen, error) {
	o := s.views.get(id, time.Now())
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.last != nil && time.Since(o.last.made) < age {
		return o.last, nil
	}
	fresh, err := s.look(ctx, id)
	if err == nil {
		o.last = fresh
	}
	return fresh, err
}

// looks is how often a look is made anew because something was deleted in the meantime.
const looks = 3

// look finds out what viewers see of a replay now.
func (s *Server) look(ctx context.Context, id string) (*seen, error) {
	now := time.Now()
	for try := 1; ; try++ {
		replay, err := s.o.State.Replay(ctx, id)
		if err != nil {
			return nil, err
		}
		recordings, err := s.o.State.Recordings(ctx, id)
		if err != nil {
			return nil, err
		}
		out := &seen{made: now, texts: map[string]playlistText{}}
		if out.pauses, err = s.o.State.Pauses(ctx, id); err != nil {
			return nil, err
		}
		if out.View, err = s.o.Buffers.View(ctx, replay, recordings, out.pauses, s.o.State.ShutRecording); err != nil {
			return nil, err
		}
		// A recording is counted before it is deleted. One that was in the meantime would be missing, or count twice.
		after, err := s.o.State.Replay(ctx, id)
		if err != nil {
			return nil, err
		}
		if after.Pruned == replay.Pruned || try == looks {
			out.finish(replay, recordings, now, s.o.Replay)
			return out, nil
		}
	}
}

// finish chooses what is in the playlist: what is stored of the last length. What is older is still served for a while,
// to players that have just learned of it (RFC 8216, 6.2.2).
func (v *seen) finish(replay state.Replay, recordings []state.Recording, now time.Time, length time.Duration) {
	end := now
	if n := len(v.Segments); v.Closed && n > 0 && v.Segments[n-1].To.Before(now) {
		end = v.Segments[n-1].To
	}
	v.over = over(replay, recordings, now)
	v.ended = v.Closed && v.over
	v.listed = buffers.OneKind(slices.DeleteFunc(slices.Clone(v.Segments), func(x buffers.Shown) bool {
		return !x.Stored || x.To.Before(end.Add(-length))
	}))
}

// over is whether a replay has ended: it was stopped, or its last recording ended a while ago. Some of it may still be
// on its way.
func over(replay state.Replay, recordings []state.Recording, now time.Time) bool {
	return !replay.Stopped.IsZero() || !slices.ContainsFunc(recordings, func(r state.Recording) bool {
		return !r.Over() || now.Sub(r.Ended) <= endPatience
	})
}

// over is over now.
func (s *Server) over(ctx context.Context, replay state.Replay) (bool, error) {
	recordings, err := s.o.State.Recordings(ctx, replay.ID)
	return over(replay, recordings, time.Now()), err
}

// mayClip is what a viewer may do: where the publisher is to be asked, nothing once nobody shares anymore.
func (v *seen) mayClip(allowed api.ClipPolicy) api.ClipPolicy {
	if v.over && allowed == api.ClipsAsk {
		return api.ClipsNobody
	}
	return allowed
}

// paused says whether the publisher has paused it now.
func (v *seen) paused() bool {
	return slices.ContainsFunc(v.pauses, func(p state.Span) bool { return p.To.IsZero() })
}

// text is the playlist for those with a link's secret, which may be empty.
func (v *seen) text(secret string) (playlistText, error) {
	v.textMu.Lock()
	defer v.textMu.Unlock()
	if t, ok := v.texts[secret]; ok {
		return t, nil
	}
	query := ""
	if secret != "" {
		query = "?" + url.Values{"link": {secret}}.Encode()
	}
	live := hls.Live{Sequence: v.Next, Jumps: v.NextJumps, Longest: v.Longest, Ended: v.ended}
	if len(v.listed) > 0 {
		live.Sequence, live.Jumps = v.listed[0].Number, v.listed[0].Jumps
	}
	for _, x := range v.listed {
		folder := "segments/" + x.RecordingID + "/"
		l := hls.Listed{URI: folder + x.Name + query, Wall: x.From, Duration: x.To.Sub(x.From), Jump: x.Jump}
		if x.Header != "" {
			l.Header = folder + x.Header + query
		}
		live.Segments = append(live.Segments, l)
	}
	t := playlistText{plain: live.Bytes()}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write(t.plain)
	if err = errors.Join(err, z.Close()); err != nil {
		return t, err
	}
	t.zipped = b.Bytes()
	v.texts[secret] = t
	return t, nil
}

func (s *Server) getPlaylist(w http.ResponseWriter, r *http.Request, v watcher) error {
	view, err := s.view(r.Context(), v.replay.ID, viewAge)
	if err != nil {
		return err
	}
	link := ""
	if v.link.ID != "" {
		link = v.secret
	}
	text, err := view.text(link)
	if err != nil {
		return err
	}
	body := text.plain
	h := w.Header()
	h.Set("Content-Type", "application/vnd.apple.mpegurl")
	h.Set("Vary", "Accept-Encoding")
	h.Set("Referrer-Policy", "no-referrer") // the address may have the secret
	if takesGzip(r) {
		body = text.zipped
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Length", fmt.Sprint(len(body)))
	_, _ = w.Write(body)
	return nil
}

// find returns whether viewers may have a file: a segment that is shown and stored, or the header of one.
func (v *seen) find(recording, name string) bool {
	return slices.ContainsFunc(v.Segments, func(x buffers.Shown) bool {
		return x.Stored && x.RecordingID == recording && (x.Name == name || x.Header != "" && x.Header == name)
	})
}

func (s *Server) getSegment(w http.ResponseWriter, r *http.Request, v watcher) error {
	recording, name := r.PathValue("recording"), r.PathValue("name")
	view, err := s.view(r.Context(), v.replay.ID, viewAge)
	if err == nil && !view.find(recording, name) {
		// Another backend may have listed it a moment ago.
		if view, err = s.view(r.Context(), v.replay.ID, viewAge/10); err == nil && !view.find(recording, name) {
			err = notFound("segment")
		}
	}
	if err != nil {
		return err
	}
	end, ok := s.downloads.begin("segments "+s.downloader(r), maxSegments)
	if !ok {
		return tooMany(w, time.Second)
	}
	defer end()
	f, err := s.o.Storage.OpenFile(r.Context(), recording, name)
	if errors.Is(err, fs.ErrNotExist) {
		err = notFound("segment")
	}
	if err != nil {
		return err
	}
	defer f.Close()
	h := w.Header()
	h.Set("Content-Type", "video/mp4")
	if path.Ext(name) == ".ts" {
		h.Set("Content-Type", "video/mp2t")
	}
	h.Set("Cache-Control", fmt.Sprintf("private, max-age=%d, immutable", int(s.o.Replay.Seconds())))
	h.Set("Referrer-Policy", "no-referrer")
	r = r.Clone(r.Context())
	r.Header.Del("Range") // a segment is short
	last, _ := r.Context().Deadline()
	http.ServeContent(&pacedWriter{w, s.patience, last}, r, "", time.Time{}, f)
	return nil
}

func (s *Server) getTimeline(w http.ResponseWriter, r *http.Request, v watcher) error {
	view, err := s.view(r.Context(), v.replay.ID, viewAge)
	if err != nil {
		return err
	}
	out := api.Timeline{Live: !view.ended, Paused: view.paused(), Clips: view.mayClip(v.clips),
		MaxSeconds: s.o.Replay.Seconds(), RoomName: v.replay.Room, Owner: state.OwnerName(v.replay.Identity)}
	until := time.Time{}
	if n := len(view.listed); n > 0 {
		from, to := view.listed[0].From.UTC(), view.listed[n-1].To.UTC()
		out.From, out.To, until = &from, &to, to
	}
	if out.Paused && out.Live {
		until = time.Now()
	}
	out.Gaps = gaps(view.listed, view.pauses, until)
	return writeJSON(w, http.StatusOK, out)
}

// gaps are the stretches that the segments, oldest first, do not cover, up to until.
func gaps(list []buffers.Shown, pauses []state.Span, until time.Time) []api.Gap {
	out := []api.Gap{}
	if len(list) == 0 {
		return out
	}
	add := func(from, to time.Time) {
		if to.Sub(from) <= buffers.JumpFrom {
			return
		}
		reason := api.GapLost
		if (buffers.Segment{From: from, To: to}).Hidden(pauses) {
			reason = api.GapPaused
		}
		out = append(out, api.Gap{From: from.UTC(), To: to.UTC(), Reason: reason})
	}
	end := list[0].To
	for _, s := range list[1:] {
		add(end, s.From)
		if s.To.After(end) {
			end = s.To
		}
	}
	if until.After(end) {
		add(end, until)
	}
	return out
}

func (s *Server) postWatchLink(w http.ResponseWriter, r *http.Request, user state.Token) error {
	var req api.WatchLinkRequest
	if err := readJSON(w, r, &req); err != nil {
		return err
	}
	life, err := s.linkLife(req.ExpiresIn, defaultWatchLink)
	if err != nil {
		return err
	}
	clips := api.ClipsAsk
	if req.Clips != "" {
		if clips, err = api.ParseClipPolicy(string(req.Clips)); err != nil {
			return invalid("%v", err)
		}
	}
	replay, err := s.ownReplay(r.Context(), user, r.PathValue("id"))
	if err != nil {
		return err
	}
	link, secret, ok, err := s.o.State.AddWatchLink(r.Context(), replay.ID, user.Owner(), clips,
		time.Now().Add(life), maxWatchLinks)
	if err != nil {
		return err
	}
	if !ok {
		return &failure{http.StatusConflict, api.ProblemConflict,
			fmt.Sprintf("the replay has %d links already; revoke some first", maxWatchLinks)}
	}
	about(r.Context(), "link", link.ID, "expires", link.Expires, "clips", clips.String())
	ended, err := s.over(r.Context(), replay)
	if err != nil {
		return err
	}
	out := watchLinkView(link, replay, ended)
	out.URL = s.origin(r) + api.Prefix + "/replays/" + replay.ID + "/watch?" + url.Values{"link": {secret}}.Encode()
	return writeJSON(w, http.StatusCreated, out)
}

func watchLinkView(l state.WatchLink, replay state.Replay, ended bool) api.WatchLink {
	return api.WatchLink{LinkID: l.ID, ReplayID: l.ReplayID, RoomName: replay.Room, Ended: ended, Clips: l.Clips,
		CreatedAt: l.Created, ExpiresAt: l.Expires, MadeBy: state.OwnerName(l.Identity)}
}

func (s *Server) getWatchLinks(w http.ResponseWriter, r *http.Request, user state.Token) error {
	replay, err := s.ownReplay(r.Context(), user, r.PathValue("id"))
	if err != nil {
		return err
	}
	links, err := s.o.State.WatchLinks(r.Context(), replay.ID)
	if err != nil {
		return err
	}
	return s.writeWatchLinks(w, r, links)
}

// getAllWatchLinks lists the links to all replays of the user, those that have ended as well.
func (s *Server) getAllWatchLinks(w http.ResponseWriter, r *http.Request, user state.Token) error {
	if err := mayShare(user); err != nil {
		return err
	}
	links, err := s.o.State.WatchLinksOf(r.Context(), user.Owner(), maxListed)
	if err != nil {
		return err
	}
	slices.Reverse(links)
	return s.writeWatchLinks(w, r, links)
}

func (s *Server) writeWatchLinks(w http.ResponseWriter, r *http.Request, links []state.WatchLink) error {
	type known struct {
		state.Replay
		ended bool
	}
	out, replays := api.WatchLinkList{Links: []api.WatchLink{}}, map[string]known{}
	for _, l := range links {
		of, seen := replays[l.ReplayID]
		if !seen {
			replay, err := s.o.State.Replay(r.Context(), l.ReplayID)
			if errors.Is(err, state.ErrNotFound) {
				continue // it was deleted in the meantime, and its links with it
			}
			if err == nil {
				of.Replay = replay
				of.ended, err = s.over(r.Context(), replay)
			}
			if err != nil {
				return err
			}
			replays[l.ReplayID] = of
		}
		out.Links = append(out.Links, watchLinkView(l, of.Replay, of.ended))
	}
	return writeJSON(w, http.StatusOK, out)
}

// revokeWatch ends a watch link to a replay that the user owns.
func (s *Server) revokeWatch(r *http.Request, user state.Token) error {
	replay, err := s.ownReplay(r.Context(), user, r.PathValue("id"))
	if err != nil {
		return err
	}
	err = s.o.State.DeleteWatchLink(r.Context(), replay.ID, r.PathValue("link"))
	if errors.Is(err, state.ErrNotFound) {
		err = notFound("link")
	}
	return err
}

func (s *Server) deleteWatchLink(w http.ResponseWriter, r *http.Request, user state.Token) error {
	if err := s.revokeWatch(r, user); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) postPause(w http.ResponseWriter, r *http.Request, user state.Token) error {
	var req api.PauseRequest
	if err := readJSON(w, r, &req); err != nil {
		return err
	}
	replay, err := s.ownReplay(r.Context(), user, r.PathValue("id"))
	if err != nil {
		return err
	}
	now := time.Now().UTC()
	at := now
	if req.At != nil {
		at = req.At.UTC()
	}
	switch {
	case req.Paused && at.After(now):
		at = now // a clock that is wrong does not have viewers see more
	case at.After(now.Add(clockSlop)):
		return invalid("at is %v in the future; check the clock of the computer", at.Sub(now))
	case at.Before(time.Unix(1, 0)):
		at = time.Unix(1, 0)
	}
	change := s.o.State.Resume
	if req.Paused {
		change = s.o.State.Pause
	}
	if err := change(r.Context(), replay.ID, at); err != nil {
		return err
	}
	about(r.Context(), "paused", req.Paused)
	s.views.drop(replay.ID)
	w.WriteHeader(http.StatusNoContent)
	return nil
}
