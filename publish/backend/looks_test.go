package backend_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
)

// faults wants no serious fault of accessibility on a page.
func faults(t testing.TB, tab context.Context, page string) {
	t.Helper()
	script, err := stack.Axe(tab, t.Output())
	require.NoError(t, err)
	var out []struct {
		ID, Impact, Help string
		Nodes            []struct{ HTML string }
	}
	require.NoError(t, chromedp.Run(tab, chromedp.Evaluate(script, nil),
		chromedp.Evaluate(`axe.run(document, {resultTypes: ['violations']}).then(r => r.violations)`, &out, awaitPromise)))
	for _, f := range out {
		text, err := json.Marshal(f)
		require.NoError(t, err)
		t.Logf("%s: %s", page, text)
		require.NotContains(t, []string{"serious", "critical"}, f.Impact, "%s: %s: %+v", page, f.Help, f.Nodes)
	}
}

// looksOf keeps images of a page, light and dark, at the sizes of a desktop's window and a phone, and wants no serious
// fault of accessibility.
func looksOf(t testing.TB, tab context.Context, page string) {
	t.Helper()
	for _, scheme := range []string{"light", "dark"} {
		for _, size := range []string{"desktop", "phone"} {
			device := emulation.SetDeviceMetricsOverride(1280, 900, 1, false)
			if size == "phone" {
				device = emulation.SetDeviceMetricsOverride(390, 844, 2, true)
			}
			require.NoError(t, chromedp.Run(tab, device, emulation.SetEmulatedMedia().WithFeatures(
				[]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}})))
			if (scheme == "light") == (size == "desktop") { // each of the two once
				faults(t, tab, page+" "+scheme+" "+size)
			}
			var over float64
			require.NoError(t, chromedp.Run(tab,
				chromedp.Evaluate(`document.documentElement.scrollWidth - innerWidth`, &over)))
			require.LessOrEqual(t, over, 0.0, "%s is wider than a %s", page, size)
			shot(t, tab, page+"-"+scheme+"-"+size)
		}
	}
	require.NoError(t, chromedp.Run(tab, emulation.ClearDeviceMetricsOverride()))
}

// shot keeps an image of the page where HINDSIGHT_SHOTS says.
func shot(t testing.TB, tab context.Context, name string) {
	dir := os.Getenv("HINDSIGHT_SHOTS")
	if dir == "" {
		return
	}
	var b []byte
	if err := chromedp.Run(tab, chromedp.FullScreenshot(&b, 100)); err == nil {
		_ = os.WriteFile(filepath.Join(dir, strings.ReplaceAll(t.Name(), "/", "-")+"-"+name+".png"), b, 0o600)
	}
}
