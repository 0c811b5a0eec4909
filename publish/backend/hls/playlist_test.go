package hls

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const sample = "#EXTM3U\n#EXT-X-VERSION:4\n#EXT-X-PLAYLIST-TYPE:EVENT\n#EXT-X-TARGETDURATION:4\n" +
	"#EXT-X-PROGRAM-DATE-TIME:2026-11-22T06:53:20.712Z\n#EXTINF:4.000,\ns_00000.ts\n" +
	"#EXT-X-PROGRAM-DATE-TIME:2026-11-22T06:53:24.7Z\n#EXTINF:0.733,\ns_00001.ts\n#EXT-X-ENDLIST\n"

// However the file is read in pieces, the entries are the same.
func TestPlaylistGrowsInPieces(t *testing.T) {
	want := []Entry{
		{"s_00000.ts", "", time.Date(2026, 11, 22, 6, 53, 20, 712e6, time.UTC), 4 * time.Second},
		{"s_00001.ts", "", time.Date(2026, 11, 22, 6, 53, 24, 700e6, time.UTC), 733 * time.Millisecond},
	}
	for size := 1; size <= len(sample); size++ {
		var p Playlist
		for rest := sample; rest != ""; {
			n := min(size, len(rest))
			p.Append([]byte(rest[:n]))
			rest = rest[n:]
		}
		require.Equal(t, want, p.Entries)
		require.True(t, p.Ended)
	}
}

func TestPlaylistTakesNoStrangeEntries(t *testing.T) {
	for _, entry := range []string{"../s_00000.ts", "/etc/passwd", "s_1.ts", "s_00000.mp4", "http://x/s_00000.ts",
		"s_00000.ts\x00"} {
		var p Playlist
		p.Append([]byte("#EXT-X-PROGRAM-DATE-TIME:2026-11-22T06:53:20Z\n#EXTINF:4,\n" + entry + "\n"))
		require.Empty(t, p.Entries, entry)
	}
	var p Playlist
	p.Append([]byte("#EXTINF:4,\ns_00000.ts\n#EXT-X-PROGRAM-DATE-TIME:2026-11-22T06:53:20Z\ns_00001.ts\n"))
	require.Empty(t, p.Entries, "an entry without time or length")
}

func TestPlaylistOfFragments(t *testing.T) {
	const entry = "#EXT-X-PROGRAM-DATE-TIME:2026-11-22T06:53:20.123456Z\n#EXTINF:2.5,\n"
	var p Playlist
	p.Append([]byte("#EXTM3U\n#EXT-X-MAP:URI=\"i_00000.mp4\"\n" + entry + "s_00000.m4s\n" + entry + "s_00001.m4s\n" +
		"#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"i_00001.mp4\"\n" + entry + "s_00002.m4s\n"))
	wall := time.Date(2026, 11, 22, 6, 53, 20, 123456000, time.UTC)
	require.Equal(t, []Entry{
		{"s_00000.m4s", "i_00000.mp4", wall, 2500 * time.Millisecond},
		{"s_00001.m4s", "i_00000.mp4", wall, 2500 * time.Millisecond},
		{"s_00002.m4s", "i_00001.mp4", wall, 2500 * time.Millisecond},
	}, p.Entries)
	for _, bad := range []string{
		entry + "s_00000.m4s\n", // without header
		"#EXT-X-MAP:URI=\"../i_00000.mp4\"\n" + entry + "s_00000.m4s\n",
		"#EXT-X-MAP:URI=\"i_00000.mp4\",BYTERANGE=\"7@0\"\n" + entry + "s_00000.m4s\n",
		"#EXT-X-MAP:URI=\"i_00000.mp4\"\n" + entry + "s_00000.ts\n",
	} {
		var p Playlist
		p.Append([]byte(bad))
		require.Empty(t, p.Entries, bad)
	}
}

func FuzzPlaylist(f *testing.F) {
	f.Add([]byte(sample))
	f.Fuzz(func(t *testing.T, b []byte) {
		var p Playlist
		p.Append(b)
		for _, e := range p.Entries {
			if e.Duration <= 0 || e.Wall.IsZero() || !e.valid() {
				t.Fatalf("bad entry %+v", e)
			}
		}
	})
}

// The counter of PTS turns over after 26.5 hours; the expected time says how often it has.
func TestUnwrap(t *testing.T) {
	for _, near := range []time.Duration{0, time.Hour, 26 * time.Hour, 27 * time.Hour, 80 * time.Hour, -2 * time.Hour} {
		raw := near % tsWrap
		if raw < 0 {
			raw += tsWrap
		}
		s := Segment{Video: []Sample{{PTS: raw + time.Second, DTS: raw}}, Audio: []Sample{{PTS: raw, DTS: raw}}}
		s.Unwrap(near)
		require.Equal(t, near+time.Second, s.Video[0].PTS, near)
		require.Equal(t, near, s.Audio[0].DTS, near)
	}
}

// What a live playlist names follows the whole one; what lies between is found by its number.
func TestLivePlaylistContinuesTheWhole(t *testing.T) {
	wall := time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)
	entry := func(n int) Entry {
		return Entry{Name: fmt.Sprintf("s_%05d.ts", n), Wall: wall.Add(time.Duration(n) * 4 * time.Second),
			Duration: 4 * time.Second}
	}
	entries := func(from, to int) (out []Entry) {
		for n := from; n < to; n++ {
			out = append(out, entry(n))
		}
		return out
	}
	require.Equal(t, entries(6, 10), Continue(entries(0, 6), entries(5, 10)), "they overlap")
	require.Equal(t, entries(6, 16), Continue(entries(0, 6), entries(11, 16)), "there is something between")
	require.Empty(t, Continue(entries(0, 16), entries(11, 16)))
	require.Empty(t, Continue(nil, entries(11, 16)))
	require.Empty(t, Continue(entries(0, 6), []Entry{entry(99999)}), "too far")
	fragment := entry(11)
	fragment.Name, fragment.Header = "s_00011.m4s", "i_00000.mp4"
	require.Empty(t, Continue(entries(0, 6), []Entry{fragment}))
}
