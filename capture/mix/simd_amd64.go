package mix

import "golang.org/x/sys/cpu"

// hasAVX says whether this processor runs the functions below (simd_amd64.s).
var hasAVX = cpu.X86.HasAVX2 && cpu.X86.HasFMA

// dotAVX is dotGo.
//
//go:noescape
func dotAVX(k *[taps]float32, s *[2 * taps]float32) (l, r float32)

// measureAVX is measureGo for n samples, a multiple of 16.
//
//go:noescape
func measureAVX(samples *float32, n int) (peak, power float32)
