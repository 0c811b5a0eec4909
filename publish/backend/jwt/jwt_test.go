package jwt

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// signer is an identity provider's key.
type signer struct {
	id  string
	key *ecdsa.PrivateKey
}

func newSigner(t *testing.T, id string) signer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return signer{id, key}
}

func (s signer) jwk() map[string]string {
	enc := func(b *big.Int) string { return base64.RawURLEncoding.EncodeToString(b.FillBytes(make([]byte, 32))) }
	return map[string]string{"kty": "EC", "crv": "P-256", "kid": s.id, "alg": "ES256", "use": "sig",
		"x": enc(s.key.X), "y": enc(s.key.Y)} //nolint:staticcheck // the set's form needs the coordinates
}

func (s signer) sign(t *testing.T, change func(jwt.MapClaims)) string {
	t.Helper()
	claims := jwt.MapClaims{"iss": "https://id.example.com", "aud": []string{"hindsight", "chat"}, "sub": "alice",
		"exp": time.Now().Add(time.Hour).Unix()}
	if change != nil {
		change(claims)
	}
	token := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
	token.Header["kid"] = s.id
	text, err := token.SignedString(s.key)
	require.NoError(t, err)
	return text
}

func keySet(t *testing.T, signers ...signer) []byte {
	set := map[string][]map[string]string{"keys": {}}
	for _, s := range signers {
		set["keys"] = append(set["keys"], s.jwk())
	}
	b, err := json.Marshal(set)
	require.NoError(t, err)
	return b
}

func options(set string) Options {
	return Options{KeySet: set, Issuer: "https://id.example.com", Audience: "hindsight", Rooms: "team-*",
		Scopes: []state.Scope{state.Publish}}
}

// Whose token it is and what it is good for comes from the claims; everything that is not right is refused.
func TestVerify(t *testing.T) {
	ours := newSigner(t, "one")
	file := filepath.Join(t.TempDir(), "jwks.json")
	require.NoError(t, os.WriteFile(file, keySet(t, ours), 0o600))
	v, err := Open(options(file))
	require.NoError(t, err)
	defer v.Close()

	plain, err := v.Verify(t.Context(), ours.sign(t, nil))
	require.NoError(t, err)
	require.Equal(t, "alice", plain.Identity)
	require.Equal(t, "https://id.example.com", plain.Issuer)
	require.True(t, plain.Allows("team-1"))
	require.False(t, plain.Allows("den"))
	require.True(t, plain.Has(state.Publish))
	require.False(t, plain.Has(state.View))
	require.WithinDuration(t, time.Now().Add(time.Hour), plain.Expires, time.Minute)
	again, err := v.Verify(t.Context(), ours.sign(t, func(c jwt.MapClaims) { c["jti"] = "renewed" }))
	require.NoError(t, err)
	require.Equal(t, plain.AppIdentity(), again.AppIdentity(), "a renewed token changes the name in the room")
	other, err := v.Verify(t.Context(), ours.sign(t, func(c jwt.MapClaims) {
		c["sid"], c["hindsight_rooms"], c["hindsight_scopes"] = "laptop", "*", []string{"view", "publish"}
	}))
	require.NoError(t, err)
	require.NotEqual(t, plain.AppIdentity(), other.AppIdentity(), "two logins push each other out of the room")
	require.True(t, other.Has(state.View))
	require.True(t, other.Allows("den"))

	none := jwt.NewWithClaims(jwt.SigningMethodNone, jwt.MapClaims{"sub": "alice"})
	unsigned, err := none.SignedString(jwt.UnsafeAllowNoneSignatureType)
	require.NoError(t, err)
	shared := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"sub": "alice"})
	shared.Header["kid"] = "one"
	confused, err := shared.SignedString(keySet(t, ours)) // the public key as a shared secret
	require.NoError(t, err)
	_, stranger, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	foreign := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims{"sub": "alice"})
	foreign.Header["kid"] = "one"
	wrongKind, err := foreign.SignedString(stranger)
	require.NoError(t, err)
	for name, text := range map[string]string{
		"empty": "", "garbage": "a.b.c", "unsigned": unsigned, "shared secret": confused, "another kind of key": wrongKind,
		"forged":           newSigner(t, "one").sign(t, nil),
		"unknown key":      newSigner(t, "two").sign(t, nil),
		"expired":          ours.sign(t, func(c jwt.MapClaims) { c["exp"] = time.Now().Add(-time.Hour).Unix() }),
		"without end":      ours.sign(t, func(c jwt.MapClaims) { delete(c, "exp") }),
		"not yet":          ours.sign(t, func(c jwt.MapClaims) { c["nbf"] = time.Now().Add(time.Hour).Unix() }),
		"other issuer":     ours.sign(t, func(c jwt.MapClaims) { c["iss"] = "https://evil.example.com" }),
		"other audience":   ours.sign(t, func(c jwt.MapClaims) { c["aud"] = "chat" }),
		"nobody":           ours.sign(t, func(c jwt.MapClaims) { delete(c, "sub") }),
		"number as name":   ours.sign(t, func(c jwt.MapClaims) { c["sub"] = 7 }),
		"an app's name":    ours.sign(t, func(c jwt.MapClaims) { c["sub"] = "bob+hindsight-x" }),
		"control in name":  ours.sign(t, func(c jwt.MapClaims) { c["sub"] = "a\nb" }),
		"bad pattern":      ours.sign(t, func(c jwt.MapClaims) { c["hindsight_rooms"] = "[a" }),
		"number as rooms":  ours.sign(t, func(c jwt.MapClaims) { c["hindsight_rooms"] = 7 }),
		"unknown scope":    ours.sign(t, func(c jwt.MapClaims) { c["hindsight_scopes"] = "root" }),
		"no scope":         ours.sign(t, func(c jwt.MapClaims) { c["hindsight_scopes"] = []string{} }),
		"number as scopes": ours.sign(t, func(c jwt.MapClaims) { c["hindsight_scopes"] = []int{1} }),
	} {
		_, err := v.Verify(t.Context(), text)
		require.Error(t, err, name)
	}
}

// Keys that may have been changed in transit are refused, even where the provider redirects there.
func TestKeysDoNotComeInPlain(t *testing.T) {
	require.NoError(t, checkRedirect(httptest.NewRequest("GET", "https://other.example.com/keys", nil), nil))
	require.Error(t, checkRedirect(httptest.NewRequest("GET", "http://id.example.com/keys", nil), nil))
}

// A key that the provider has begun to use since is fetched.
func TestNewKeysAreFetched(t *testing.T) {
	first, second := newSigner(t, "one"), newSigner(t, "two")
	var set atomic.Value
	set.Store(keySet(t, first))
	server := httptest.NewServer(http.HandlerFunc(
		func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(set.Load().([]byte)) }))
	defer server.Close()
	v, err := Open(options(server.URL))
	require.NoError(t, err)
	defer v.Close()
	_, err = v.Verify(t.Context(), first.sign(t, nil))
	require.NoError(t, err)
	set.Store(keySet(t, first, second))
	_, err = v.Verify(t.Context(), second.sign(t, nil))
	require.NoError(t, err)
	require.NoError(t, v.Close())
	require.NoError(t, v.Close())
}

func TestOpenRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "jwks.json")
	require.NoError(t, os.WriteFile(file, []byte("{"), 0o600))
	for _, o := range []Options{options(file), options(file + ".none"), {KeySet: file},
		options("http://id.example.com/keys"),
		options("http://10.0.0.1/keys")} {
		_, err := Open(o)
		require.Error(t, err)
	}
}
