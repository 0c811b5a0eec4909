package web

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// The team's pages are plain HTML with forms, which work without a script; the script only makes them quicker to use.

//go:embed team.html
var teamHTML string

//go:embed team.css
var teamCSS string

//go:embed team.js
var teamJS string

var teamTemplate = template.Must(template.New("team").Parse(teamHTML))

// teamPolicy allows the pages their own style and script, posters, videos and forms, and nothing else. A form's request
// has no Origin where the page has no referrer (Fetch, 3.1), hence Referrer-Policy below.
var teamPolicy = "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'sha256-" + digest(teamCSS) +
	"'; script-src 'sha256-" + digest(teamJS) + "'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// What the pages show, as their template calls it.
const (
	pageSignIn  = "signin"
	pageRefresh = "refresh"
	pageClips   = "clips"
	pageClip    = "clip"
	pageLinks   = "links"
	pageUsage   = "usage"
	pageError   = "error"
)

// What was done, for the next page to say.
const (
	doneSignedOut = "signed-out"
	doneDeleted   = "deleted"
	doneRenamed   = "renamed"
	doneRevoked   = "revoked"
)

var doneTexts = map[string]string{doneSignedOut: "You are signed out.", doneDeleted: "The clip is deleted.",
	doneRenamed: "The clip is renamed.", doneRevoked: "The link is revoked: it no longer works."}

const (
	teamPath = api.Prefix + "/team"
	// perPage is how many clips, or links, a page has.
	perPage = 50
	// maxSearches is how many searches of one user run at the same time: each may look at thousands of clips.
	maxSearches = 4
	// maxReplaysShown bounds the list of replays that run.
	maxReplaysShown = 1000
	// posterAge is how long a browser keeps a poster, which its owner may replace.
	posterAge = 10 * time.Minute
)

// teamRoutes are the team's pages and what brings people in and out.
func (s *Server) teamRoutes() map[string]http.Handler {
	const clip = teamPath + "/clips/{id}"
	return map[string]http.Handler{
		"POST " + api.Prefix + "/sessions/code":                  s.authenticated(s.postCode),
		"POST " + api.Prefix + "/sessions":                       s.limited(s.postSession),
		"POST " + api.Prefix + "/sessions/end":                   s.signedIn(s.postSignOut),
		"GET " + teamPath:                                        s.limited(s.getTeam),
		"GET " + teamPath + "/links":                             s.signedIn(s.getTeamLinks),
		"GET " + teamPath + "/usage":                             s.signedIn(s.getTeamUsage),
		"GET " + clip:                                            s.signedIn(s.getTeamClip),
		"GET " + clip + "/video":                                 s.signedIn(s.getTeamVideo),
		"GET " + clip + "/poster.jpg":                            s.signedIn(s.getTeamPoster),
		"POST " + clip + "/links":                                s.signedIn(s.postTeamLink),
		"POST " + clip + "/links/{link}/revoke":                  s.signedIn(s.postTeamRevoke),
		"POST " + clip + "/rename":                               s.signedIn(s.postTeamRename),
		"POST " + clip + "/delete":                               s.signedIn(s.postTeamDelete),
		"POST " + teamPath + "/replays/{id}/links/{link}/revoke": s.signedIn(s.postTeamUnwatch),
	}
}

// teamPage is what a page shows. What the user may not see is not in it.
type teamPage struct {
	CSS template.CSS
	JS  template.JS
	// Root is where the first page is and Team where the others are, relative to the page.
	Root, Team, Icon string
	Kind, Title      string
	Notice, Error    string
	User             string // empty is nobody
	MayShare         bool
	Search           teamSearch
	Replays          []teamReplay
	Clips            []teamClip
	Clip             teamClip
	Links            []teamLink
	WatchLinks       []teamLink
	NewLink          string
	Lives            []teamChoice
	Older, First     string
	Usage            []teamUsage
	// Asks are the questions about a clip, by its id.
	Asks          map[string]teamAsk
	Rooms, Rights string
}

// teamSearch is what the user looks for.
type teamSearch struct {
	Text, Room, Person, From, To, Zone string
	More, Any                          bool
}

