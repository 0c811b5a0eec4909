package export

import (
	"testing"
	"time"
)

// SetFreshEvery shortens how often the folder of an export gets the present time.
func SetFreshEvery(t *testing.T, d time.Duration) {
	old := freshEvery
	freshEvery = d
	t.Cleanup(func() { freshEvery = old })
}
