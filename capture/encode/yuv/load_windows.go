package yuv

import "golang.org/x/sys/windows"

var yuvLibraries = []string{"libyuv.dll", "yuv.dll"}

func openLibrary(name string) (uintptr, error) {
	h, err := windows.LoadLibrary(name)
	return uintptr(h), err
}

func lookup(handle uintptr, name string) (uintptr, error) {
	return windows.GetProcAddress(windows.Handle(handle), name)
}
