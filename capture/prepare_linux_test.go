package capture

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The program starts itself again with its settings, once, and hands none of them on.
func TestPrepare(t *testing.T) {
	const prepared = "HINDSIGHT_TEST_PREPARED"
	if os.Getenv(prepared) != "" {
		began, err := os.ReadFile("/proc/self/environ")
		require.NoError(t, err)
		Prepare()
		if !strings.Contains(string(began), again) {
			t.Fatal("not started again")
		}
		fmt.Printf("began with %q, goes on with %q and %q\n", strings.Split(string(began), "\x00"), os.Getenv(goDebug),
			os.Getenv(arenaMax))
		return
	}
	for _, own := range []string{"", "madvdontneed=1"} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestPrepare$")
		cmd.Env = append(os.Environ(), prepared+"=1", goDebug+"="+own)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Contains(t, string(out), fmt.Sprintf("%q", arenaMax+"="+arenas))
		require.Contains(t, string(out), calmWatch)
		require.Contains(t, string(out), fmt.Sprintf("goes on with %q and %q", own, ""))
	}
}
