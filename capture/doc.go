// Package capture films the screen, mixes desktop sound and microphone into one track, encodes once and keeps the last
// minutes in memory.
package capture
