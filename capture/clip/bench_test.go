package clip_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/hindsight-app/hindsight/capture/clip"
	"github.com/hindsight-app/hindsight/capture/media"
)

// BenchmarkSaveMinute is a press of the key: 60 s of 1080p30 at 20 Mb/s with sound, from memory to a complete file on
// the disk under the user's cache folder. The bar is 150 ms.
func BenchmarkSaveMinute(b *testing.B) {
	cache, err := os.UserCacheDir()
	if err != nil {
		b.Fatal(err)
	}
	folder, err := os.MkdirTemp(cache, "hindsight-bench-")
	if err != nil {
		b.Fatal(err)
	}
	defer os.RemoveAll(folder)
	r := clip.Request{Folder: folder, End: time.Minute, Created: time.Now()}
	// Parameter sets of 1920x1080 as x264 writes them, then a payload of the right size.
	sps := []byte{0x67, 0x42, 0xc0, 0x28, 0xda, 0x01, 0xe0, 0x08, 0x9f, 0x97, 0x01, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10,
		0x00, 0x00, 0x03, 0x03, 0xc8, 0xf1, 0x83, 0x2a}
	pps := []byte{0x68, 0xce, 0x0f, 0xc8}
	for i := range 1800 {
		at := time.Duration(i) * time.Second / 30
		slice := make([]byte, 20_000_000/8/30)
		slice[0] = 0x41
		for j := 1; j < len(slice); j++ {
			slice[j] = byte(j*i) | 1
		}
		nals := [][]byte{slice}
		if i%60 == 0 {
			slice[0] = 0x65
			nals = [][]byte{sps, pps, slice}
		}
		data, units := media.JoinAnnexB(nals)
		r.Video = append(r.Video, &media.Packet{PTS: at, DTS: at, Duration: time.Second / 30, Key: i%60 == 0, Data: data,
			NALs: units})
	}
	for at := time.Duration(0); at < time.Minute; at += 1024 * time.Second / 48000 {
		r.Sound = append(r.Sound, &media.Packet{Track: media.AAC, PTS: at, DTS: at, Duration: 1024 * time.Second / 48000,
			Key: true, Data: make([]byte, 512), Config: []byte{0x11, 0x90}})
	}
	b.ReportAllocs()
	for b.Loop() {
		c, err := clip.Save(context.Background(), r)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(c.Bytes)
		b.StopTimer()
		if err := os.Remove(c.Path); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
