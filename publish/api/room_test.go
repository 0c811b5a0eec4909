package api

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
)

// The states that the room hears of are those in its schema.
func TestReplayStatesAreTheSchemas(t *testing.T) {
	var doc struct {
		Defs struct {
			Attributes struct {
				Properties map[string]struct{ Enum []string }
			}
		} `json:"$defs"`
	}
	require.NoError(t, json.Unmarshal(RoomSchemas, &doc))
	same(t, replayStates, doc.Defs.Attributes.Properties[AttributeReplay].Enum, ParseReplayState)
}

// A clip is in the chat as its schema says, in a form that keeps titles and links apart.
func TestChatIsAsItsSchemaSays(t *testing.T) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(RoomSchemas))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	require.NoError(t, c.AddResource("https://hindsight.test/room.json", doc))
	schema, err := c.Compile("https://hindsight.test/room.json#/$defs/ChatMessage")
	require.NoError(t, err)
	clip := RoomClip{URL: "https://replay.example.com/api/livekit-replay/watch/abc"}
	require.NoError(t, schema.Validate(clip.Chat()))
	clip.Title = "Überstunden: https://example.com"
	require.NoError(t, schema.Validate(clip.Chat()))
	clip.RequestedBy = "mallory"
	require.NoError(t, schema.Validate(clip.Chat()))
	require.Equal(t, "A viewer's clip:\n"+clip.URL, clip.Chat(), "words of a viewer's as if they were the publisher's")
	for _, wrong := range []string{"", clip.Title, "two\nlines\n" + clip.URL, clip.URL + "\n"} {
		require.Error(t, schema.Validate(wrong), wrong)
	}
}
