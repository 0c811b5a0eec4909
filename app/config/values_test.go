package config

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture"
	"github.com/hindsight-app/hindsight/capture/clip"
	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/capture/source"
)

// What a setting may be is what its type knows, and each value is read back.
func TestTypedValues(t *testing.T) {
	c := Defaults()
	tags := map[string]string{}
	for _, f := range keyed(&c) {
		tags[f.key] = f.tag.Get("oneof")
	}
	check(t, tags["video.source.kind"], SourceKinds, ParseSourceKind)
	check(t, tags["video.capture_method"], capture.Methods(), source.ParseMethod)
	check(t, tags["video.quality"], media.Presets(), media.ParsePreset)
	check(t, tags["clips.screenshot"], clip.Formats(), clip.ParseFormat)
	check(t, tags["replay.when_locked"], WhenLockedAll, ParseWhenLocked)
	check(t, tags["sharing.stream_quality"], StreamQualities, ParseStreamQuality)
	check(t, tags["sharing.viewer_clips"], ViewerClipsAll, ParseViewerClips)
	check(t, tags["sharing.viewer_clip_from"], ClipsFromAll, ParseClipsFrom)
	check(t, tags["sharing.tell_room"], TellRoomAll, ParseTellRoom)
	check(t, tags["app.theme"], Themes, ParseTheme)
	rates := strings.Trim(strings.ReplaceAll(fmt.Sprint(capture.FrameRates), " ", ","), "[]")
	require.Equal(t, tags["video.frame_rate"], rates)
	_, err := ParseTheme("pink")
	require.EqualError(t, err, `the theme is "pink"; it must be system, light or dark`)
	for _, f := range keyed(&c) {
		if f.value.Kind() != reflect.String {
			continue
		}
		_, plain := f.value.Interface().(string)
		require.Equal(t, f.tag.Get("oneof") == "", plain, "%s has a type or a list of values, but not both", f.key)
	}
}

func check[T fmt.Stringer](t *testing.T, tag string, all []T, parse func(string) (T, error)) {
	t.Helper()
	var names []string
	for _, v := range all {
		names = append(names, v.String())
		got, err := parse(v.String())
		require.NoError(t, err)
		require.Equal(t, v, got)
	}
	require.Equal(t, tag, strings.Join(names, ","))
}
