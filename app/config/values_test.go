package config

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a setting may be is what its type knows, and each value is read back.
func TestTypedValues(t *testing.T) {
	c := Defaults()
	tags := map[string]string{}
	for _, f := range keyed(&c) {
		tags[f.key] = f.tag.Get("oneof")
	}
	check(t, tags["video.source.kind"], SourceKinds, ParseSourceKind)
	check(t, tags["replay.when_locked"], WhenLockedAll, ParseWhenLocked)
	check(t, tags["sharing.stream_quality"], StreamQualities, ParseStreamQuality)
	check(t, tags["sharing.viewer_clips"], ViewerClipsAll, ParseViewerClips)
	check(t, tags["sharing.viewer_clip_from"], ClipsFromAll, ParseClipsFrom)
	check(t, tags["sharing.tell_room"], TellRoomAll, ParseTellRoom)
	check(t, tags["app.theme"], Themes, ParseTheme)
	_, err := ParseTheme("pink")
	require.EqualError(t, err, `the theme is "pink"; it must be system, light or dark`)
	for _, f := range keyed(&c) {
		if f.value.Kind() == reflect.String && f.tag.Get("oneof") == "" {
			require.IsType(t, "", f.value.Interface(), "%s has a type but no values", f.key)
		}
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
