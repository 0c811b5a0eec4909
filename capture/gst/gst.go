// Package gst is a thin binding to GStreamer's C library, loaded at run time.
//
// It offers what Hindsight needs and no more: parse a pipeline, pull samples from an appsink, push buffers into an
// appsrc, set properties, force a key unit, watch the bus, look elements up. No headers, no pkg-config and no cgo are
// involved: a missing library is ErrUnavailable with a message, not a loader crash. Functions are used
// wherever there are some; the few public structs that are read stand in layout.go, and are compared with what the
// library itself says when it is loaded.
//
// Every pipeline runs on GStreamer's system clock with a base time of zero, so that a buffer's PTS is that clock's
// time itself: one time line for all pipelines of the process.
//
// The package owns C objects behind Go handles; each handle is released by its Close or Release. It has no goroutines.
package gst

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"
	"unsafe"

	"github.com/ebitengine/purego"
)

// ErrUnavailable says that GStreamer cannot be loaded on this machine.
var ErrUnavailable = errors.New("GStreamer is not installed")

type ptr = unsafe.Pointer

// C functions, filled by load.
var (
	gInitCheck       func(argc, argv ptr, err *ptr) int32
	gVersionString   func() ptr
	gVersion         func(major, minor, micro, nano *uint32)
	gParseLaunch     func(desc string, err *ptr) ptr
	gElementSetState func(element ptr, state int32) int32
	gElementGetState func(element ptr, state, pending *int32, timeout uint64) int32
	gElementSetClock func(pipeline, clock ptr)
	gSetBaseTime     func(element ptr, t uint64)
	gSetStartTime    func(element ptr, t uint64)
	gSendEvent       func(element, event ptr) int32
	gElementGetBus   func(element ptr) ptr
	gParseError      func(msg ptr, err, debug *ptr)
	gParseTag        func(msg ptr, list *ptr)
	gTagString       func(list ptr, tag string, text *ptr) int32
	gSystemClock     func() ptr
	gBinByName       func(bin ptr, name string) ptr
	gFactoryFind     func(name string) ptr
	gSetObjectArg    func(object ptr, name, value string)
	gObjectUnref     func(object ptr)
	gSampleGetCaps   func(sample ptr) ptr
	gCapsFromString  func(caps string) ptr
	gCapsToString    func(caps ptr) ptr
	gStructureNew    func(s string, end *ptr) ptr
	gEventNewCustom  func(kind uint32, structure ptr) ptr
	gEventName       func(kind uint32) ptr
	gMessageEOS      func(source ptr) ptr
	gMessageError    func(source, err ptr, debug string) ptr
	gBufferFill      func(buffer ptr, offset uintptr, from *byte, size uintptr) uintptr
	gBufferExtract   func(buffer ptr, offset uintptr, to *byte, size uintptr) uintptr
	gTypeNameOf      func(instance ptr) ptr
	gTypeFromName    func(name ptr) uintptr
	gTypeClass       func(kind uintptr) ptr
	gFindProperty    func(class ptr, name string) ptr
	gErrorNew        func(domain uint32, code int32, message string) ptr
	gFree            func(p ptr)
	gErrorFree       func(err ptr)
	gAppSrcEOS       func(src ptr) int32
)

// C functions that are called for each frame and each block of sound.
var (
	gMiniObjectUnref  function // (object)
	gSampleGetBuffer  function // (sample) ptr
	gSampleGetSegment function // (sample) ptr
	gSegmentRunning   function // (segment, format int32, position uint64) uint64
	gBufferMap        function // (buffer, info *mapInfo, flags uint32) int32
	gBufferUnmap      function // (buffer, info *mapInfo)
	gBufferNew        function // (allocator, size uintptr, params) ptr
	gAppSinkPull      function // (sink, timeout uint64) ptr
	gAppSinkEOS       function // (sink) int32
	gAppSrcPush       function // (src, buffer) int32
	gBusTimedPop      function // (bus, timeout uint64, types uint32) ptr
	gBufferGetSize    function // (buffer) uintptr
	gBufferCopyRegion function // (buffer, flags uint32, offset, size uintptr) ptr
	gBufferIsFree     function // (buffer) int32
	gBufferHasFlags   function // (buffer, flags uint32) int32
)

// function is the address of a C function that takes up to 15 integers or pointers. purego's Go functions go by
// reflection, which costs more than these calls themselves.
type function uintptr

//go:uintptrescapes
func (f function) call(args ...uintptr) uintptr {
	r, _, _ := purego.SyscallN(uintptr(f), args...)
	return r
}

// pointer is call for a function that returns a pointer to C memory.
//
//go:uintptrescapes
func (f function) pointer(args ...uintptr) ptr {
	r := f.call(args...)
	return *(*ptr)(ptr(&r))
}

// yes is call for a function that returns a gboolean.
//
//go:uintptrescapes
func (f function) yes(args ...uintptr) bool { return uint32(f.call(args...)) != 0 }

type symbol struct {
	target any
	name   string
}

