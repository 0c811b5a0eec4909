package media

// Poke wakes the goroutine that receives from a channel of one place, now or when it comes to that: what is there
// already stays, and serves both. It never blocks.
func Poke(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