type teamReplay struct {
	Person, Room, Began, BeganAt, Watch string
}

// teamClip is a clip. Saved is when it was asked for or uploaded, which the list is sorted by, When is when it begins;
// names that end in At are the same for programs. Name is what somebody called it, Title what it is called in any case.
type teamClip struct {
	ID, Name, Title, Person, Asker, Room, Saved, SavedAt, When, At, Length, Size, State, Reason, Origin string
	Ready, Poster, Own                                                                                  bool
	// Earlier says that it was not saved right after it was recorded.
	Earlier  bool
	Chapters []watchedChapter
}

// teamAsk is a question about a clip: whether to delete it, or what to call it. Kind is the page that it is on, Back
// the list's address, for the way back. Next is what has the keyboard after the clip is deleted.
type teamAsk struct{ ID, Name, Title, Team, Kind, Back, Next string }

// teamLink is a link. Of and OfAt are when that began which it leads to, Can is what whoever has it can do. Next is
// what has the keyboard after the link is revoked.
type teamLink struct {
	ID, ClipID, ReplayID, Title, Of, OfAt, Can, MadeBy, Made, MadeAt, Ends, EndsAt, Next string
	// Ended says that the replay has ended, of which something is still kept.
	Ended bool
}

// Anchors of the pages, which have the keyboard after something was done.
const (
	anchorMain  = "main"
	anchorClip  = "clip-"
	anchorLink  = "link-"
	anchorTitle = "title"
)

type teamChoice struct {
	Seconds int64
	Label   string
	Chosen  bool
}

// teamUsage is how much of something there is; without a Max nothing bounds it.
type teamUsage struct {
	Name, Text string
	Value, Max int64
}

// rootOf leads from a page to the first.
func rootOf(r *http.Request) string {
	return cmp.Or(strings.Repeat("../", max(strings.Count(r.URL.Path, "/")-1, 0)), "./")
}

func (s *Server) teamPage(r *http.Request, user state.Token, kind, title string) *teamPage {
	p := &teamPage{Kind: kind, Title: title, Root: rootOf(r), User: user.Identity, MayShare: user.Has(state.Publish)}
	p.Team = p.Root + strings.TrimPrefix(teamPath, "/")
	p.Notice = doneTexts[r.URL.Query().Get("done")]
	return p
}

func (p *teamPage) ask(back string, clips ...teamClip) {
	p.Asks = map[string]teamAsk{}
	for i, c := range clips {
		p.Asks[c.ID] = teamAsk{c.ID, c.Name, c.Title, p.Team, p.Kind, back, beside(i, len(clips), func(i int) string {
			return anchorClip + clips[i].ID
		})}
	}
}

// beside is the anchor of what takes the place of the i-th of n: of the next, else of the one before.
func beside(i, n int, anchor func(int) string) string {
	switch {
	case i+1 < n:
		return anchor(i + 1)
	case i > 0:
		return anchor(i - 1)
	}
	return anchorMain
}

// follow fills in what has the keyboard after a link is revoked.
func follow(links []teamLink) []teamLink {
	for i := range links {
		links[i].Next = beside(i, len(links), func(i int) string { return anchorLink + links[i].ID })
	}
	return links
}

func (s *Server) showTeam(w http.ResponseWriter, r *http.Request, status int, page *teamPage) {
	page.Icon = rootOf(r) + strings.TrimPrefix(api.Prefix+iconImage.path(), "/")
	page.CSS, page.JS = template.CSS(teamCSS), template.JS(teamJS) // #nosec G203 -- our own embedded files
	var body bytes.Buffer
	if err := teamTemplate.Execute(&body, page); err != nil {
		s.fail(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", teamPolicy)
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("X-Robots-Tag", "noindex, nofollow")
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes())
}

// signedIn has a call made by who is signed in, and turns errors into pages.
func (s *Server) signedIn(f userCall) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := s.limitAddress(w, r)
		var user state.Token
		if err == nil {
			user, err = s.session(r)
		}
		switch key := "user " + user.Owner(); {
		case errors.Is(err, errSignedOut):
			err = cmp.Or(s.limit(w, "from "+s.caller(r).bucket()), err)
		case err == nil && !strings.HasSuffix(r.Pattern, ".jpg"): // of which a page has many
			err = s.limit(w, key)
		}
		if err == nil {
			err = f(w, r, user)
		}
		if err != nil {
			s.failTeam(w, r, user, err)
		}
	})
}

