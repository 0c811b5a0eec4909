package web

import (
	"context"
	"log/slog"
	"net/http"
	"strings"

	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// trail is what is learned about a call on its way: who made it, and what it was about.
type trail struct {
	user  state.Token
	about []any // keys and values, as for slog
	// link is the id of the link that the call came through, if any.
	link string
}

type trailKey struct{}

func trailOf(ctx context.Context) *trail {
	t, ok := ctx.Value(trailKey{}).(*trail)
	if !ok {
		return &trail{} // a call of a test, without the outer handler
	}
	return t
}

// about notes what a call is about, for the audit log.
func about(ctx context.Context, args ...any) {
	t := trailOf(ctx)
	t.about = append(t.about, args...)
}

// audit writes who did what, or tried to: everything that changes something or hands out a clip, and every refusal. A
// player asks for a video piece by piece; only the first piece counts.
func (s *Server) audit(r *http.Request, t *trail, status int) {
	refused := status == http.StatusUnauthorized || status == http.StatusForbidden || status == http.StatusTooManyRequests
	changes := r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodOptions
	piece := r.Header.Get("Range")
	hands := (strings.HasSuffix(r.Pattern, "/video") || strings.HasSuffix(r.Pattern, "/files/{name}")) &&
		(piece == "" || strings.HasPrefix(piece, "bytes=0-"))
	if r.Pattern == "/" || strings.HasSuffix(r.Pattern, "/webhook") && !refused || !refused && !changes && !hands {
		return
	}
	args := []any{"call", r.Pattern, "status", status, "from", s.caller(r).addr.String()}
	if t.user.Identity != "" {
		args = append(args, "user", t.user.Owner(), "token", t.user.ID)
	}
	if id := r.PathValue("id"); id != "" {
		args = append(args, "id", id)
	}
	if id := r.PathValue("link"); id != "" && t.user.Identity != "" { // without a user it is the link's secret
		args = append(args, "link", id)
	}
	s.o.Audit.Log(r.Context(), slog.LevelInfo, "audit", append(args, t.about...)...)
}
