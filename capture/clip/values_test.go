package clip_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/clip"
)

// Each kind of file and each format of screenshots reads what it writes.
func TestKindsAndFormatsAreRead(t *testing.T) {
	for _, k := range clip.Kinds() {
		back, err := clip.ParseKind(k.String())
		require.NoError(t, err)
		require.Equal(t, k, back)
	}
	for _, f := range clip.Formats() {
		back, err := clip.ParseFormat(f.String())
		require.NoError(t, err)
		require.Equal(t, f, back)
	}
	_, err := clip.ParseFormat("gif")
	require.EqualError(t, err, `the screenshot format is "gif"; it must be png or jpeg`)
}
