package web

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// caller is who makes a call, as far as trusted proxies tell.
type caller struct {
	addr         netip.Addr // invalid where the connection has none
	scheme, host string
}

// caller believes X-Forwarded-For, -Proto and -Host only where the connection comes from a trusted proxy. Of several
// addresses the last that is no trusted proxy counts: those before it are the caller's own words.
func (s *Server) caller(r *http.Request) caller {
	c := caller{scheme: "http", host: r.Host}
	if r.TLS != nil {
		c.scheme = "https"
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return c
	}
	c.addr = peer.Addr().Unmap()
	if !s.trusted(c.addr) {
		return c
	}
	if p := r.Header.Get("X-Forwarded-Proto"); p == "http" || p == "https" {
		c.scheme = p
	}
	if h := r.Header.Get("X-Forwarded-Host"); h != "" && !strings.ContainsAny(h, "/\\@?#\" ,") {
		c.host = h
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		addr, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			return c
		}
		if c.addr = addr.Unmap(); !s.trusted(c.addr) {
			return c
		}
	}
	return c
}

// hintProxy logs once that calls come through a proxy that is not trusted. Who calls directly may bring it about as
// well, which does no harm.
func (s *Server) hintProxy(r *http.Request) {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || r.Header.Get("X-Forwarded-For") == "" || s.trusted(peer.Addr().Unmap()) {
		return
	}
	s.proxyHint.Do(func() {
		s.o.Log.WarnContext(r.Context(), "calls come through a proxy that is not trusted, so all its users share the "+
			"limits of one address; if it is yours, name it with --trusted-proxies", "proxy", peer.Addr().Unmap().String())
	})
}

func (s *Server) trusted(a netip.Addr) bool {
	return slices.ContainsFunc(s.o.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(a) })
}

// bucket is what calls are counted by: an IPv6 host has a whole /64 (RFC 4291, 2.5.4).
func (c caller) bucket() string {
	if c.addr.Is6() {
		if p, err := c.addr.Prefix(64); err == nil {
			return p.String()
		}
	}
	return c.addr.String()
}

// origin is where the caller reaches this service, without a slash at the end.
func (s *Server) origin(r *http.Request) string {
	if s.o.BaseURL != "" {
		return s.o.BaseURL
	}
	c := s.caller(r)
	return c.scheme + "://" + c.host
}
