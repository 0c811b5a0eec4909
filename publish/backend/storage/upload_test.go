package storage

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/livekit/protocol/livekit"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/backend/recorder"
	"github.com/hindsight-app/hindsight/publish/backend/storage/s3test"
)

// One setting leads this service and LiveKit Egress to the same place.
func TestOneAddressForBoth(t *testing.T) {
	credentials := filepath.Join(t.TempDir(), "gcp.json")
	require.NoError(t, os.WriteFile(credentials, []byte(`{"type":"service_account"}`), 0o600))
	for k, v := range map[string]string{"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret",
		"AWS_SESSION_TOKEN": "session",
		"AWS_REGION":        "eu-north-1", "GOOGLE_APPLICATION_CREDENTIALS": credentials, "AZURE_STORAGE_ACCOUNT": "account",
		"AZURE_STORAGE_KEY": "azure"} {
		t.Setenv(k, v)
	}
	s3 := livekit.S3Upload{AccessKey: "key", Secret: "secret", SessionToken: "session", Region: "eu-north-1", Bucket: "b"}
	elsewhere := livekit.S3Upload{AccessKey: "key", Secret: "secret", SessionToken: "session", Region: "r", Bucket: "b",
		Endpoint: "https://s3.example.com", ForcePathStyle: true}
	for address, want := range map[string]place{
		"s3://b": {"", "s3://b", recorder.Upload{S3: &s3}},
		"s3://b/a/b-c/?region=r&endpoint=https://s3.example.com&use_path_style=true": {"a/b-c",
			"s3://b?region=r&endpoint=https://s3.example.com&use_path_style=true", recorder.Upload{S3: &elsewhere}},
		"gs://b/p": {"p", "gs://b", recorder.Upload{GCP: &livekit.GCPUpload{Bucket: "b",
			Credentials: `{"type":"service_account"}`}}},
		"azblob://c/p": {"p", "azblob://c", recorder.Upload{Azure: &livekit.AzureBlobUpload{AccountName: "account",
			AccountKey: "azure", ContainerName: "c"}}},
	} {
		got, err := parse(address)
		require.NoError(t, err, address)
		require.Equal(t, want.prefix, got.prefix)
		require.Equal(t, want.gocloud, got.gocloud)
		require.Equal(t, want.upload, got.upload)
	}
}

func TestAddressesAreChecked(t *testing.T) {
	for _, bad := range []string{"", "bucket", "/var/lib", "s3://", "s3://key:secret@bucket", "http://bucket", "mem://b",
		"file:///tmp",
		"s3://b/../x", "s3://b/a/../x", "s3://b/.hidden", "s3://b/a b", "s3://b?use_path_style=perhaps", "s3://b#x"} {
		_, err := parse(bad)
		require.ErrorContains(t, err, "--storage", bad)
	}
}

// Wrong keys, a bucket that is not there and an unknown parameter are reported at once.
func TestBucketsAreTriedWhenOpened(t *testing.T) {
	server, err := s3test.Start(t.Context())
	require.NoError(t, err)
	defer server.Close()
	for k, v := range server.Env() {
		t.Setenv(k, v)
	}
	_, err = OpenBucket(t.Context(), server.URL("p")+"&colour=red")
	require.ErrorContains(t, err, "colour")
	server.Bucket = "missing"
	_, err = OpenBucket(t.Context(), server.URL("p"))
	require.ErrorContains(t, err, "does not exist")
	server.Bucket = "clips-and-segments"
	t.Setenv("AWS_SECRET_ACCESS_KEY", "wrong")
	_, err = OpenBucket(t.Context(), server.URL("p"))
	require.ErrorContains(t, err, "keys")
}
