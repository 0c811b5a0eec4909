package x11

import (
	"image"

	"github.com/jezek/xgb/xfixes"
	"github.com/jezek/xgb/xproto"
)

// pointer is what the mouse pointer looks like.
type pointer struct {
	d   *Display
	now *xfixes.GetCursorImageReply // nil before the first
}

// where asks for the pointer's place on the screen, without waiting.
func (p *pointer) where() xproto.QueryPointerCookie {
	return xproto.QueryPointer(p.d.conn, p.d.screen.Root)
}

// draw puts the pointer into a picture whose corner lies at the given point of the screen.
func (p *pointer) draw(into Picture, corner image.Point, asked xproto.QueryPointerCookie) error {
	at, err := asked.Reply()
	if err != nil || !at.SameScreen {
		return err
	}
	if p.now == nil || p.d.pointerChanged.Swap(false) {
		look, err := xfixes.GetCursorImage(p.d.conn).Reply()
		if err != nil {
			return err
		}
		p.now = look
	}
	c := p.now
	left := image.Pt(int(at.RootX)-int(c.Xhot), int(at.RootY)-int(c.Yhot)).Sub(corner)
	area := image.Rect(0, 0, int(c.Width), int(c.Height)).Add(left).Intersect(image.Rect(0, 0, into.Width, into.Height))
	for y := area.Min.Y; y < area.Max.Y; y++ {
		from := c.CursorImage[(y-left.Y)*int(c.Width):]
		to := into.Data[(y*into.Width)*4:]
		for x := area.Min.X; x < area.Max.X; x++ {
			blend(to[x*4:x*4+3], from[x-left.X])
		}
	}
	return nil
}

// blend puts a pixel with premultiplied alpha (XFIXES 2.0, GetCursorImage) over one of the picture.
func blend(to []byte, argb uint32) {
	rest := 255 - argb>>24
	for i := range 3 {
		to[i] = byte(min((argb>>(8*i))&255+(uint32(to[i])*rest+127)/255, 255))
	}
}
