// Package engine is the border between encode and what encodes. A maker of encoders (GStreamer in encode/gstenc; a
// system's own media framework) lists those that it has; encode chooses one of them by trial and does everything that
// does not depend on the maker: conversion to 4:2:0, IDR frames, skip frames, the colors in the stream, packets.
//
// The package has only types. Who implements them owns the goroutine that delivers what comes out; Close waits for it.
package engine

import (
	"context"
	"errors"
	"time"

	"github.com/hindsight-app/hindsight/capture/media"
)

// ErrNotInstalled says that a maker does not have an encoder on this machine.
var ErrNotInstalled = errors.New("not installed")

// Maker is who makes encoders.
type Maker struct {
	// Name is what it is called where its state is shown.
	Name string
	// Version says what is installed, or why it cannot be used and what to do.
	Version func() (string, error)
}

// Format is how the planes of a 4:2:0 frame lie in a surface. They follow each other without a gap: luma, whose rows
// are as wide as the frame, rounded up to 4 bytes, then chroma.
type Format int

const (
	// I420 has a plane each for U and V, whose rows are half as wide, rounded up to 4 bytes.
	I420 Format = iota
	// NV12 has U and V in turn, in rows as wide as those of luma.
	NV12
)

// VideoEncoder is one H.264 encoder of a maker.
type VideoEncoder struct {
	// Name is unique among all makers: settings and logs use it.
	Name string
	// Format is what it takes.
	Format Format
	// Software says that it runs on the processor. Encoders that do not are tried before.
	Software bool
	// CanInsertSkips says that its streams take the frames that h264.SkipInserter makes.
	CanInsertSkips bool
	// Installed says why this machine does not have it: ErrNotInstalled, or something that is wrong. With nil a trial
	// shows whether it works.
	Installed func() error
	// Open starts it.
	Open func(VideoStream, VideoOutput) (Video, error)
}

// VideoStream is the stream to make: progressive frames without B-frames, with as little delay as possible. It is in
// Annex B, with parameter sets before each IDR frame (ITU-T H.264, annex B and 7.4.1.2.3).
type VideoStream struct {
	// Width and Height are in pixels, and even.
	Width, Height int
	// FrameRate is in frames a second; KeyInterval is the longest distance between two IDR frames in frames.
	FrameRate, KeyInterval int
	// BitrateKbps is the target in kb/s.
	BitrateKbps int
	// ConstantQuality is a quantiser, 1 to 51, that stays as long as the bitrate suffices; 0 spends the bitrate.
	ConstantQuality int
	// Preset is how much work the encoder spends.
	Preset media.Preset
	// Matrix is the surfaces' matrix_coefficients: 1 is BT.709, 6 BT.601 (ITU-T H.264, table E-5). Range is limited,
	// primaries and transfer are BT.709's. An encoder that cannot say so leaves it: encode does.
	Matrix int
	// SurfaceSize is the size of a surface in bytes.
	SurfaceSize int
}

// VideoOutput is where a Video delivers to, from one goroutine of its own.
type VideoOutput struct {
	// Unit receives one access unit for each frame pushed, in the same order. The memory is used again afterwards.
	Unit func(data []byte, pts time.Duration)
	// Failed receives why the encoder has stopped. Nothing follows it.
	Failed func(error)
}

// Video is a running H.264 encoder. SetBitrate may be called from any goroutine, the others from one at a time.
type Video interface {
	// Surface makes memory for a frame. It is the encoder's and valid until Close.
	Surface() (Surface, error)
	// Push encodes what a surface shows, as an IDR frame where key says so. It does not wait for the encoder; a surface
	// may be pushed again before the encoder has let go of it.
	Push(s Surface, pts time.Duration, key bool) error
	// SetBitrate changes the target in kb/s.
	SetBitrate(kbps int) error
	// Close ends the encoder; frames still inside are lost. It returns when nothing is delivered anymore.
	Close() error
}

// Surface is memory for one frame in the form that the encoder takes.
type Surface interface {
	// Free says whether no frame inside the encoder needs the memory.
	Free() bool
	// Write gives access to the memory, which keeps what it shows from one call to the next, for the length of a call.
	Write(func(dst []byte) error) error
}

// SoundEncoder is one sound encoder of a maker.
type SoundEncoder struct {
	// Name is unique among all makers.
	Name string
	// Track is media.Opus (128 kb/s, 20 ms, without DTX; RFC 7587) or media.AAC (LC, 192 kb/s unless another rate is
	// asked for).
	Track media.Track
	// Installed is as a VideoEncoder's. Its message says what to install.
	Installed func() error
	// Open starts it. With live, packets are delivered from its own goroutine as soon as they are there; else inside
	// Push, one block later, which costs no goroutine that wakes up.
	Open func(s SoundStream, out SoundOutput) (Sound, error)
}

// SoundStream is the stream of sound to make.
type SoundStream struct {
	// Live is whether packets are needed as soon as they are there.
	Live bool
	// Kbps is the bitrate of AAC in kb/s; 0 is the usual one.
	Kbps int
}

// SoundOutput is where a Sound delivers to.
type SoundOutput struct {
	// Packet receives a packet with the time of its first sample, what decoders add being taken into account. config is
	// the AudioSpecificConfig of AAC (ISO/IEC 14496-3, 1.6.2.1). The memory is used again afterwards, config's is not.
	Packet func(data []byte, pts time.Duration, config []byte)
	// Failed receives why the encoder has stopped.
	Failed func(error)
}

// Sound is a running sound encoder. Its methods are called from one goroutine at a time.
type Sound interface {
	// Push encodes a block of interleaved stereo samples of 16 bits, little-endian, at 48 kHz, and copies it. Blocks
	// follow each other without gaps.
	Push(samples []byte, pts time.Duration) error
	// Flush, of an encoder that is not live, delivers until at most so many samples are inside, for whoever encodes faster
	// than time passes. With 0 it ends the sound and delivers all of it, and only Close may follow.
	Flush(ctx context.Context, most int) error
	// Close ends the encoder; sound still inside is lost. It returns when nothing is delivered anymore.
	Close() error
}
