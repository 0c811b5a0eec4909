package gst

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"
	"unsafe"
)

// Sample is one buffer that a pipeline delivered. It holds C memory until Release.
type Sample struct {
	sample, buffer ptr
	info           mapInfo
	mapped         bool
	released       atomic.Bool
}

// PTS is the buffer's running time, which is its time on the system clock; -1 when it has none. Encoders shift their
// time stamps to allow for negative decoding times and say so in the segment (gst/gstsegment.h).
func (s *Sample) PTS() time.Duration {
	v := times(s.buffer).pts
	if v == clockTimeNone {
		return -1
	}
	if seg := gSampleGetSegment.pointer(uintptr(s.sample)); seg != nil {
		if v = uint64(gSegmentRunning.call(uintptr(seg), formatTime, uintptr(v))); v == clockTimeNone {
			return -1
		}
	}
	return time.Duration(v)
}

// Discont says that data is missing before the buffer.
func (s *Sample) Discont() bool { return gBufferHasFlags.yes(uintptr(s.buffer), flagDiscont) }

// Delta says that the data cannot be decoded without what came before.
func (s *Sample) Delta() bool { return gBufferHasFlags.yes(uintptr(s.buffer), flagDelta) }

// Caps describes the data, in GStreamer's text form.
func (s *Sample) Caps() string {
	c := gSampleGetCaps(s.sample)
	if c == nil {
		return ""
	}
	text := gCapsToString(c)
	defer gFree(text)
	return goString(text)
}

// Bytes is the data itself, valid until Release.
func (s *Sample) Bytes() ([]byte, error) {
	if !s.mapped {
		if !gBufferMap.yes(uintptr(s.buffer), uintptr(ptr(&s.info)), mapRead) {
			return nil, errors.New("GStreamer gives no access to a buffer's memory")
		}
		s.mapped = true
	}
	return unsafe.Slice((*byte)(s.info.data), int(s.info.size)), nil
}

// Floats is a copy of data that is float32, as in sound of the format F32LE.
func (s *Sample) Floats() ([]float32, error) {
	b, err := s.Bytes()
	if err != nil {
		return nil, err
	}
	out := make([]float32, len(b)/4)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return out, nil
}

// Release gives the memory back. It may be called twice.
func (s *Sample) Release() {
	if s.released.Swap(true) {
		return
	}
	if s.mapped {
		gBufferUnmap.call(uintptr(s.buffer), uintptr(ptr(&s.info)))
	}
	gMiniObjectUnref.call(uintptr(s.sample))
}

// endEvery is how often Pull asks whether the stream has ended.
const endEvery = 50 * time.Millisecond

// Pull waits up to the given time for the next sample of an appsink, looking for it at the given interval, which may be
// 0 where the time is. It returns ErrTimeout or ErrEnded when there is none.
//
// It does not wait inside the C library: the Go scheduler watches every call out that lasts longer than 20 us, and that
// watching cost more than all of capture's own work. Whoever waits looks at multiples of the interval on one clock:
// those who look at the same time wake the machine once.
func (e *Element) Pull(wait, every time.Duration) (*Sample, error) {
	end, ask := time.Now().Add(wait), time.Now()
	for ; ; time.Sleep(every - time.Since(loaded)%every) {
		if sample := gAppSinkPull.pointer(uintptr(e.object), 0); sample != nil {
			return &Sample{sample: sample, buffer: gSampleGetBuffer.pointer(uintptr(sample))}, nil
		}
		now := time.Now()
		if now.Before(ask) {
			continue
		}
		if gAppSinkEOS.yes(uintptr(e.object)) {
			return nil, ErrEnded
		}
		if !now.Before(end) {
			return nil, ErrTimeout
		}
		if ask = now.Add(endEvery); ask.After(end) {
			ask = end
		}
	}
}

// Buffer is memory that can be filled and pushed.
type Buffer struct{ object ptr }

// Allocate makes a buffer of a size in bytes.
func Allocate(size int) (*Buffer, error) {
	b := &Buffer{gBufferNew.pointer(0, uintptr(size), 0)}
	if b.object == nil {
		return nil, errors.New("GStreamer has no memory for a buffer")
	}
	return b, nil
}

// NewBuffer copies data into a new buffer.
func NewBuffer(data []byte) (*Buffer, error) {
	b, err := Allocate(len(data))
	if err != nil {
		return nil, err
	}
	if err := b.Fill(func(dst []byte) error { copy(dst, data); return nil }); err != nil {
		b.Release()
		return nil, err
	}
	return b, nil
}

// Fill gives write access to the buffer's memory for the length of the call.
func (b *Buffer) Fill(f func(dst []byte) error) error {
	var info mapInfo
	if !gBufferMap.yes(uintptr(b.object), uintptr(ptr(&info)), mapWrite) {
		return errors.New("GStreamer gives no access to a buffer's memory")
	}
	defer gBufferUnmap.call(uintptr(b.object), uintptr(ptr(&info)))
	return f(unsafe.Slice((*byte)(info.data), int(info.size)))
}

// Free says whether nobody else uses the buffer's memory: all that Again has made is released.
func (b *Buffer) Free() bool { return gBufferIsFree.yes(uintptr(b.object)) }

// Again makes a second buffer that shares this one's memory.
func (b *Buffer) Again() *Buffer {
	return &Buffer{gBufferCopyRegion.pointer(uintptr(b.object), copyMemory, 0, gBufferGetSize.call(uintptr(b.object)))}
}

// Release gives the buffer back without pushing it.
func (b *Buffer) Release() {
	if b.object != nil {
		gMiniObjectUnref.call(uintptr(b.object))
		b.object = nil
	}
}

// Push hands the buffer to an appsrc, which owns it from then on, also when it refuses.
func (e *Element) Push(b *Buffer, pts, duration time.Duration) error {
	t := times(b.object)
	t.pts, t.dts, t.duration = uint64(pts), uint64(pts), uint64(duration)
	object := b.object
	b.object = nil
	if r := int32(gAppSrcPush.call(uintptr(e.object), uintptr(object))); r != 0 {
		return fmt.Errorf("the pipeline takes no more data (GstFlowReturn %d)", r)
	}
	return nil
}

// EndStream signals an appsrc's pipeline the end of the data.
func (e *Element) EndStream() { gAppSrcEOS(e.object) }
