package state_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/backend/state"
	"github.com/hindsight-app/hindsight/publish/backend/state/statetest"
)

// newFolder is empty. SQLite must not read any of its name as a URI's parts.
func newFolder(t *testing.T) string {
	folder := filepath.Join(t.TempDir(), "100% C#? yes&no=1")
	require.NoError(t, os.Mkdir(folder, 0o700))
	return folder
}

// onSQLite runs a test of package statetest.
func onSQLite(t *testing.T, test func(t *testing.T, open func() *state.Store)) {
	folder := newFolder(t)
	test(t, func() *state.Store {
		s, err := state.Open(t.Context(), folder)
		require.NoError(t, err)
		t.Cleanup(func() { s.Close() })
		require.FileExists(t, filepath.Join(folder, "state.db"))
		return s
	})
}

func TestInvitations(t *testing.T)                { onSQLite(t, statetest.Invitations) }
func TestJobs(t *testing.T)                       { onSQLite(t, statetest.Jobs) }
func TestRevokingEndsWhatRuns(t *testing.T)       { onSQLite(t, statetest.RevokingEndsWhatRuns) }
func TestRevokedManagersLinksEnd(t *testing.T)    { onSQLite(t, statetest.RevokedManagersLinksEnd) }
func TestSharedIsRevoked(t *testing.T)            { onSQLite(t, statetest.SharedIsRevoked) }
func TestRoomsAreListedByThemselves(t *testing.T) { onSQLite(t, statetest.RoomsAreListedByThemselves) }
func TestStateSurvivesReopening(t *testing.T)     { onSQLite(t, statetest.StateSurvivesReopening) }
func TestWaitingClipsAreLimited(t *testing.T)     { onSQLite(t, statetest.WaitingClipsAreLimited) }
func TestTokensAreChecked(t *testing.T)           { onSQLite(t, statetest.TokensAreChecked) }
func TestLinks(t *testing.T)                      { onSQLite(t, statetest.Links) }
func TestClipsAreListedAndCounted(t *testing.T)   { onSQLite(t, statetest.ClipsAreListedAndCounted) }
func TestNamesOfStrangeBytes(t *testing.T)        { onSQLite(t, statetest.NamesOfStrangeBytes) }
func TestRestore(t *testing.T)                    { onSQLite(t, statetest.Restore) }
func TestWatchLinks(t *testing.T)                 { onSQLite(t, statetest.WatchLinks) }
func TestAsks(t *testing.T)                       { onSQLite(t, statetest.Asks) }
func TestAllowedAtOnce(t *testing.T)              { onSQLite(t, statetest.AllowedAtOnce) }
func TestPauses(t *testing.T)                     { onSQLite(t, statetest.Pauses) }
func TestPausesInAnyOrder(t *testing.T)           { onSQLite(t, statetest.PausesInAnyOrder) }
func TestPausesAreFew(t *testing.T)               { onSQLite(t, statetest.PausesAreFew) }
func TestShownIsCountedOnce(t *testing.T)         { onSQLite(t, statetest.ShownIsCountedOnce) }
func TestSegmentTimes(t *testing.T)               { onSQLite(t, statetest.SegmentTimes) }
func TestSessions(t *testing.T)                   { onSQLite(t, statetest.Sessions) }
func TestCodesAreFew(t *testing.T)                { onSQLite(t, statetest.CodesAreFew) }
func TestFailedClipsAreFew(t *testing.T)          { onSQLite(t, statetest.FailedClipsAreFew) }
func TestAllowedAsksAreFew(t *testing.T)          { onSQLite(t, statetest.AllowedAsksAreFew) }
func TestFindClips(t *testing.T)                  { onSQLite(t, statetest.FindClips) }
func TestFindClipsKeepsNobodyWaiting(t *testing.T) {
	onSQLite(t, statetest.FindClipsKeepsNobodyWaiting)
}
func TestUploadsReserve(t *testing.T)     { onSQLite(t, statetest.UploadsReserve) }
func TestUploadBecomesAClip(t *testing.T) { onSQLite(t, statetest.UploadBecomesAClip) }

func TestMigrationHappensOnce(t *testing.T) {
	folder := newFolder(t)
	t.Chdir(folder) // so that the name of the file has nothing to escape
	beside, err := sql.Open("sqlite", "state.db")
	require.NoError(t, err)
	defer beside.Close()
	statetest.MigrationHappensOnce(t, func() (*state.Store, error) { return state.Open(t.Context(), folder) }, beside)
}
