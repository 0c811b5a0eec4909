package statetest

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// postgres is the server of all tests here.
var postgres *stack.Postgres

func TestMain(m *testing.M) {
	var err error
	if postgres, err = stack.StartPostgres(context.Background()); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	code := m.Run()
	postgres.Close()
	os.Exit(code)
}

// onPostgres runs a test with a database of its own.
func onPostgres(t *testing.T, test func(t *testing.T, open func() *state.Store)) {
	url, err := postgres.NewDatabase(t.Context())
	require.NoError(t, err)
	test(t, func() *state.Store {
		s, err := state.OpenPostgres(t.Context(), url)
		require.NoError(t, err)
		t.Cleanup(func() { s.Close() })
		return s
	})
}

func TestInvitations(t *testing.T)                 { onPostgres(t, Invitations) }
func TestJobs(t *testing.T)                        { onPostgres(t, Jobs) }
func TestRevokingEndsWhatRuns(t *testing.T)        { onPostgres(t, RevokingEndsWhatRuns) }
func TestRevokedManagersLinksEnd(t *testing.T)     { onPostgres(t, RevokedManagersLinksEnd) }
func TestSharedIsRevoked(t *testing.T)             { onPostgres(t, SharedIsRevoked) }
func TestRoomsAreListedByThemselves(t *testing.T)  { onPostgres(t, RoomsAreListedByThemselves) }
func TestStateSurvivesReopening(t *testing.T)      { onPostgres(t, StateSurvivesReopening) }
func TestWaitingClipsAreLimited(t *testing.T)      { onPostgres(t, WaitingClipsAreLimited) }
func TestTokensAreChecked(t *testing.T)            { onPostgres(t, TokensAreChecked) }
func TestLinks(t *testing.T)                       { onPostgres(t, Links) }
func TestClipsAreListedAndCounted(t *testing.T)    { onPostgres(t, ClipsAreListedAndCounted) }
func TestNamesOfStrangeBytes(t *testing.T)         { onPostgres(t, NamesOfStrangeBytes) }
func TestRestore(t *testing.T)                     { onPostgres(t, Restore) }
func TestWatchLinks(t *testing.T)                  { onPostgres(t, WatchLinks) }
func TestAsks(t *testing.T)                        { onPostgres(t, Asks) }
func TestAllowedAtOnce(t *testing.T)               { onPostgres(t, AllowedAtOnce) }
func TestPauses(t *testing.T)                      { onPostgres(t, Pauses) }
func TestPausesInAnyOrder(t *testing.T)            { onPostgres(t, PausesInAnyOrder) }
func TestPausesAreFew(t *testing.T)                { onPostgres(t, PausesAreFew) }
func TestShownIsCountedOnce(t *testing.T)          { onPostgres(t, ShownIsCountedOnce) }
func TestSessions(t *testing.T)                    { onPostgres(t, Sessions) }
func TestCodesAreFew(t *testing.T)                 { onPostgres(t, CodesAreFew) }
func TestFailedClipsAreFew(t *testing.T)           { onPostgres(t, FailedClipsAreFew) }
func TestAllowedAsksAreFew(t *testing.T)           { onPostgres(t, AllowedAsksAreFew) }
func TestFindClips(t *testing.T)                   { onPostgres(t, FindClips) }
func TestFindClipsKeepsNobodyWaiting(t *testing.T) { onPostgres(t, FindClipsKeepsNobodyWaiting) }
func TestUploadsReserve(t *testing.T)              { onPostgres(t, UploadsReserve) }
func TestUploadBecomesAClip(t *testing.T)          { onPostgres(t, UploadBecomesAClip) }
func TestSegmentTimes(t *testing.T)                { onPostgres(t, SegmentTimes) }

func TestMigrationHappensOnce(t *testing.T) {
	url, err := postgres.NewDatabase(t.Context())
	require.NoError(t, err)
	beside, err := sql.Open("pgx", url)
	require.NoError(t, err)
	defer beside.Close()
	MigrationHappensOnce(t, func() (*state.Store, error) { return state.OpenPostgres(t.Context(), url) }, beside)
}

// What one backend holds no other one takes, until it gives it back or the time is up.
func TestLeases(t *testing.T) {
	ctx := t.Context()
	url, err := postgres.NewDatabase(ctx)
	require.NoError(t, err)
	var backends []*state.Store
	for range 2 {
		s, err := state.OpenPostgres(ctx, url)
		require.NoError(t, err)
		defer s.Close()
		backends = append(backends, s)
	}
	lease := func(i int, d time.Duration) bool {
		ok, err := backends[i].Lease(ctx, "keeper", d)
		require.NoError(t, err)
		return ok
	}
	require.True(t, lease(0, time.Hour))
	require.True(t, lease(0, time.Hour), "renewed")
	require.False(t, lease(1, time.Hour))
	require.NoError(t, backends[1].Release(ctx, "keeper"), "what it has not")
	require.False(t, lease(1, time.Hour))
	require.NoError(t, backends[0].Release(ctx, "keeper"))
	require.True(t, lease(1, 10*time.Millisecond))
	require.Eventually(t, func() bool { return lease(0, time.Hour) }, 30*time.Second, 10*time.Millisecond,
		"its time is up")
	require.False(t, lease(1, time.Hour))
}
