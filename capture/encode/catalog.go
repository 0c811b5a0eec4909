package encode

import (
	"fmt"
	"strings"
)

// encoder is how one GStreamer element is set up for a stream without B-frames and with little delay.
type encoder struct {
	name string
	// format is the raw format it takes; hardware takes NV12.
	format string
	// setup are its properties. Placeholders: {kbps}, {bps}, {gop}, and {preset}, which stands for one of presets.
	setup   string
	presets map[string]string
	// bitrate is the property for a new bitrate while running, in bits instead of kilobits where bits is set.
	bitrate string
	bits    bool
	// repeats says that its streams take pictures made by still.
	repeats bool
	// kind is the software's or the maker's name, for people.
	kind string
}

// encoders in the order of trial: hardware first. Properties are those documented for each element in GStreamer 1.22
// to 1.26 (gst-inspect-1.0 NAME).
var encoders = []encoder{
	{
		name: "nvh264enc", format: "NV12", bitrate: "bitrate", kind: "NVIDIA",
		setup:   "bitrate={kbps} gop-size={gop} bframes=0 zerolatency=true rc-mode=cbr preset={preset}",
		presets: map[string]string{Performance: "low-latency-hp", Balanced: "low-latency", Quality: "low-latency-hq"},
	},
	{
		name: "vah264enc", format: "NV12", bitrate: "bitrate", kind: "VA-API",
		setup:   "bitrate={kbps} key-int-max={gop} b-frames=0 rate-control=cbr target-usage={preset}",
		presets: map[string]string{Performance: "7", Balanced: "4", Quality: "2"},
	},
	{
		name: "vah264lpenc", format: "NV12", bitrate: "bitrate", kind: "VA-API low power",
		setup:   "bitrate={kbps} key-int-max={gop} b-frames=0 rate-control=cbr target-usage={preset}",
		presets: map[string]string{Performance: "7", Balanced: "4", Quality: "2"},
	},
	{
		name: "vaapih264enc", format: "NV12", bitrate: "bitrate", kind: "VA-API",
		setup: "bitrate={kbps} keyframe-period={gop} max-bframes=0 rate-control=cbr",
	},
	{
		name: "qsvh264enc", format: "NV12", bitrate: "bitrate", kind: "Intel Quick Sync",
		setup:   "bitrate={kbps} gop-size={gop} b-frames=0 low-latency=true rate-control=cbr target-usage={preset}",
		presets: map[string]string{Performance: "7", Balanced: "4", Quality: "2"},
	},
	{
		name: "amfh264enc", format: "NV12", bitrate: "bitrate", kind: "AMD AMF",
		setup:   "bitrate={kbps} gop-size={gop} usage=low-latency rate-control=cbr preset={preset}",
		presets: map[string]string{Performance: "speed", Balanced: "balanced", Quality: "quality"},
	},
	{
		name: "mfh264enc", format: "NV12", bitrate: "bitrate", kind: "Media Foundation",
		setup: "bitrate={kbps} gop-size={gop} bframes=0 low-latency=true rc-mode=cbr",
	},
	{
		name: "vtenc_h264", format: "NV12", bitrate: "bitrate", kind: "VideoToolbox",
		setup: "bitrate={kbps} max-keyframe-interval={gop} allow-frame-reordering=false realtime=true",
	},
	{
		name: "x264enc", format: "I420", bitrate: "bitrate", repeats: true, kind: "software",
		setup:   "bitrate={kbps} key-int-max={gop} bframes=0 tune=zerolatency byte-stream=true speed-preset={preset}",
		presets: map[string]string{Performance: "ultrafast", Balanced: "superfast cabac=false", Quality: "veryfast"},
	},
	{
		name: "openh264enc", format: "I420", bitrate: "bitrate", bits: true, kind: "software",
		setup:   "bitrate={bps} gop-size={gop} usage-type=screen rate-control=bitrate complexity={preset}",
		presets: map[string]string{Performance: "low", Balanced: "low", Quality: "medium"},
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

// element is the part of a pipeline's description that encodes.
func (e encoder) element(c VideoConfig) string {
	return e.name + " name=encoder " + strings.NewReplacer(
		"{kbps}", fmt.Sprint(c.BitrateKbps), "{bps}", fmt.Sprint(c.BitrateKbps*1000),
		"{gop}", fmt.Sprint(KeyInterval*c.FrameRate), "{preset}", e.presets[c.Preset],
	).Replace(e.setup)
}