func symbols() (core, app, object, glib []symbol) {
	core = []symbol{
		{&gInitCheck, "gst_init_check"}, {&gVersionString, "gst_version_string"}, {&gParseLaunch, "gst_parse_launch"},
		{&gElementSetState, "gst_element_set_state"}, {&gElementGetState, "gst_element_get_state"},
		{&gElementSetClock, "gst_pipeline_use_clock"}, {&gSetBaseTime, "gst_element_set_base_time"},
		{&gSetStartTime, "gst_element_set_start_time"}, {&gSendEvent, "gst_element_send_event"},
		{&gElementGetBus, "gst_element_get_bus"}, {&gBusTimedPop, "gst_bus_timed_pop_filtered"},
		{&gParseError, "gst_message_parse_error"}, {&gParseTag, "gst_message_parse_tag"},
		{&gTagString, "gst_tag_list_get_string"}, {&gSystemClock, "gst_system_clock_obtain"},
		{&gBinByName, "gst_bin_get_by_name"},
		{&gFactoryFind, "gst_element_factory_find"}, {&gSetObjectArg, "gst_util_set_object_arg"},
		{&gObjectUnref, "gst_object_unref"}, {&gMiniObjectUnref, "gst_mini_object_unref"},
		{&gSampleGetBuffer, "gst_sample_get_buffer"},
		{&gSampleGetCaps, "gst_sample_get_caps"}, {&gSampleGetSegment, "gst_sample_get_segment"},
		{&gSegmentRunning, "gst_segment_to_running_time"}, {&gCapsFromString, "gst_caps_from_string"},
		{&gCapsToString, "gst_caps_to_string"}, {&gBufferMap, "gst_buffer_map"}, {&gBufferUnmap, "gst_buffer_unmap"},
		{&gBufferGetSize, "gst_buffer_get_size"}, {&gBufferNew, "gst_buffer_new_allocate"},
		{&gBufferCopyRegion, "gst_buffer_copy_region"}, {&gBufferIsFree, "gst_buffer_is_all_memory_writable"},
		{&gStructureNew, "gst_structure_from_string"},
		{&gEventNewCustom, "gst_event_new_custom"}, {&gBufferHasFlags, "gst_buffer_has_flags"},
		// For verify.
		{&gVersion, "gst_version"}, {&gEventName, "gst_event_type_get_name"}, {&gMessageEOS, "gst_message_new_eos"},
		{&gMessageError, "gst_message_new_error"}, {&gBufferFill, "gst_buffer_fill"},
		{&gBufferExtract, "gst_buffer_extract"},
	}
	app = []symbol{
		{&gAppSinkPull, "gst_app_sink_try_pull_sample"}, {&gAppSinkEOS, "gst_app_sink_is_eos"},
		{&gAppSrcPush, "gst_app_src_push_buffer"}, {&gAppSrcEOS, "gst_app_src_end_of_stream"},
	}
	object = []symbol{
		{&gFindProperty, "g_object_class_find_property"}, {&gTypeNameOf, "g_type_name_from_instance"},
		{&gTypeFromName, "g_type_from_name"}, {&gTypeClass, "g_type_class_peek"},
	}
	glib = []symbol{{&gFree, "g_free"}, {&gErrorFree, "g_error_free"}, {&gErrorNew, "g_error_new_literal"}}
	return core, app, object, glib
}

var initialise = sync.OnceValue(func() error {
	core, app, object, glib := symbols()
	for _, lib := range []struct {
		base    string
		symbols []symbol
	}{
		{"gstreamer-1.0", core}, {"gstapp-1.0", app}, {"gobject-2.0", object}, {"glib-2.0", glib},
	} {
		handle, err := openLibrary(lib.base)
		if err != nil {
			return fmt.Errorf("%w (%v); %s", ErrUnavailable, err, installHint)
		}
		for _, s := range lib.symbols {
			address, err := lookup(handle, s.name)
			if err != nil {
				return fmt.Errorf("%w in a usable version (%s is missing: %v); %s", ErrUnavailable, s.name, err, installHint)
			}
			if f, ok := s.target.(*function); ok {
				*f = function(address)
				continue
			}
			purego.RegisterFunc(s.target, address)
		}
	}
	var gerr ptr
	if gInitCheck(nil, nil, &gerr) == 0 {
		return fmt.Errorf("%w correctly: %s", ErrUnavailable, takeError(gerr))
	}
	clock = gSystemClock()
	if err := verify(); err != nil {
		return fmt.Errorf("%w in a usable version: it is %w; %s", ErrUnavailable, err, installHint)
	}
	return nil
})

var (
	clock  ptr
	loaded = time.Now()
)

// Init loads GStreamer once. It returns ErrUnavailable with a message when that is impossible.
func Init() error { return initialise() }

// Version is GStreamer's own version string. Init must have succeeded.
func Version() string { return goString(gVersionString()) }

// HasElement says whether GStreamer is there and a plugin of it offers an element of this name.
func HasElement(name string) bool {
	if Init() != nil {
		return false
	}
	f := gFactoryFind(name)
	if f == nil {
		return false
	}
	gObjectUnref(f)
	return true
}

func goString(p ptr) string {
	if p == nil {
		return ""
	}
	n := 0
	for *(*byte)(unsafe.Add(p, n)) != 0 {
		n++
	}
	return string(unsafe.Slice((*byte)(p), n))
}

// installHint says what to install.
var installHint = map[string]string{
	"linux": "install it with: apt install gstreamer1.0-plugins-base gstreamer1.0-plugins-good " +
		"gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly gstreamer1.0-libav gstreamer1.0-x",
	"windows": "install the GStreamer runtime (MSVC, 64 bit) and start Hindsight again",
	"darwin":  "install the GStreamer runtime package and start Hindsight again",
}[runtime.GOOS]
