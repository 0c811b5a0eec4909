package gstenc

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hindsight-app/hindsight/capture/encode/engine"
	"github.com/hindsight-app/hindsight/capture/media"
)

// element is how one GStreamer element is set up for a stream without B-frames and with little delay.
type element struct {
	name string
	// format is what it takes; hardware takes NV12.
	format engine.Format
	// setup are its properties. Placeholders: {kbps}, {bps}, {gop}, {q}, and {preset}, which stands for one of presets.
	setup   string
	presets map[media.Preset]string
	// rate is added for a bitrate, constant for a quality that stays as long as the bitrate suffices.
	rate, constant string
	// ceiling is the property for a new bitrate while running, in bits instead of kilobits where bits is set. It is
	// constantCeiling where quality is constant and that has another.
	ceiling, constantCeiling string
	bits                     bool
	// canInsertSkips says that its streams take frames made by h264.SkipInserter.
	canInsertSkips bool
	// nativeAnnexB says that access units come in the form asked for below: Annex B, parameter sets with each IDR.
	nativeAnnexB bool
	// install is the Debian package of an element that runs on the processor, empty for hardware.
	install string
}

func presets(performance, balanced, quality string) map[media.Preset]string {
	return map[media.Preset]string{media.Performance: performance, media.Balanced: balanced, media.Quality: quality}
}

// elements in the order of trial: hardware first. Properties are those documented for each element in GStreamer 1.22
// to 1.26 (gst-inspect-1.0 NAME); one that another version does not have is left out, see parse. Where an element
// has no constant quality with a ceiling, the least quantiser does it: the rate control cannot spend what is left over.
var elements = []element{
	{
		name: "nvh264enc", format: engine.NV12, ceiling: "bitrate", constantCeiling: "max-bitrate",
		setup: "gop-size={gop} bframes=0 zerolatency=true preset={preset}", rate: "bitrate={kbps} rc-mode=cbr",
		constant: "bitrate=0 max-bitrate={kbps} rc-mode=vbr const-quality={q}",
		presets:  presets("low-latency-hp", "low-latency", "low-latency-hq"),
	},
	{
		name: "vah264enc", format: engine.NV12, ceiling: "bitrate",
		setup: "bitrate={kbps} key-int-max={gop} b-frames=0 target-usage={preset}", rate: "rate-control=cbr",
		constant: "rate-control=vbr min-qp={q}",
		presets:  presets("7", "4", "2"),
	},
	{
		name: "vah264lpenc", format: engine.NV12, ceiling: "bitrate",
		setup: "bitrate={kbps} key-int-max={gop} b-frames=0 target-usage={preset}", rate: "rate-control=cbr",
		constant: "rate-control=vbr min-qp={q}",
		presets:  presets("7", "4", "2"),
	},
	{
		name: "vaapih264enc", format: engine.NV12, ceiling: "bitrate",
		setup: "bitrate={kbps} keyframe-period={gop} max-bframes=0", rate: "rate-control=cbr",
		constant: "rate-control=vbr min-qp={q}",
	},
	{
		name: "qsvh264enc", format: engine.NV12, ceiling: "bitrate",
		setup:    "bitrate={kbps} gop-size={gop} b-frames=0 low-latency=true target-usage={preset}",
		rate:     "rate-control=cbr",
		constant: "rate-control=vbr min-qp-i={q} min-qp-p={q}",
		presets:  presets("7", "4", "2"),
	},
	{
		name: "amfh264enc", format: engine.NV12, ceiling: "bitrate",
		setup: "bitrate={kbps} gop-size={gop} usage=low-latency preset={preset}", rate: "rate-control=cbr",
		constant: "rate-control=cqp qp-i={q} qp-p={q}",
		presets:  presets("speed", "balanced", "quality"),
	},
	{
		name: "mfh264enc", format: engine.NV12, ceiling: "bitrate",
		setup: "bitrate={kbps} gop-size={gop} bframes=0 low-latency=true", rate: "rc-mode=cbr",
		constant: "rc-mode=pcvbr max-bitrate={kbps} min-qp={q}",
	},
	{
		name: "vtenc_h264", format: engine.NV12, ceiling: "bitrate",
		setup: "bitrate={kbps} max-keyframe-interval={gop} allow-frame-reordering=false realtime=true",
	},
	{
		name: "x264enc", format: engine.I420, ceiling: "bitrate", canInsertSkips: true, nativeAnnexB: true,
		install: "gstreamer1.0-plugins-ugly",
		setup:   "bitrate={kbps} key-int-max={gop} bframes=0 tune=zerolatency byte-stream=true speed-preset={preset}",
		// No better than the best constant quality: what is left over would be spent on what nobody sees.
		rate:     "qp-min=18",
		constant: "pass=qual quantizer={q}",
		presets:  presets("ultrafast", "superfast cabac=false", "veryfast"),
	},
	{
		name: "openh264enc", format: engine.I420, ceiling: "bitrate", bits: true, nativeAnnexB: true,
		install:  "gstreamer1.0-plugins-bad",
		setup:    "bitrate={bps} gop-size={gop} usage-type=screen rate-control=bitrate complexity={preset}",
		constant: "qp-min={q}",
		presets:  presets("low", "low", "medium"),
	},
}

// launch is the part of a pipeline's description that encodes, without the properties left out.
func (e element) launch(c engine.VideoStream, without []string) string {
	setup := e.setup + " " + e.rate
	if c.ConstantQuality > 0 {
		setup = e.setup + " " + e.constant
	}
	text := e.name + " name=encoder"
	for _, property := range strings.Fields(setup) {
		name, _, _ := strings.Cut(property, "=")
		if !slices.Contains(without, name) {
			text += " " + property
		}
	}
	return strings.NewReplacer(
		"{kbps}", fmt.Sprint(c.BitrateKbps), "{bps}", fmt.Sprint(c.BitrateKbps*1000), "{q}", fmt.Sprint(c.ConstantQuality),
		"{gop}", fmt.Sprint(c.KeyInterval), "{preset}", e.presets[c.Preset],
	).Replace(text)
}

// limit is the property for a new bitrate while running.
func (e element) limit(c engine.VideoStream) string {
	if c.ConstantQuality > 0 && e.constantCeiling != "" {
		return e.constantCeiling
	}
	return e.ceiling
}
