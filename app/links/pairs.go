package links

import "github.com/hindsight-app/hindsight/app/session"

// Pairs joins the two copies of one press, which are done in any order. It belongs to one goroutine.
type Pairs map[int]*pair

type pair struct{ path, clipID string }

// Note writes down where the server's copy of a clip is, once both are there.
func (p Pairs) Note(e session.Event, book *Book, backend string) error {
	if e.Save == nil {
		return nil
	}
	one := p[e.Save.ID]
	if one == nil {
		one = &pair{}
	}
	switch {
	case e.Kind == session.LocalSaved && e.Save.Server != session.NoCopy:
		one.path = e.Save.Clip.Path
	case e.Kind == session.ServerSaved && e.Save.Local != session.NoCopy:
		one.clipID = e.Save.ClipID
	case e.Kind == session.LocalFailed || e.Kind == session.ServerFailed:
		delete(p, e.Save.ID)
		return nil
	default:
		return nil
	}
	if one.path == "" || one.clipID == "" {
		p[e.Save.ID] = one
		return nil
	}
	delete(p, e.Save.ID)
	return book.Add(one.path, Copy{Backend: backend, ClipID: one.clipID})
}
