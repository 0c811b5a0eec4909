package gst

import "golang.org/x/sys/windows"

func openLibrary(base string) (uintptr, error) {
	h, err := windows.LoadLibrary(base + "-0.dll")
	return uintptr(h), err
}

func lookup(handle uintptr, name string) (uintptr, error) {
	return windows.GetProcAddress(windows.Handle(handle), name)
}
