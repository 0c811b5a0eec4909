package gst

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// replace has a C function do something else for the length of a test.
func replace[F any](t *testing.T, f *F, by F) {
	before := *f
	*f = by
	t.Cleanup(func() { *f = before })
}

// Each struct that is read is compared with what functions of the libraries say: one that differs is an error.
func TestOtherLayoutsAreRefused(t *testing.T) {
	require.NoError(t, Init())
	require.NoError(t, verify())
	for name, change := range map[string]func(t *testing.T){
		"version 2.1 with": func(t *testing.T) {
			replace(t, &gVersion, func(major, minor, _, _ *uint32) { *major, *minor = 2, 1 })
		},
		"GstMessage": func(t *testing.T) {
			failed := gMessageError
			replace(t, &gMessageEOS, func(ptr) ptr {
				e := gErrorNew(1, 2, "another message")
				defer gErrorFree(e)
				return failed(nil, e, "")
			})
		},
		"GError": func(t *testing.T) {
			made := gErrorNew
			replace(t, &gErrorNew, func(domain uint32, code int32, text string) ptr { return made(domain, code, text[1:]) })
		},
		"GstMapInfo": func(t *testing.T) {
			filled := gBufferFill
			replace(t, &gBufferFill, func(b ptr, at uintptr, from *byte, size uintptr) uintptr {
				return filled(b, at, from, size/2)
			})
		},
		"GstBuffer": func(t *testing.T) {
			made := gParseLaunch
			replace(t, &gParseLaunch, func(_ string, err *ptr) ptr {
				return made("fakesrc format=time num-buffers=1 ! appsink name=out sync=false", err)
			})
		},
		"GstEventType": func(t *testing.T) {
			replace(t, &gEventName, func(uint32) ptr { return nil })
		},
	} {
		t.Run(name, func(t *testing.T) {
			change(t)
			require.ErrorContains(t, verify(), name)
		})
	}
	require.NoError(t, verify())
}
