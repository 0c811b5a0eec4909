package api

import (
	"encoding/json"
	"testing"

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
