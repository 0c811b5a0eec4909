// Package capture captures the screen, mixes desktop sound and microphone into one track, encodes once and keeps the
// last minutes in memory.
//
// A Recorder wires the packages below it and owns their lifetime:
//
//	screen ─► video: pace ─► H.264, full and low ─┐
//	desktop ┐                                     ├─► fan-out ─► readers (the publisher)
//	mic     ┴► audio: mix ─► Opus ────────────────┤
//	                    └──► AAC ─────────────────┴─► replay ring ─► clip
//
// The package has goroutines for recordings and covers only; those of frames and sound are of video, audio and source.
// None of them ever waits for a save, a disk, a network or a window. Close ends readers, encoders and sources in that
// order and waits for all; it may be called twice.
package capture
