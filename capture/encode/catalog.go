package encode

import (
	"fmt"
	"slices"
	"strings"
)

// encoder is how one GStreamer element is set up for a stream without B-frames and with little delay.
type encoder struct {
	name string
	// format is the raw format it takes; hardware takes NV12.
	format string
	// setup are its properties. Placeholders: {kbps}, {bps}, {gop}, {q}, and {preset}, which stands for one of presets.
	setup   string
	presets map[string]string
	// rate is added for a bitrate, constant for a quality that stays as long as the bitrate suffices.
	rate, constant string
	// ceiling is the property for a new bitrate while running, in bits instead of kilobits where bits is set. It is
	// constantCeiling where quality is constant and that has another.
	ceiling, constantCeiling string
	bits                     bool
	// canInsertSkips says that its streams take frames made by skipInserter.
	canInsertSkips bool
	// nativeAnnexB says that access units come in the form asked for below: Annex B, parameter sets with each IDR.
	nativeAnnexB bool
	// kind is the software's or the maker's name, for people.
	kind string
}

// software is the kind of encoders that run on the processor.
const software = "software"

// encoders in the order of trial: hardware first. Properties are those documented for each element in GStreamer 1.22
// to 1.26 (gst-inspect-1.0 NAME); one that another version does not have is left out, see video.go. Where an element
// has no constant quality with a ceiling, the least quantiser does it: the rate control cannot spend what is left over.
var encoders = []encoder{
	{
		name: "nvh264enc", format: "NV12", ceiling: "bitrate", constantCeiling: "max-bitrate", kind: "NVIDIA",
		setup: "gop-size={gop} bframes=0 zerolatency=true preset={preset}", rate: "bitrate={kbps} rc-mode=cbr",
		constant: "bitrate=0 max-bitrate={kbps} rc-mode=vbr const-quality={q}",
		presets:  map[string]string{Performance: "low-latency-hp", Balanced: "low-latency", Quality: "low-latency-hq"},
	},
	{
		name: "vah264enc", format: "NV12", ceiling: "bitrate", kind: "VA-API",
		setup: "bitrate={kbps} key-int-max={gop} b-frames=0 target-usage={preset}", rate: "rate-control=cbr",
		constant: "rate-control=vbr min-qp={q}",
		presets:  map[string]string{Performance: "7", Balanced: "4", Quality: "2"},
	},
	{
		name: "vah264lpenc", format: "NV12", ceiling: "bitrate", kind: "VA-API low power",
		setup: "bitrate={kbps} key-int-max={gop} b-frames=0 target-usage={preset}", rate: "rate-control=cbr",
		constant: "rate-control=vbr min-qp={q}",
		presets:  map[string]string{Performance: "7", Balanced: "4", Quality: "2"},
	},
	{
		name: "vaapih264enc", format: "NV12", ceiling: "bitrate", kind: "VA-API",
		setup: "bitrate={kbps} keyframe-period={gop} max-bframes=0", rate: "rate-control=cbr",
		constant: "rate-control=vbr min-qp={q}",
	},
	{
		name: "qsvh264enc", format: "NV12", ceiling: "bitrate", kind: "Intel Quick Sync",
		setup: "bitrate={kbps} gop-size={gop} b-frames=0 low-latency=true target-usage={preset}", rate: "rate-control=cbr",
		constant: "rate-control=vbr min-qp-i={q} min-qp-p={q}",
		presets:  map[string]string{Performance: "7", Balanced: "4", Quality: "2"},
	},
	{
		name: "amfh264enc", format: "NV12", ceiling: "bitrate", kind: "AMD AMF",
		setup: "bitrate={kbps} gop-size={gop} usage=low-latency preset={preset}", rate: "rate-control=cbr",
		constant: "rate-control=cqp qp-i={q} qp-p={q}",
		presets:  map[string]string{Performance: "speed", Balanced: "balanced", Quality: "quality"},
	},
	{
		name: "mfh264enc", format: "NV12", ceiling: "bitrate", kind: "Media Foundation",
		setup: "bitrate={kbps} gop-size={gop} bframes=0 low-latency=true", rate: "rc-mode=cbr",
		constant: "rc-mode=pcvbr max-bitrate={kbps} min-qp={q}",
	},
	{
		name: "vtenc_h264", format: "NV12", ceiling: "bitrate", kind: "VideoToolbox",
		setup: "bitrate={kbps} max-keyframe-interval={gop} allow-frame-reordering=false realtime=true",
	},
	{
		name: "x264enc", format: "I420", ceiling: "bitrate", canInsertSkips: true, nativeAnnexB: true, kind: software,
		setup:    "bitrate={kbps} key-int-max={gop} bframes=0 tune=zerolatency byte-stream=true speed-preset={preset}",
		constant: "pass=qual quantizer={q}",
		presets:  map[string]string{Performance: "ultrafast", Balanced: "superfast cabac=false", Quality: "veryfast"},
	},
	{
		name: "openh264enc", format: "I420", ceiling: "bitrate", bits: true, nativeAnnexB: true, kind: software,
		setup:    "bitrate={bps} gop-size={gop} usage-type=screen rate-control=bitrate complexity={preset}",
		constant: "qp-min={q}",
		presets:  map[string]string{Performance: "low", Balanced: "low", Quality: "medium"},
	},
}

// Names lists the encoders in the order of trial.
func Names() []string {
	names := make([]string, len(encoders))
	for i, e := range encoders {
		names[i] = e.name
	}
	return names
}

func find(name string) (encoder, error) {
	for _, e := range encoders {
		if e.name == name {
			return e, nil
		}
	}
	return encoder{}, fmt.Errorf("there is no encoder named %q; the known ones are %s", name, strings.Join(Names(), ", "))
}

// element is the part of a pipeline's description that encodes, without the properties left out.
func (e encoder) element(c VideoConfig, without []string) string {
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
		"{gop}", fmt.Sprint(KeyInterval*c.FrameRate), "{preset}", e.presets[c.Preset],
	).Replace(text)
}

// limit is the property for a new bitrate while running.
func (e encoder) limit(c VideoConfig) string {
	if c.ConstantQuality > 0 && e.constantCeiling != "" {
		return e.constantCeiling
	}
	return e.ceiling
}
