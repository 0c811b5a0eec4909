package api

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// The words that the OpenAPI document names are those that there are, and each reads what it writes.
func TestWordsAreTheDocuments(t *testing.T) {
	var doc struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]struct{ Enum []string }
			}
		}
	}
	require.NoError(t, json.Unmarshal(OpenAPI, &doc))
	words := func(schema, property string) []string {
		t.Helper()
		list := doc.Components.Schemas[schema].Properties[property].Enum
		require.NotEmpty(t, list, "%s.%s", schema, property)
		return list
	}
	same(t, states, words("Recording", "state"), ParseState)
	same(t, clipStates, words("Clip", "state"), ParseClipState)
	same(t, clipOrigins, words("Clip", "origin"), ParseClipOrigin)
	same(t, uploadStates, words("Upload", "state"), ParseUploadState)
	same(t, recordingTypes, words("RecordingRequest", "type"), ParseRecordingType)
	same(t, fileKinds, words("RecordingOutputs", "file"), ParseFileKind)
	same(t, layouts, words("RecordingRequest", "layout"), ParseLayout)
	same(t, clipPolicies, words("WatchLink", "clips"), ParseClipPolicy)
	same(t, gapReasons, words("Gap", "reason"), ParseGapReason)
	same(t, viewerClipStates, words("ViewerClip", "state"), ParseViewerClipState)
	for schema, property := range map[string]string{"StartResponse": "state", "Replay": "state",
		"RecordingStream": "state"} {
		for _, w := range words(schema, property) {
			_, err := ParseState(w)
			require.NoError(t, err, schema)
		}
	}
	for _, s := range states {
		require.Equal(t, s == StateEnded || s == StateFailed, s.Over(), s)
	}
}

func same[T interface {
	~string
	fmt.Stringer
}](t *testing.T, all []T, document []string, parse func(string) (T, error)) {
	t.Helper()
	var written []string
	for _, v := range all {
		written = append(written, v.String())
		back, err := parse(v.String())
		require.NoError(t, err)
		require.Equal(t, v, back)
	}
	require.ElementsMatch(t, document, written)
	for _, wrong := range []string{"", "x", written[0] + " "} {
		_, err := parse(wrong)
		require.ErrorContains(t, err, written[0], wrong)
		require.ErrorContains(t, err, fmt.Sprintf("%q", wrong))
	}
}