func (s *Server) failTeam(w http.ResponseWriter, r *http.Request, user state.Token, err error) {
	f := asFailure(err)
	if f.status >= 500 {
		s.o.Log.ErrorContext(r.Context(), "call failed", "call", r.Pattern, "user", user.Owner(), "err", err)
	}
	page := s.teamPage(r, user, pageError, "That didn't work")
	page.Error = sentence(f.detail)
	if f == errSignedOut {
		page.Kind, page.Title, page.Error = pageSignIn, "Sign in", ""
		w.Header().Set("WWW-Authenticate", `Bearer realm="hindsight"`)
	}
	s.showTeam(w, r, f.status, page)
}

// sentence has a problem begin and end as people write.
func sentence(text string) string {
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// getTeam is the first page: what runs, and the clips. Who is not signed in reads how to.
func (s *Server) getTeam(w http.ResponseWriter, r *http.Request) {
	user, err := s.session(r)
	switch {
	case errors.Is(err, errSignedOut):
		page := s.teamPage(r, user, pageSignIn, "Sign in")
		// Browsers hold the cookie back where a link on another site leads here; the page itself gets it.
		if r.Header.Get("Sec-Fetch-Site") == "cross-site" && r.Header.Get("Sec-Fetch-Mode") == "navigate" {
			page.Kind = pageRefresh
		}
		s.showTeam(w, r, http.StatusOK, page)
	case err == nil:
		if err = s.limit(w, "user "+user.Owner()); err == nil {
			err = s.clipsPage(w, r, user)
		}
	}
	if err != nil && !errors.Is(err, errSignedOut) {
		s.failTeam(w, r, user, err)
	}
}

func (s *Server) clipsPage(w http.ResponseWriter, r *http.Request, user state.Token) error {
	page := s.teamPage(r, user, pageClips, "Clips")
	search, query, err := readSearch(r.URL.Query())
	if err != nil {
		page.Error = sentence(err.Error())
	}
	page.Search = search
	query.Owner, query.All = user.Owner(), user.Has(state.View) && user.Rooms == "*"
	if user.Has(state.View) {
		query.In = user.Allows
	}
	end, ok := s.downloads.begin("searches of "+user.Owner(), maxSearches)
	if !ok {
		w.Header().Set("Retry-After", "5")
		return &failure{http.StatusTooManyRequests, api.ProblemTooMany, fmt.Sprintf(
			"%d of your searches are running already; try again when one of them is done", maxSearches)}
	}
	clips, next, err := s.o.State.FindClips(r.Context(), query)
	end()
	if err != nil {
		return err
	}
	if next != "" {
		page.Older = page.Root + "?" + search.query(next)
	}
	if query.After != "" {
		page.First = page.Root + "?" + search.query("")
	}
	if page.Clips, err = s.teamClips(r.Context(), user, clips); err != nil {
		return err
	}
	page.ask(search.query(query.After), page.Clips...)
	if query.After == "" && !search.Any {
		if page.Replays, err = s.teamReplays(r.Context(), user, page.Root); err != nil {
			return err
		}
	}
	s.showTeam(w, r, http.StatusOK, page)
	return nil
}

// readSearch reads what the user looks for; what it cannot read it leaves out, with an error to show.
func readSearch(q url.Values) (v teamSearch, out state.ClipQuery, err error) {
	out = state.ClipQuery{After: q.Get("after"), Limit: perPage}
	get := func(key string) string { return strings.TrimSpace(api.Printable(q.Get(key))) }
	v = teamSearch{Text: get("q"), Room: get("room"), Person: get("person"), From: get("from"), To: get("to"),
		Zone: get("zone")}
	v.More = v.Room+v.Person+v.From+v.To != ""
	v.Any = v.More || v.Text != ""
	minutes, zoneErr := strconv.Atoi(cmp.Or(v.Zone, "0"))
	if zoneErr != nil || minutes < -24*60 || minutes > 24*60 {
		minutes, v.Zone = 0, ""
	}
	day := func(text string) time.Time {
		t, wrong := time.ParseInLocation(time.DateOnly, text, time.FixedZone("", minutes*60))
		if wrong != nil && text != "" {
			err = errors.New("a date is not of the form 2026-01-31")
		}
		return t
	}
	since, until := day(v.From), time.Time{}
	if to := day(v.To); !to.IsZero() {
		until = to.AddDate(0, 0, 1)
	}
	out.Since = since // clips are not asked for before they are recorded
	words, room, person := strings.Fields(strings.ToLower(v.Text)), strings.ToLower(v.Room), strings.ToLower(v.Person)
	if v.Any {
		out.Match = func(c state.Clip) bool {
			at := recordedAt(c)
			owner, in := strings.ToLower(state.OwnerName(c.Identity)), strings.ToLower(c.Room)
			if at.Before(since) || !until.IsZero() && !at.Before(until) || !strings.Contains(in, room) ||
				!strings.Contains(owner, person) {
				return false
			}
			text := strings.ToLower(c.Title+"\n"+c.Asker) + "\n" + owner + "\n" + in
			for _, x := range c.Chapters {
				text += "\n" + strings.ToLower(x.Title)
			}
			for _, word := range words {
				if !strings.Contains(text, word) {
					return false
				}
			}
			return true
		}
	}
	return v, out, err
}

// query is the end of the address of a search that goes on after a clip.
func (v teamSearch) query(after string) string {
	q := url.Values{}
	for key, value := range map[string]string{"q": v.Text, "room": v.Room, "person": v.Person, "from": v.From,
		"to": v.To, "zone": v.Zone, "after": after} {
		if value != "" {
			q.Set(key, value)
		}
	}
	return q.Encode()
}

// recordedAt is when a clip begins, as far as that is known.
func recordedAt(c state.Clip) time.Time {
	if c.From.IsZero() {
		return c.Start()
	}
	return c.From
}

const (
	teamTime = "2 January 2006, 15:04 UTC"
	// savedAtOnce is how long after its end a clip is saved that somebody has just seen.
	savedAtOnce = 5 * time.Minute
)

// times is a moment for people and for programs. The script writes it as people do where they are.
func times(t time.Time) (text, machine string) {
	return t.UTC().Format(teamTime), t.UTC().Format(time.RFC3339)
}

func (s *Server) teamClips(ctx context.Context, user state.Token, clips []state.Clip) ([]teamClip, error) {
	ids := make([]string, len(clips))
	for i, c := range clips {
		ids[i] = c.ID
	}
	posters, err := s.o.State.Posters(ctx, ids)
	if err != nil {
		return nil, err
	}
	var out []teamClip
	for _, c := range clips {
		if !sees(user, c.Identity, c.Room) {
			continue
		}
		at, length := recordedAt(c), c.Asked
		v := teamClip{ID: c.ID, Name: c.Title, Person: state.OwnerName(c.Identity), Asker: c.Asker, Room: c.Room,
			State: c.State.String(), Reason: sentence(c.Reason), Origin: c.Origin.String(), Ready: c.State == api.ClipReady,
			Poster: posters[c.ID], Own: owns(user, c.Identity, c.Room)}
		v.Saved, v.SavedAt = times(c.Created)
		v.When, v.At = times(at)
		if v.Ready {
			length, v.Size = c.To.Sub(c.From), size(c.Bytes)
		}
		v.Earlier = c.Created.Sub(at.Add(length)) > savedAtOnce
		v.Length = clock(length.Round(time.Second))
		v.Title = cmp.Or(c.Title, "Clip of "+spoken(length))
		for _, x := range c.Chapters {
			v.Chapters = append(v.Chapters, watchedChapter{Moment: clock(time.Duration(x.Seconds * float64(time.Second))),
				Title: x.Title, URL: fmt.Sprintf("?t=%.3f", x.Seconds)})
		}
		out = append(out, v)
	}
	return out, nil
}

// size is a length of files for people.
func size(bytes int64) string {
	if bytes >= 1e9 {
		return fmt.Sprintf("%.1f GB", float64(bytes)/1e9)
	}
	return fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
}

func (s *Server) teamReplays(ctx context.Context, user state.Token, root string) (out []teamReplay, err error) {
	replays, err := s.o.State.RunningReplays(ctx, maxReplaysShown)
	if err != nil {
		return nil, err
	}
	for _, p := range replays {
		if sees(user, p.Identity, p.Room) {
			v := teamReplay{Person: state.OwnerName(p.Identity), Room: p.Room,
				Watch: root + strings.TrimPrefix(api.Prefix, "/") + "/replays/" + p.ID + "/watch"}
			v.Began, v.BeganAt = times(p.Created)
			out = append(out, v)
		}
	}
	return out, nil
}

func (s *Server) getTeamClip(w http.ResponseWriter, r *http.Request, user state.Token) error {
	clip, err := s.findClip(r, user)
	if err != nil {
		return err
	}
	return s.clipPage(w, r, user, clip, "")
}

// clipPage shows a clip, and a link that was just made.
func (s *Server) clipPage(w http.ResponseWriter, r *http.Request, user state.Token, clip state.Clip,
	link string) error {
	views, err := s.teamClips(r.Context(), user, []state.Clip{clip})
	if err != nil {
		return err
	}
	page := s.teamPage(r, user, pageClip, views[0].Title)
	page.Clip, page.NewLink = views[0], link
	page.ask("", page.Clip)
	if at, err := strconv.ParseFloat(r.URL.Query().Get("t"), 64); err == nil && at > 0 {
		page.First = fmt.Sprintf("#t=%.3f", at)
	}
	if page.Clip.Own {
		links, err := s.o.State.Links(r.Context(), clip.ID)
		if err != nil {
			return err
		}
		for _, l := range links {
			if l.Expires.After(time.Now()) {
				page.Links = append(page.Links, viewLink(l, clip))
			}
		}
		follow(page.Links)
		page.Lives = s.linkLives()
	}
	s.showTeam(w, r, http.StatusOK, page)
	return nil
}

func viewLink(l state.Link, c state.Clip) teamLink {
	v := teamLink{ID: l.ID, ClipID: c.ID, Title: c.Title, Can: "Watch the clip", MadeBy: state.OwnerName(l.Identity)}
	v.Of, v.OfAt = times(c.Pressed)
	v.Made, v.MadeAt = times(l.Created)
	v.Ends, v.EndsAt = times(l.Expires)
	return v
}

// viewersCan says what a watch link is good for.
func viewersCan(clips api.ClipPolicy) string {
	switch clips {
	case api.ClipsNobody:
		return "Rewind, not clip"
	case api.ClipsAnyone:
		return "Rewind and clip"
	}
	return "Rewind, and clip if you allow it"
}

// linkLives are how long a new link may work.
func (s *Server) linkLives() (out []teamChoice) {
	for _, days := range []int64{1, 7, 30, 90} {
		life := time.Duration(days) * 24 * time.Hour
		if life > s.o.MaxLink {
			break
		}
		label := fmt.Sprintf("%d days", days)
		if days == 1 {
			label = "1 day"
		}
		out = append(out, teamChoice{int64(life.Seconds()), label, life == defaultLink})
	}
	if len(out) == 0 {
		out = []teamChoice{{int64(s.o.MaxLink.Seconds()), lifetime(s.o.MaxLink), true}}
	}
	return out
}

func (s *Server) getTeamVideo(w http.ResponseWriter, r *http.Request, user state.Token) error {
	clip, err := s.findClip(r, user)
	if err != nil {
		return err
	}
	disposition := "inline"
	if r.URL.Query().Get("download") != "" {
		disposition = "attachment"
	}
	return s.sendVideo(w, r, clip, disposition)
}

func (s *Server) getTeamPoster(w http.ResponseWriter, r *http.Request, user state.Token) error {
	clip, err := s.findClip(r, user)
	if err != nil {
		return err
	}
	poster, err := s.o.State.Poster(r.Context(), clip.ID)
	if errors.Is(err, state.ErrNotFound) {
		err = notFound("poster")
	}
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "image/jpeg")
	w.Header().Set("Cache-Control", fmt.Sprintf("private, max-age=%d", int(posterAge.Seconds())))
	return s.serveContent(w, r, clip.Created, bytes.NewReader(poster))
}

