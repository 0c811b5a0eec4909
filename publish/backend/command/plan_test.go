package command

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/api"
)

func TestPlan(t *testing.T) {
	for _, c := range []struct {
		recordings int
		each       need
		cores, mib float64
		perWorker  int
		workers    int
		tooTiny    bool
	}{
		{100, need{1, 1000}, 4, 4096, 3, 34, false}, // 3.2 cores and 3277 MiB are for use
		{100, need{0.1, 1000}, 4, 4096, 3, 34, false},
		{3, need{0.5, 100}, 4, 4096, 6, 1, false},
		{2, need{3.9, 100}, 4, 4096, 1, 2, false},
		{2, need{6, 4000}, 4, 4096, 1, 2, true},
	} {
		p := workersFor(c.recordings, c.each, c.cores, c.mib)
		require.Equal(t, c.perWorker, p.PerWorker, "%+v", c)
		require.Equal(t, c.workers, p.Workers, "%+v", c)
		require.Equal(t, c.tooTiny, p.WorkerTooTiny, "%+v", c)
		require.InDelta(t, float64(c.workers)*c.cores, p.Cores, 1e-9)
	}
}

func TestPlanCommand(t *testing.T) {
	for _, typ := range []api.RecordingType{api.TypeTrack, api.TypeTrackComposite, api.TypeParticipant,
		api.TypeRoomComposite} {
		var out, problems bytes.Buffer
		require.Zero(t, Main(t.Context(), []string{"plan", "--recordings", "100", "--type", typ.String(), "--json"},
			&out, &problems), problems.String())
		var answer struct{ Plans []planned }
		require.NoError(t, json.Unmarshal(out.Bytes(), &answer))
		require.Len(t, answer.Plans, 2)
		for _, p := range answer.Plans {
			require.Positive(t, p.Each.Cores)
			require.Positive(t, p.Workers)
		}
	}
	var out bytes.Buffer
	require.Zero(t, Main(t.Context(), []string{"plan", "--recordings", "100"}, &out, &out))
	require.Contains(t, out.String(), "make bench-egress")
	out.Reset()
	require.Zero(t, Main(t.Context(), []string{"plan", "--help"}, &out, &out))
	require.Contains(t, out.String(), "make bench-egress")
	for _, wrong := range [][]string{{}, {"--recordings", "0"}, {"--recordings", "5", "--type", "web"},
		{"--recordings", "5", "--worker-cpu", "0"}, {"--recordings", "5", "--worker-memory", "NaN"}} {
		require.NotZero(t, Main(t.Context(), append([]string{"plan"}, wrong...), &out, &out), wrong)
	}
}
