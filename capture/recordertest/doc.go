// Package recordertest holds the tests of capture.Recorder on a real screen and sound server, apart from those of
// capture itself, which need none.
package recordertest