func (s *Server) postTeamLink(w http.ResponseWriter, r *http.Request, user state.Token) error {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	life := min(defaultLink, s.o.MaxLink)
	if text := r.PostFormValue("life"); text != "" {
		seconds, err := strconv.ParseInt(text, 10, 64)
		if err != nil || seconds < int64(minLink.Seconds()) || seconds > int64(s.o.MaxLink.Seconds()) {
			return invalid("a link can work for %s at most", lifetime(s.o.MaxLink))
		}
		life = time.Duration(seconds) * time.Second
	}
	clip, err := s.ownClip(r, user)
	if err != nil {
		return err
	}
	_, address, err := s.makeLink(r, user, clip, life)
	if err != nil {
		return err
	}
	return s.clipPage(w, r, user, clip, address)
}

func (s *Server) postTeamRevoke(w http.ResponseWriter, r *http.Request, user state.Token) error {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	clip, err := s.revoke(r, user)
	if err != nil {
		return err
	}
	back := clipPath(r, clip)
	if r.PostFormValue("back") == pageLinks {
		back = rootOf(r) + strings.TrimPrefix(teamPath, "/") + "/links"
	}
	redirect(w, back+"?done="+doneRevoked+nextOf(r))
	return nil
}

// clipPath leads from a page to that of a clip.
func clipPath(r *http.Request, clip state.Clip) string {
	return rootOf(r) + strings.TrimPrefix(teamPath, "/") + "/clips/" + clip.ID
}

