package source

import (
	"context"
	"fmt"
	"time"
	"unsafe"

	"github.com/hindsight-app/hindsight/capture/gst"
	"github.com/hindsight-app/hindsight/capture/media"
)

// ourSound is the format of media.PCM in GStreamer's words.
const ourSound = "audio/x-raw,format=F32LE,rate=48000,channels=2,layout=interleaved"

// suppressing takes steady noise out: WebRTC's audio processing (GStreamer's webrtcdsp, in plugins-bad), on blocks of
// 10 ms in one of the two forms it takes.
const suppressing = "appsrc name=in format=time is-live=true max-bytes=0 caps=" + ourSound +
	" ! audioconvert ! audio/x-raw,format=S16LE,rate=48000,channels=1 ! webrtcdsp echo-cancel=false gain-control=false" +
	" limiter=false noise-suppression-level=high ! audioconvert ! " + ourSound +
	" ! appsink name=out sync=false max-buffers=200 drop=true"

// suppressDelay is by how much its sound comes later than its time stamps say: the correlation of a modulated noise
// with what becomes of it has its peak there.
var suppressDelay = media.SamplesToDuration(334)

// How many samples later the sound comes where echo is canceled, and how many more where noise is suppressed with it.
var (
	echoDelay      = media.SamplesToDuration(382)
	echoNoiseDelay = media.SamplesToDuration(288)
)

// cleaner takes steady noise out of sound and hands on what is left, from its own goroutine. close ends it and waits.
type cleaner struct {
	pipeline *gst.Pipeline
	in       *gst.Element
	cancel   context.CancelFunc
	failed   chan error // holds why it ended by itself
	done     chan struct{}
}

// newCleaner begins; pcm gets the clean sound. The error is a message.
func newCleaner(pcm func(media.PCM)) (*cleaner, error) {
	p, err := gst.Parse(suppressing)
	if err != nil {
		return nil, fmt.Errorf("noise suppression doesn't work: %w; or turn it off in Settings, Audio", err)
	}
	c := &cleaner{pipeline: p, failed: make(chan error, 1), done: make(chan struct{})}
	var out *gst.Element
	for name, e := range map[string]**gst.Element{"in": &c.in, "out": &out} {
		if *e, err = p.Element(name); err != nil {
			_ = p.Close()
			return nil, err
		}
	}
	if err := p.Play(0); err != nil {
		_ = p.Close()
		return nil, fmt.Errorf("noise suppression doesn't work: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	go func() {
		defer close(c.done)
		err := p.Each(ctx, out, 8*time.Millisecond, func(s *gst.Sample) error { return cleaned(s, pcm) })
		if err != nil {
			c.failed <- fmt.Errorf("noise suppression doesn't work: %w", err)
		}
	}()
	return c, nil
}

// cleaned hands on one block.
func cleaned(s *gst.Sample, pcm func(media.PCM)) error {
	defer s.Release()
	b, err := s.Bytes()
	if err != nil || len(b) < 8 {
		return err
	}
	pcm(media.PCM{PTS: s.PTS() - suppressDelay, Discont: s.Discont(),
		Samples: unsafe.Slice((*float32)(unsafe.Pointer(&b[0])), len(b)/4)})
	return nil
}

// push takes a block, which is copied.
func (c *cleaner) push(p media.PCM) {
	b, err := gst.NewBuffer(unsafe.Slice((*byte)(unsafe.Pointer(&p.Samples[0])), len(p.Samples)*4))
	if err == nil {
		_ = c.in.Push(b, p.PTS, p.Duration()) // what fails here fails in the pipeline as well, which reports it
	}
}

func (c *cleaner) close() {
	c.cancel()
	<-c.done
	_ = c.pipeline.Close()
}
