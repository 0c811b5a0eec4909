package api

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestInvitationLinks(t *testing.T) {
	i := Invitation{Server: "https://replay.example.com/team", Identity: "Älice & Bob", Code: "hsi_abc"}
	back, err := ParseInvitation(" " + i.Link() + "\n")
	require.NoError(t, err)
	require.Equal(t, i, back)
	const tail = "&identity=alice&code=c"
	for link, want := range map[string]string{
		"":                        "is not an invitation",
		"https://example.com":     "is not an invitation",
		"hindsight://quit":        "is not an invitation",
		"hindsight://join/x?a=b":  "is not an invitation",
		"hindsight:join?server=a": "is not an invitation",
		"hindsight://join?server=https%3A%2F%2Fa" + tail + "&x=" + strings.Repeat("x", 3000): "is not an invitation",
		"hindsight://join?server=%zz" + tail:                                                 "is not an invitation",
		"hindsight://join?server=file%3A%2F%2F%2Fetc%2Fpasswd" + tail:                        "names no server",
		"hindsight://join?server=https%3A%2F%2Falice:pw%40example.com" + tail:                "names no server",
		"hindsight://join?server=https%3A%2F%2Fexample.com%3Fq%3D1" + tail:                   "names no server",
		"hindsight://join?server=javascript%3Aalert" + tail:                                  "names no server",
		"hindsight://join?server=https%3A%2F%2Fexample.com&code=c":                           "names nobody",
		"hindsight://join?server=https%3A%2F%2Fexample.com&identity=a%0Ab&code=c":            "names nobody",
		"hindsight://join?server=https%3A%2F%2Fexample.com&identity=a%E2%80%AEb&code=c":      "names nobody",
		"hindsight://join?server=https%3A%2F%2Fa%25E2%2580%25AEb.example&identity=a&code=c":  "names nobody",
		"hindsight://join?server=https%3A%2F%2Fexample.com&identity=a":                       "no code",
		"hindsight://join?server=https%3A%2F%2Fexample.com&identity=a&code=a%0D%0AX":         "no code",
	} {
		_, err := ParseInvitation(link)
		require.ErrorContains(t, err, want, link)
	}
}

func FuzzParseInvitation(f *testing.F) {
	f.Add("hindsight://join?server=https%3A%2F%2Fexample.com&identity=a&code=c")
	f.Fuzz(func(t *testing.T, link string) {
		i, err := ParseInvitation(link)
		if err != nil {
			return
		}
		back, err := ParseInvitation(i.Link())
		require.NoError(t, err)
		require.Equal(t, i, back)
	})
}
