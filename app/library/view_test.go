package library

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/clip"
)

// What a view shows, by the names of the clips.
func TestViews(t *testing.T) {
	day := func(d int) time.Time { return time.Date(2026, 3, d, 12, 0, 0, 0, time.Local) }
	items := []Item{
		{Name: "Ace", Clip: clip.Clip{Created: day(5), Seconds: 8, Bytes: 300, Program: "Pong", Kind: clip.Trimmed}},
		{Name: "b", Clip: clip.Clip{Created: day(4), Seconds: 60, Bytes: 100, Program: "pong", Kind: clip.Replay,
			Starred: true}},
		{Name: "C", Clip: clip.Clip{Created: day(3), Seconds: 30, Bytes: 900, Kind: clip.Recorded}},
		{Name: "shot", Clip: clip.Clip{Created: day(2), Bytes: 10, Program: "Chess", Kind: clip.Screenshot}},
	}
	for i := range items {
		items[i].index()
	}
	for _, c := range []struct {
		view View
		want []string
	}{
		{View{}, []string{"Ace", "b", "C", "shot"}},
		{View{Reverse: true}, []string{"shot", "C", "b", "Ace"}},
		{View{Order: ByName}, []string{"Ace", "b", "C", "shot"}},
		{View{Order: ByLength}, []string{"b", "C", "Ace", "shot"}},
		{View{Order: BySize}, []string{"C", "Ace", "b", "shot"}},
		{View{Order: ByProgram}, []string{"shot", "Ace", "b", "C"}},
		{View{Starred: true}, []string{"b"}},
		{View{Kind: clip.Recorded}, []string{"C"}},
		{View{Program: "Pong"}, []string{"Ace"}},
		{View{Text: "PONG 2026-03-04"}, []string{"b"}},
		{View{Text: "pong chess"}, nil},
		{View{From: day(3), To: day(5)}, []string{"b", "C"}},
	} {
		var got []string
		for _, i := range c.view.Of(items) {
			got = append(got, i.Name)
		}
		require.Equal(t, c.want, got, "%+v", c.view)
	}
	require.Equal(t, []string{"Chess", "Pong", "pong"}, Programs(items))
	require.True(t, View{Text: " ", Order: BySize}.All())
	require.False(t, View{Kind: clip.Replay}.All())
}
