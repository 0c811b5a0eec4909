//go:build !amd64

package mix

// hasAVX: there are no functions for this processor yet.
const hasAVX = false

func dotAVX(k *[taps]float32, s *[2 * taps]float32) (l, r float32) { return dotGo(k, s) }

func measureAVX(samples *float32, n int) (peak, power float32) { return 0, 0 }
