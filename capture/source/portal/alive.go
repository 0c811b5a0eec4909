package portal

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"

	desktop "github.com/hindsight-app/hindsight/capture/portal"
)

// ErrHung says that the desktop's part that captures the screen runs, but does not respond.
var ErrHung = errors.New("the desktop's screen capture does not respond; if this persists, log out and in again")

// replyWithin is how long the backend may take to say that it lives. A busy one may be slow; a hung one never replies.
const replyWithin = 4 * time.Second

// The portal's second half, which each desktop has its own of (xdg-desktop-portal's documentation, "Backend D-Bus
// interfaces"). It has an object for each session, with the path that the frontend's has.
const (
	backendNames = "org.freedesktop.impl.portal.desktop."
	backendCast  = "org.freedesktop.impl.portal.ScreenCast"
	backendFace  = "org.freedesktop.impl.portal.Session"
	getAll       = "org.freedesktop.DBus.Properties.GetAll"
	driver       = "org.freedesktop.DBus"
)

// findBackend finds who captures for the session, and ends the session when that program ends. Where it is not seen, as
// in a sandbox, the session does without.
func (s *Session) findBackend(ctx context.Context) {
	var names []string
	bus := s.conn.BusObject()
	if err := bus.CallWithContext(ctx, driver+".ListNames", 0).Store(&names); err != nil {
		return
	}
	for _, name := range names {
		if !strings.HasPrefix(name, backendNames) || !s.owns(ctx, name) {
			continue
		}
		var unique string
		if bus.CallWithContext(ctx, driver+".GetNameOwner", 0, name).Store(&unique) != nil {
			continue
		}
		if s.conn.AddMatchSignalContext(ctx, dbus.WithMatchSender(driver), dbus.WithMatchMember("NameOwnerChanged"),
			dbus.WithMatchArg(0, unique)) == nil {
			s.backend = unique
		}
		return
	}
}

// owns says whether a backend has an object for this session.
func (s *Session) owns(ctx context.Context, backend string) bool {
	ctx, cancel := context.WithTimeout(ctx, replyWithin)
	defer cancel()
	return s.conn.Object(backend, s.path).CallWithContext(ctx, getAll, dbus.FlagNoAutoStart, backendFace).Err == nil
}

// Alive asks the backend whether it lives. It returns ErrHung when it does not reply in time, and nil for a reply of
// any kind and where the backend is not known.
func (s *Session) Alive(ctx context.Context) error {
	if s.backend == "" {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, replyWithin)
	defer cancel()
	// Not Peer.Ping, which some libraries reply to from a thread of their own.
	call := s.conn.Object(s.backend, desktop.Path).CallWithContext(limited, getAll, dbus.FlagNoAutoStart, backendCast)
	if ctx.Err() == nil && errors.Is(call.Err, context.DeadlineExceeded) {
		return ErrHung
	}
	return nil
}
