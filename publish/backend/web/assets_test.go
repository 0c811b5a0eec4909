package web

import (
	"compress/gzip"
	"crypto/sha512"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/assets/icons"
	"github.com/hindsight-app/hindsight/publish/api"
)

// hls.js is the file of npm that is written down, and its license is beside it.
func TestHLSIsTheOneRecorded(t *testing.T) {
	sum := sha512.Sum512([]byte(hlsJS))
	require.Equal(t, hlsSum, hex.EncodeToString(sum[:]), "hlsjs/renew.sh prints what to write into assets.go")
	readme, err := os.ReadFile("hlsjs/README.md")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(readme), "hls.js "+hlsVersion+" "), "the version in hlsjs/README.md")
	license, err := os.ReadFile("hlsjs/LICENSE")
	require.NoError(t, err)
	require.Contains(t, string(license), "Apache License")
}

// Nobody gets gzip who says that it is of no use.
func TestTakesGzip(t *testing.T) {
	for header, want := range map[string]bool{"": false, "gzip, deflate, br": true, "br;q=1.0, GZIP;q=0.5": true,
		"gzip;q=0": false, "gzip; q=0.000, *": false, "*;q=0.1": true, "*;q=0": false, "identity": false, "xgzip": false} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Accept-Encoding", header)
		require.Equal(t, want, takesGzip(r), header)
	}
}

// Files of the pages may be kept for good, and have another address when they change.
func TestAssetsAreKeptForGood(t *testing.T) {
	d := newDesk(t, 1)
	for _, a := range assets {
		for _, zipped := range []string{"gzip", "identity"} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.server.URL+api.Prefix+a.path(), nil)
			require.NoError(t, err)
			req.Header.Set("Accept-Encoding", zipped)
			resp, err := http.DefaultClient.Do(req)
			require.NoError(t, err)
			defer resp.Body.Close()
			require.Equal(t, http.StatusOK, resp.StatusCode)
			require.Equal(t, "public, max-age=31536000, immutable", resp.Header.Get("Cache-Control"))
			require.Equal(t, a.media, resp.Header.Get("Content-Type"))
			body := io.Reader(resp.Body)
			if zipped == "gzip" {
				require.Equal(t, "gzip", resp.Header.Get("Content-Encoding"))
				body, err = gzip.NewReader(body)
				require.NoError(t, err)
			}
			got, err := io.ReadAll(body)
			require.NoError(t, err)
			require.Equal(t, a.body, got)
		}
		resp, _ := d.call("", http.MethodGet, strings.Replace(a.path(), a.version, strings.Repeat("0", 16), 1), "", "")
		require.Equal(t, http.StatusNotFound, resp.StatusCode)
	}
	require.NotEqual(t, newAsset("a", "", "a").version, newAsset("a", "", "b").version)
}

// Each page leads to the icon for the browser's tab, at its own depth.
func TestPagesHaveAnIcon(t *testing.T) {
	d := newDesk(t, 1)
	b := d.belongings("alice", "den")
	icon := regexp.MustCompile(`<link rel="icon" href="([^"]+)">`)
	for _, page := range []string{"/", teamPath + "/usage", api.Prefix + "/watch/" + b.secret,
		api.Prefix + "/replays/" + b.replay + "/watch?link=" + b.watchSecret} {
		resp, body := d.call("", http.MethodGet, d.server.URL+page, "", "")
		require.Contains(t, resp.Header.Get("Content-Security-Policy"), "img-src 'self'")
		found := icon.FindSubmatch(body)
		require.NotNil(t, found, page)
		address, err := resp.Request.URL.Parse(string(found[1]))
		require.NoError(t, err)
		resp, body = d.call("", http.MethodGet, address.String(), "", "")
		require.Equal(t, http.StatusOK, resp.StatusCode, address)
		require.Equal(t, "image/svg+xml", resp.Header.Get("Content-Type"))
		require.Equal(t, icons.SVG, string(body))
	}
}

// The page of a replay runs its own files and nothing else; a link that does not work has a page that says so.
func TestRewindPageIsStrict(t *testing.T) {
	d := newDesk(t, 1)
	b := d.belongings("alice", "den")
	page := "/replays/" + b.replay + "/watch"
	for target, want := range map[string]int{page + "?link=" + b.watchSecret: 200, page + "?link=no": 404, page: 404} {
		resp, body := d.call("", http.MethodGet, target, "", "")
		require.Equal(t, want, resp.StatusCode)
		require.Equal(t, "no-store", resp.Header.Get("Cache-Control"))
		require.Equal(t, "no-referrer", resp.Header.Get("Referrer-Policy"))
		policy := resp.Header.Get("Content-Security-Policy")
		require.Contains(t, policy, "default-src 'none'")
		require.NotContains(t, policy, "unsafe")
		html := string(body)
		require.NotRegexp(t, regexp.MustCompile(`(?i)<style|\sstyle=|\son[a-z]+=|javascript:`), html)
		require.NotContains(t, html, b.watchSecret)
		require.Equal(t, want == 404, !strings.Contains(html, "<script"), "a script where there is nothing to play")
		require.Equal(t, want == 404, strings.Contains(html, "<title>This link doesn't work"))
		for _, a := range assets {
			always := a == rewindStyle || a == iconImage
			require.Equal(t, want == 200 || always, strings.Contains(html, `"../..`+a.path()+`"`), a.name)
		}
	}
}
