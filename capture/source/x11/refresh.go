package x11

import (
	"image"

	"github.com/jezek/xgb/randr"
)

// refreshRates are how many frames a second the monitors show, by where they lie on the screen. What the server does
// not say is missing.
func (d *Display) refreshRates() map[image.Point]float64 {
	rates := map[image.Point]float64{}
	r, err := randr.GetScreenResourcesCurrent(d.conn, d.screen.Root).Reply()
	if err != nil {
		return rates
	}
	modes := map[uint32]float64{}
	for _, m := range r.Modes {
		lines := float64(m.Htotal) * float64(m.Vtotal)
		if m.ModeFlags&randr.ModeFlagInterlace != 0 {
			lines /= 2
		}
		if m.ModeFlags&randr.ModeFlagDoubleScan != 0 {
			lines *= 2
		}
		if lines > 0 {
			modes[m.Id] = float64(m.DotClock) / lines
		}
	}
	for _, c := range r.Crtcs {
		info, err := randr.GetCrtcInfo(d.conn, c, r.ConfigTimestamp).Reply()
		if err != nil || info.Mode == 0 {
			continue
		}
		at := image.Pt(int(info.X), int(info.Y))
		rates[at] = max(rates[at], modes[uint32(info.Mode)])
	}
	return rates
}
