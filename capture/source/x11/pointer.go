package x11

import (
	"image"

	"github.com/jezek/xgb/xfixes"
	"github.com/jezek/xgb/xproto"
)

// pointer is where the mouse pointer is and what it looks like.
type pointer struct {
	d   *Display
	at  image.Point                 // on the screen
	now *xfixes.GetCursorImageReply // nil while it is on another screen, or before the first look
}

// ask asks where the pointer is; look waits for the answer.
func (p *pointer) ask() xproto.QueryPointerCookie {
	return xproto.QueryPointer(p.d.conn, p.d.screen.Root)
}

// look answers whether the pointer has changed.
func (p *pointer) look(asked xproto.QueryPointerCookie) (changed bool, err error) {
	r, err := asked.Reply()
	if err != nil {
		return false, err
	}
	if !r.SameScreen {
		changed, p.now = p.now != nil, nil
		return changed, nil
	}
	at := image.Pt(int(r.RootX), int(r.RootY))
	changed, p.at = at != p.at, at
	if p.d.pointerChanged.Swap(false) || p.now == nil {
		p.now, err = xfixes.GetCursorImage(p.d.conn).Reply()
		changed = true
	}
	return changed, err
}

// draw puts the pointer into a picture whose corner lies at the given point of the screen.
func (p *pointer) draw(into Picture, corner image.Point) {
	if p.now == nil {
		return
	}
	c := p.now
	left := p.at.Sub(image.Pt(int(c.Xhot), int(c.Yhot))).Sub(corner)
	area := image.Rect(0, 0, int(c.Width), int(c.Height)).Add(left).Intersect(image.Rect(0, 0, into.Width, into.Height))
	for y := area.Min.Y; y < area.Max.Y; y++ {
		from := c.CursorImage[(y-left.Y)*int(c.Width):]
		to := into.Data[(y*into.Width)*4:]
		for x := area.Min.X; x < area.Max.X; x++ {
			blend(to[x*4:x*4+3], from[x-left.X])
		}
	}
}

// blend puts a pixel with premultiplied alpha (XFIXES 2.0, GetCursorImage) over one of the picture.
func blend(to []byte, argb uint32) {
	rest := 255 - argb>>24
	for i := range 3 {
		to[i] = byte(min((argb>>(8*i))&255+(uint32(to[i])*rest+127)/255, 255))
	}
}
