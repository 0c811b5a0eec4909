package web

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/hindsight-app/hindsight/publish/backend/poster"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

const (
	defaultLink = 7 * 24 * time.Hour
	minLink     = time.Minute
	maxLinks    = 50 // of one clip
)

func (s *Server) postLink(w http.ResponseWriter, r *http.Request, user state.Token) error {
	var req api.LinkRequest
	if err := readJSON(w, r, &req); err != nil {
		return err
	}
	life, err := s.linkLife(req.ExpiresIn, defaultLink)
	if err != nil {
		return err
	}
	clip, err := s.ownClip(r, user)
	if err != nil {
		return err
	}
	link, address, err := s.makeLink(r, user, clip, life)
	if err != nil {
		return err
	}
	out := linkView(link)
	out.URL = address
	return writeJSON(w, http.StatusCreated, out)
}

// linkLife is how long a link is to work, from the request; 0 seconds is the usual time.
func (s *Server) linkLife(seconds int64, usual time.Duration) (time.Duration, error) {
	if seconds == 0 {
		return min(usual, s.o.MaxLink), nil
	}
	if seconds < int64(minLink.Seconds()) || seconds > int64(s.o.MaxLink.Seconds()) {
		return 0, invalid("a link can work for between %s and %s", lifetime(minLink),
			lifetime(s.o.MaxLink))
	}
	return time.Duration(seconds) * time.Second, nil
}

// lifetime is a time for people, in the largest unit that has it whole: 90 days, 36 hours, 1 minute.
func lifetime(d time.Duration) string {
	n, unit := int64(d.Seconds()), "second"
	for _, u := range []struct {
		name   string
		length time.Duration
	}{{"day", 24 * time.Hour}, {"hour", time.Hour}, {"minute", time.Minute}} {
		if d >= u.length && d%u.length == 0 {
			n, unit = int64(d/u.length), u.name
			break
		}
	}
	if n != 1 {
		unit += "s"
	}
	return fmt.Sprintf("%d %s", n, unit)
}

// makeLink makes a user's link to a clip that works for as long as life, and returns its address.
func (s *Server) makeLink(r *http.Request, user state.Token, clip state.Clip, life time.Duration) (state.Link, string,
	error) {
	if clip.State != api.ClipReady {
		return state.Link{}, "", &failure{http.StatusConflict, api.ProblemConflict, "the clip is " + clip.State.String() +
			"; only finished clips can be shared"}
	}
	link, secret, ok, err := s.o.State.AddLink(r.Context(), clip.ID, user.Owner(), time.Now().Add(min(life, s.o.MaxLink)),
		maxLinks)
	if err != nil {
		return link, "", err
	}
	if !ok {
		return link, "", &failure{http.StatusConflict, api.ProblemConflict,
			fmt.Sprintf("the clip has %d links already; revoke some first", maxLinks)}
	}
	about(r.Context(), "link", link.ID, "expires", link.Expires)
	return link, s.origin(r) + api.Prefix + "/watch/" + secret, nil
}

func linkView(l state.Link) api.Link {
	return api.Link{LinkID: l.ID, ClipID: l.ClipID, CreatedAt: l.Created, ExpiresAt: l.Expires,
		MadeBy: state.OwnerName(l.Identity), Digest: l.Hash}
}

func (s *Server) getLinks(w http.ResponseWriter, r *http.Request, user state.Token) error {
	clip, err := s.ownClip(r, user)
	if err != nil {
		return err
	}
	links, err := s.o.State.Links(r.Context(), clip.ID)
	if err != nil {
		return err
	}
	return writeLinks(w, links)
}

func writeLinks(w http.ResponseWriter, links []state.Link) error {
	out := api.LinkList{Links: []api.Link{}}
	for _, l := range links {
		out.Links = append(out.Links, linkView(l))
	}
	return writeJSON(w, http.StatusOK, out)
}

// getAllLinks lists the links to all clips of the user.
func (s *Server) getAllLinks(w http.ResponseWriter, r *http.Request, user state.Token) error {
	if err := mayShare(user); err != nil {
		return err
	}
	links, err := s.o.State.LinksOf(r.Context(), user.Owner(), maxListed*maxLinks)
	if err != nil {
		return err
	}
	return writeLinks(w, links)
}

// revoke ends a link to a clip that the user owns.
func (s *Server) revoke(r *http.Request, user state.Token) (state.Clip, error) {
	clip, err := s.ownClip(r, user)
	if err == nil {
		err = s.o.State.DeleteLink(r.Context(), clip.ID, r.PathValue("link"))
		if errors.Is(err, state.ErrNotFound) {
			err = notFound("link")
		}
	}
	return clip, err
}

func (s *Server) deleteLink(w http.ResponseWriter, r *http.Request, user state.Token) error {
	if _, err := s.revoke(r, user); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// putPoster keeps the poster image shown before the clip plays. The client makes it: this program has no
// decoder. It is decoded and encoded again, so that what is served is a JPEG and nothing else.
func (s *Server) putPoster(w http.ResponseWriter, r *http.Request, user state.Token) error {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "image/jpeg" {
		return &failure{http.StatusUnsupportedMediaType, api.ProblemInvalid, "the poster must be of type image/jpeg"}
	}
	clip, err := s.ownClip(r, user)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, poster.MaxBytes))
	var tooBig *http.MaxBytesError
	if errors.As(err, &tooBig) {
		return &failure{http.StatusRequestEntityTooLarge, api.ProblemInvalid,
			fmt.Sprintf("the poster is longer than %d bytes", poster.MaxBytes)}
	}
	if err != nil {
		return invalid("the poster is incomplete")
	}
	image, err := poster.Read(r.Context(), body)
	var wrong poster.Invalid
	if errors.As(err, &wrong) {
		return invalid("%s", wrong)
	}
	if err != nil {
		return err
	}
	if err := s.o.State.SetPoster(r.Context(), clip.ID, image); err != nil {
		return err
	}
	s.o.Archive.NotePoster(r.Context(), clip.ID, image)
	w.WriteHeader(http.StatusNoContent)
	return nil
}
