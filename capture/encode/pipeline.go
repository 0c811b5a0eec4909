package encode

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/hindsight-app/hindsight/capture/gst"
)

func (v *Video) build() error {
	raw := fmt.Sprintf("video/x-raw,format=%s,width=%d,height=%d,framerate=%d/1,"+
		"colorimetry=%s,interlace-mode=progressive,pixel-aspect-ratio=1/1",
		v.kind.format, v.width, v.height, v.config.FrameRate, v.matrix.name)
	source, convert := raw, ""
	if v.direct() {
		v.geometry = layout(v.width, v.height, v.kind.format == "NV12")
		v.size = v.geometry.size
	} else {
		v.size = v.config.Width * v.config.Height * 4
		source = fmt.Sprintf("video/x-raw,format=BGRx,width=%d,height=%d,framerate=%d/1", v.config.Width, v.config.Height,
			v.config.FrameRate)
		convert = " ! videoscale n-threads=2 ! videoconvert n-threads=2 ! " + raw
	}
	if err := v.parse("appsrc name=in format=time is-live=true max-bytes=0 caps=\"" + source + "\"" + convert +
		" ! "); err != nil {
		return err
	}
	var err error
	for name, e := range map[string]**gst.Element{"in": &v.in, "out": &v.out, "encoder": &v.element} {
		if *e, err = v.pipeline.Element(name); err != nil {
			return err
		}
	}
	return nil
}

// unknown finds the property that GStreamer's parser does not know.
var unknown = regexp.MustCompile(`no property "([^"]+)"`)

// parse makes the pipeline. A property that this version of the encoder does not have is left out: what matters of them
// is seen in the trial.
func (v *Video) parse(before string) error {
	const form = "video/x-h264,stream-format=byte-stream,alignment=au"
	after := " ! h264parse config-interval=-1 ! " + form + " ! appsink name=out sync=false"
	if v.kind.nativeAnnexB {
		after = " ! " + form + " ! appsink name=out sync=false"
	}
	var without []string
	for {
		var err error
		v.pipeline, err = gst.Parse(before + v.kind.element(v.config, without) + after)
		if err == nil {
			return nil
		}
		m := unknown.FindStringSubmatch(err.Error())
		if m == nil || slices.Contains(without, m[1]) {
			return err
		}
		without = append(without, m[1])
	}
}
