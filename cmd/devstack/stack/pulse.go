package stack

import (
	"fmt"
	"math"
	"sync"
	"time"
	"unsafe"

	"github.com/ebitengine/purego"
)

// pulseAPI is PulseAudio's simple interface (pulse/simple.h), loaded at run time.
type pulseAPI struct {
	open func(server, name string, direction int32, device, stream string, spec, channelMap, buffering unsafe.Pointer,
		code *int32) uintptr
	write   func(stream uintptr, data unsafe.Pointer, bytes uintptr, code *int32) int32
	latency func(stream uintptr, code *int32) uint64
	free    func(stream uintptr)
}

var loadPulse = sync.OnceValues(func() (*pulseAPI, error) {
	lib, err := openLibrary("libpulse-simple.so.0")
	if err != nil {
		return nil, fmt.Errorf("PulseAudio's client library is missing; make setup installs it: %w", err)
	}
	a := &pulseAPI{}
	purego.RegisterLibFunc(&a.open, lib, "pa_simple_new")
	purego.RegisterLibFunc(&a.write, lib, "pa_simple_write")
	purego.RegisterLibFunc(&a.latency, lib, "pa_simple_get_latency")
	purego.RegisterLibFunc(&a.free, lib, "pa_simple_free")
	return a, nil
})

// player plays mono float32 at 48 kHz on one sink. Its calls wait for the server.
type player struct {
	api    *pulseAPI
	stream uintptr
}

// openPlayer connects to a sink as a program of that name and requests that at most so much sound is buffered.
func openPlayer(server, name, sink string, underWay time.Duration) (*player, error) {
	api, err := loadPulse()
	if err != nil {
		return nil, err
	}
	const playback, float32LE, unset = 1, 5, math.MaxUint32 // pulse/def.h, pulse/sample.h
	spec := struct {
		format   int32
		rate     uint32
		channels uint8
	}{float32LE, toneRate, 1}
	target := uint32(underWay*toneRate/time.Second) * 4
	buffering := struct{ maxLength, targetLength, preBuffer, minRequest, fragment uint32 }{unset, target, unset, unset,
		unset}
	var code int32
	stream := api.open(server, name, playback, sink, "test tone", unsafe.Pointer(&spec), nil, unsafe.Pointer(&buffering),
		&code)
	if stream == 0 {
		return nil, fmt.Errorf("the sound server %s does not play the pattern on %s: PulseAudio's error %d", server, sink,
			code)
	}
	return &player{api: api, stream: stream}, nil
}

// delay is how long from now the next sample to be written will be played.
func (p *player) delay() (time.Duration, error) {
	var code int32
	us := p.api.latency(p.stream, &code)
	if code != 0 {
		return 0, fmt.Errorf("the sound server went away: PulseAudio's error %d", code)
	}
	return time.Duration(us) * time.Microsecond, nil
}

// write waits until the server accepts more.
func (p *player) write(block []float32) error {
	var code int32
	if p.api.write(p.stream, unsafe.Pointer(&block[0]), uintptr(len(block))*4, &code) < 0 {
		return fmt.Errorf("the sound server went away: PulseAudio's error %d", code)
	}
	return nil
}

func (p *player) close() { p.api.free(p.stream) }
