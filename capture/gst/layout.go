package gst

import (
	"bytes"
	"errors"
	"fmt"
	"time"
	"unsafe"
)

// What GStreamer and GLib offer no function for is read from their public structs, as the macros of their headers do.
// These are part of the ABI, which is stable for all of 1.x (GStreamer's RELEASE file: "the API and ABI-stable 1.x
// release series"). The layouts below are those of 64-bit systems. verify compares them with what the libraries
// themselves say, once, so that another layout is an error and no garbage.

// miniObject is GstMiniObject (gst/gstminiobject.h): type, refcount, lockstate, flags, copy, dispose, free, priv_uint,
// priv_pointer.
type miniObject [64]byte

// bufferStruct is the beginning of GstBuffer (gst/gstbuffer.h). Its times have macros, GST_BUFFER_PTS and others, and
// no functions.
type bufferStruct struct {
	_                  miniObject
	_                  ptr // pool
	pts, dts, duration uint64
}

// messageStruct is the beginning of GstMessage (gst/gstmessage.h). Its type has a macro, GST_MESSAGE_TYPE.
type messageStruct struct {
	_    miniObject
	kind uint32
}

// mapInfo is GstMapInfo (gst/gstmemory.h), which the caller of gst_buffer_map allocates and reads.
type mapInfo struct {
	_    ptr // memory
	_    uint32
	data ptr
	size uintptr
	_    uintptr // size of the whole memory
	_    [4]ptr  // user_data
	_    [4]ptr  // reserved
}

// errorStruct is GError (glib/gerror.h).
type errorStruct struct {
	_       uint32 // domain
	_       int32  // code
	message ptr
}

// Values of enumerations and flags.
const (
	stateNull, statePlaying = 1, 4 // GstState (gst/gstelement.h)
	changeFailure           = 0    // GstStateChangeReturn

	messageEOS, messageError, messageTag = 1 << 0, 1 << 1, 1 << 4 // GstMessageType (gst/gstmessage.h)

	flagDiscont = 1 << 6 // GstBufferFlags (gst/gstbuffer.h)
	flagDelta   = 1 << 13
	copyMemory  = 1 << 3 // GstBufferCopyFlags

	mapRead, mapWrite = 1, 2 // GstMapFlags (gst/gstmemory.h)

	formatTime = 3 // GstFormat (gst/gstformat.h)

	// GST_EVENT_CUSTOM_DOWNSTREAM: number 280 with the flags downstream and serialized (gst/gstevent.h).
	eventCustomDownstream = 280<<8 | 1<<1 | 1<<2

	clockTimeNone = ^uint64(0) // GST_CLOCK_TIME_NONE (gst/gstclock.h)
)

func times(buffer ptr) *bufferStruct { return (*bufferStruct)(buffer) }

func messageKind(m ptr) uint32 { return (*messageStruct)(m).kind }

// takeError reads and frees a GError.
func takeError(e ptr) string {
	if e == nil {
		return "unknown error"
	}
	s := goString((*errorStruct)(e).message)
	gErrorFree(e)
	return s
}

// verify says why this GStreamer is none that the layouts hold for.
func verify() error {
	var major, minor, micro, nano uint32
	gVersion(&major, &minor, &micro, &nano)
	if major != 1 || unsafe.Sizeof(uintptr(0)) != 8 {
		return fmt.Errorf("version %d.%d with %d bits; Hindsight works with 1.x and 64 bits", major, minor,
			8*unsafe.Sizeof(uintptr(0)))
	}
	for name, check := range map[string]func() error{
		"GError": verifyError, "GstMessage": verifyMessage, "GstMapInfo": verifyMap, "GstBuffer": verifyBuffer,
		"GstEventType": verifyEvent,
	} {
		if err := check(); err != nil {
			return fmt.Errorf("version %d.%d: its %s is not laid out as expected (%w)", major, minor, name, err)
		}
	}
	return nil
}

var errOther = errors.New("it reads as something else")

func verifyError() error {
	const message = "a known message"
	if got := takeError(gErrorNew(7, 11, message)); got != message {
		return errOther
	}
	return nil
}

func verifyMessage() error {
	failure := gErrorNew(7, 11, "a known message")
	defer gErrorFree(failure)
	for want, m := range map[uint32]ptr{messageEOS: gMessageEOS(nil), messageError: gMessageError(nil, failure, "")} {
		got := messageKind(m)
		gMiniObjectUnref.call(uintptr(m))
		if got != want {
			return errOther
		}
	}
	return nil
}

func verifyMap() error {
	want := bytes.Repeat([]byte{3, 1, 4, 1, 5}, 100)
	b, err := Allocate(len(want))
	if err != nil {
		return err
	}
	defer b.Release()
	gBufferFill(b.object, 0, &want[0], uintptr(len(want)))
	got := make([]byte, len(want))
	if err := b.Fill(func(d []byte) error {
		if !bytes.Equal(d, want) {
			return errOther
		}
		for i := range d {
			d[i] = byte(i)
		}
		copy(want, d)
		return nil
	}); err != nil {
		return err
	}
	if gBufferExtract(b.object, 0, &got[0], uintptr(len(got))) != uintptr(len(got)) || !bytes.Equal(got, want) {
		return errOther
	}
	return nil
}

// verifyBuffer reads buffers of GStreamer's own source with known times: 1000 bytes each at 1000 bytes a second
// (gst/elements/gstfakesrc.c: datarate). A new one has no times (gst_buffer_new).
func verifyBuffer() error {
	b, err := Allocate(1)
	if err != nil {
		return err
	}
	t := times(b.object)
	none := t.pts&t.dts&t.duration == clockTimeNone
	b.Release()
	if !none {
		return errOther
	}
	p, err := parse("fakesrc format=time sizetype=fixed sizemax=1000 datarate=1000 num-buffers=3 ! appsink name=out " +
		"sync=false")
	if err != nil {
		return err
	}
	defer p.Close()
	out, err := p.Element("out")
	if err != nil {
		return err
	}
	if err := p.Play(0); err != nil {
		return err
	}
	for n := range uint64(3) {
		s, err := out.Pull(10*time.Second, time.Millisecond)
		if err != nil {
			return p.Cause(err)
		}
		t := times(s.buffer)
		second := uint64(time.Second)
		ok := t.pts == n*second && t.dts == n*second && t.duration == second && s.PTS() == time.Duration(t.pts)
		s.Release()
		if !ok {
			return errOther
		}
	}
	return nil
}

func verifyEvent() error {
	if goString(gEventName(eventCustomDownstream)) != "custom-downstream" {
		return errOther
	}
	return nil
}
