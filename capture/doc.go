// Package capture captures the screen, mixes desktop sound and microphone into one track, encodes once and keeps the
// last minutes in memory.
//
// A Recorder wires the packages below it and owns their lifetime:
//
//	screen ─► pace ─► convert ─► H.264 ──────┐
//	desktop ┐                                 ├─► fan-out ─► readers (the publisher)
//	mic     ┴► mix ─► Opus ──────────────────┤
//	             └──► AAC ───────────────────┴─► replay ring ─► clip
//
// Goroutines: one for frames, which owns the pacer and the video encoder; one for sound while any sound is on; and
// those of the sources and encoders. None of them ever waits for a save, a disk, a network or a window. Close ends
// readers, encoders and sources in that order and waits for all; it may be called twice.
package capture
