package session

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStatesAreReadBack(t *testing.T) {
	readBack(t, states, ParseState)
	readBack(t, shareStates, ParseShareState)
	readBack(t, serverStates, ParseServerState)
	readBack(t, copyStates, ParseCopyState)
	readBack(t, soundSources, ParseSource)
	readBack(t, eventKinds, ParseEventKind)
	_, err := ParseSource("tuba")
	require.EqualError(t, err, `the audio source is "tuba"; it must be mic or desktop`)
}

func readBack[T interface {
	~string
	fmt.Stringer
}](t *testing.T, all []T, parse func(string) (T, error)) {
	t.Helper()
	seen := map[T]bool{}
	for _, s := range all {
		got, err := parse(s.String())
		require.NoError(t, err)
		require.Equal(t, s, got)
		require.False(t, seen[s], "%s is there twice", s)
		seen[s] = true
	}
	_, err := parse("")
	require.Error(t, err)
}
