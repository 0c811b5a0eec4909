package x11

import (
	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// extension makes requests of an extension of the server that xgb does not know.
type extension struct {
	conn   *xgb.Conn
	opcode byte
}

// openExtension returns false where the server does not have it.
func openExtension(conn *xgb.Conn, name string) (extension, bool) {
	e, err := xproto.QueryExtension(conn, uint16(len(name)), name).Reply()
	if err != nil || !e.Present {
		return extension{}, false
	}
	return extension{conn, e.MajorOpcode}, true
}

// request begins a request of so many bytes.
func (e extension) request(minor byte, bytes int) []byte {
	b := make([]byte, bytes)
	b[0], b[1] = e.opcode, minor
	xgb.Put16(b[2:], uint16(bytes/4))
	return b
}

func (e extension) ask(request []byte) ([]byte, error) {
	c := e.conn.NewCookie(true, true)
	e.conn.NewRequest(request, c)
	return c.Reply()
}
