package x11

import (
	"image"

	"github.com/jezek/xgb/xfixes"
	"github.com/jezek/xgb/xproto"

	"github.com/hindsight-app/hindsight/capture/media"
)

// pointer is where the mouse pointer is and what it looks like.
type pointer struct {
	d   *Display
	at  image.Point                 // on the screen
	now *xfixes.GetCursorImageReply // nil while it is on another screen, or before the first look
}

// ask asks where the pointer is; look waits for the reply.
func (p *pointer) ask() xproto.QueryPointerCookie {
	return xproto.QueryPointer(p.d.conn, p.d.screen.Root)
}

// look returns whether the pointer has changed.
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

// corner is where the pointer's image begins in a frame whose own corner lies at the given point of the screen.
func (p *pointer) corner(of image.Point) image.Point {
	return p.at.Sub(image.Pt(int(p.now.Xhot), int(p.now.Yhot))).Sub(of)
}

// rows are those that the pointer covers in a frame whose corner lies at the given point of the screen.
func (p *pointer) rows(corner image.Point) media.Rows {
	if p.now == nil {
		return media.Rows{}
	}
	top := p.corner(corner).Y
	return media.Rows{From: top, To: top + int(p.now.Height)}
}

// draw puts the pointer into a frame whose corner lies at the given point of the screen.
func (p *pointer) draw(into Frame, corner image.Point) {
	if p.now == nil {
		return
	}
	c, left := p.now, p.corner(corner)
	area := image.Rect(0, 0, int(c.Width), int(c.Height)).Add(left).Intersect(image.Rect(0, 0, into.Width, into.Height))
	if into.from != nil {
		into.from.drawn = media.Rows{From: area.Min.Y, To: area.Max.Y}
	}
	for y := area.Min.Y; y < area.Max.Y; y++ {
		from := c.CursorImage[(y-left.Y)*int(c.Width):]
		to := into.Data[(y*into.Width)*4:]
		for x := area.Min.X; x < area.Max.X; x++ {
			blend(to[x*4:x*4+3], from[x-left.X])
		}
	}
}

// blend puts a pixel with premultiplied alpha (XFIXES 2.0, GetCursorImage) over one of the frame.
func blend(to []byte, argb uint32) {
	rest := 255 - argb>>24
	for i := range 3 {
		to[i] = byte(min((argb>>(8*i))&255+(uint32(to[i])*rest+127)/255, 255))
	}
}
