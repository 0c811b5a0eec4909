package app

import (
	"github.com/hindsight-app/hindsight/app/links"
	"github.com/hindsight-app/hindsight/app/session"
)

// autoLinks decides which copy of a saved clip gets the link that is made after each save: the one that the server has
// made itself, else one that is uploaded. The two copies of a press are done in any order. It belongs to one goroutine.
type autoLinks map[int]*savedCopies

// savedCopies is what is known of one press.
type savedCopies struct {
	here, there bool // whether it is known what became of the copy
	path        string
	linked      bool
}

// next returns what there is to be done after an event: a copy to link to, with its file here where that is known, or a
// file to upload, or nothing.
func (l autoLinks) next(e session.Event) (path string, at links.Copy) {
	if e.Save == nil {
		return "", at
	}
	known := l[e.Save.ID]
	if known == nil {
		known = &savedCopies{}
	}
	switch e.Kind {
	case session.LocalSaved:
		known.path = e.Save.Clip.Path
		known.here, known.there = true, known.there || e.Save.Server == session.NoCopy
	case session.LocalFailed:
		known.here, known.there = true, known.there || e.Save.Server == session.NoCopy
	case session.ServerSaved:
		at = links.Copy{Backend: e.Save.Backend, ClipID: e.Save.ClipID}
		known.linked, known.there, known.here = true, true, known.here || e.Save.Local == session.NoCopy
	case session.ServerFailed:
		known.there, known.here = true, known.here || e.Save.Local == session.NoCopy
	default:
		return "", at
	}
	if known.here && known.there {
		delete(l, e.Save.ID)
	} else {
		l[e.Save.ID] = known
	}
	if at.ClipID != "" || known.here && known.there && !known.linked {
		path = known.path
	}
	return path, at
}