// listPath leads from a form on the list of clips back to it.
func listPath(r *http.Request, done string) string {
	values, _ := url.ParseQuery(r.PostFormValue("back")) // what it cannot read is left out
	search, query, _ := readSearch(values)
	back := search.query(query.After)
	if back != "" {
		back += "&"
	}
	return rootOf(r) + "?" + back + "done=" + done
}

// nextOf is the end of an address, which gives the keyboard to what a form names.
func nextOf(r *http.Request) string {
	u := url.URL{Fragment: cmp.Or(r.PostFormValue("next"), anchorMain)}
	return u.String()
}

// postTeamRename gives a clip another title.
func (s *Server) postTeamRename(w http.ResponseWriter, r *http.Request, user state.Token) error {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	clip, err := s.rename(r, user, r.PostFormValue("title"))
	if err != nil {
		return err
	}
	back := listPath(r, doneRenamed) + "#" + anchorClip + clip.ID
	if r.PostFormValue("on") == pageClip {
		back = clipPath(r, clip) + "?done=" + doneRenamed + "#" + anchorTitle
	}
	redirect(w, back)
	return nil
}

func (s *Server) postTeamDelete(w http.ResponseWriter, r *http.Request, user state.Token) error {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	clip, err := s.ownClip(r, user)
	if err != nil {
		return err
	}
	if err := s.o.Archive.DropClip(r.Context(), clip); err != nil {
		return err
	}
	redirect(w, listPath(r, doneDeleted)+nextOf(r))
	return nil
}

