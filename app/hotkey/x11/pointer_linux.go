package x11

import (
	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// pointer reads which buttons of the mouse are down. The core protocol tells of five only, four of which are
// wheels, so this asks XInput 2 (XI2proto.txt), which xgb does not know.
type pointer struct {
	extension
	root xproto.Window
}

// XInput 2's requests, and the id that the server gives its first pointer.
const (
	xiQueryPointer, xiQueryVersion = 40, 47
	corePointer                    = 2
)

// openPointer returns nil where the server has no XInput 2.
func openPointer(conn *xgb.Conn, root xproto.Window) *pointer {
	e, ok := openExtension(conn, "XInputExtension")
	if !ok {
		return nil
	}
	p := &pointer{e, root}
	version := p.request(xiQueryVersion, 8)
	xgb.Put16(version[4:], 2)
	if _, err := p.ask(version); err != nil {
		return nil
	}
	return p
}

// down is whether a button is down.
func (p *pointer) down(button byte) bool {
	const (
		count = 34 // 32 buttons each
		bits  = 56
	)
	query := p.request(xiQueryPointer, 12)
	xgb.Put32(query[4:], uint32(p.root))
	xgb.Put16(query[8:], corePointer)
	r, err := p.ask(query)
	if err != nil || len(r) < bits {
		return false
	}
	at := bits + int(button/8)
	return at < bits+4*int(xgb.Get16(r[count:])) && at < len(r) && r[at]&(1<<(button%8)) != 0
}