// getTeamLinks lists the links to the user's clips.
func (s *Server) getTeamLinks(w http.ResponseWriter, r *http.Request, user state.Token) error {
	if err := mayShare(user); err != nil {
		return err
	}
	skip := number(r, "skip")
	links, err := s.o.State.ClipLinksOf(r.Context(), user.Owner(), skip, perPage+1)
	if err != nil {
		return err
	}
	page := s.teamPage(r, user, pageLinks, "My links")
	if len(links) > perPage {
		links = links[:perPage]
		page.Older = fmt.Sprintf("?skip=%d", skip+perPage)
	}
	if skip > 0 {
		page.First = page.Team + "/links"
	}
	for _, l := range links {
		page.Links = append(page.Links, viewLink(l.Link, l.Clip))
	}
	follow(page.Links)
	if skip == 0 {
		if page.WatchLinks, err = s.watchLinks(r.Context(), user); err != nil {
			return err
		}
	}
	s.showTeam(w, r, http.StatusOK, page)
	return nil
}

// watchLinks are the links to the user's replays.
func (s *Server) watchLinks(ctx context.Context, user state.Token) (out []teamLink, err error) {
	links, err := s.o.State.WatchLinksOf(ctx, user.Owner(), maxListed)
	for _, l := range links {
		replay, err := s.o.State.Replay(ctx, l.ReplayID)
		if errors.Is(err, state.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		v := teamLink{ID: l.ID, ReplayID: l.ReplayID, Title: "Replay in " + replay.Room, MadeBy: state.OwnerName(l.Identity)}
		if v.Ended, err = s.over(ctx, replay); err != nil {
			return nil, err
		}
		v.Can = viewersCan((&seen{over: v.Ended}).mayClip(l.Clips))
		v.Of, v.OfAt = times(replay.Created)
		v.Made, v.MadeAt = times(l.Created)
		v.Ends, v.EndsAt = times(l.Expires)
		out = append(out, v)
	}
	return follow(out), err
}

func (s *Server) postTeamUnwatch(w http.ResponseWriter, r *http.Request, user state.Token) error {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	if err := s.revokeWatch(r, user); err != nil {
		return err
	}
	redirect(w, rootOf(r)+strings.TrimPrefix(teamPath, "/")+"/links?done="+doneRevoked+nextOf(r))
	return nil
}

// getTeamUsage says how much the user has of what is allowed.
func (s *Server) getTeamUsage(w http.ResponseWriter, r *http.Request, user state.Token) error {
	ctx, owner := r.Context(), user.Owner()
	clips, bytes, err := s.o.State.Used(ctx, owner)
	if err != nil {
		return err
	}
	replays, err := s.o.State.CountReplays(ctx, owner)
	if err != nil {
		return err
	}
	jobs, err := s.o.State.JobsOf(ctx, owner, maxListed)
	if err != nil {
		return err
	}
	recorded, err := s.jobBytes(ctx, jobs)
	if err != nil {
		return err
	}
	page := s.teamPage(r, user, pageUsage, "Usage")
	count := func(name string, n, most int) {
		u := teamUsage{Name: name, Text: strconv.Itoa(n), Value: int64(n), Max: int64(most)}
		if most > 0 {
			u.Text += " of " + strconv.Itoa(most)
		}
		page.Usage = append(page.Usage, u)
	}
	length := func(name string, n, most int64) {
		u := teamUsage{Name: name, Text: size(n), Value: n, Max: most}
		if most > 0 {
			u.Text += " of " + size(most)
		}
		page.Usage = append(page.Usage, u)
	}
	count("Clips", clips, s.o.MaxClips)
	length("Size of clips", bytes, s.o.MaxClipBytes)
	count("Recordings", len(jobs), s.o.MaxRecordings)
	length("Size of recordings", recorded, s.o.MaxRecordingBytes)
	count("Replays", replays, s.o.MaxReplays)
	page.Rooms, page.Rights = user.Rooms, rightsOf(user)
	s.showTeam(w, r, http.StatusOK, page)
	return nil
}

// rightsOf says what a token is good for.
func rightsOf(user state.Token) string {
	var out []string
	for _, right := range []struct {
		scope state.Scope
		text  string
	}{{state.Publish, "share your screen and your clips"}, {state.View, "see what others share and save"},
		{state.Record, "record rooms"}, {state.Manage, "delete and hand out what belongs to others"}} {
		if user.Has(right.scope) {
			out = append(out, right.text)
		}
	}
	return strings.Join(out, ", ")
}
