package replay

// Queued is how many records wait to be written.
func (j *Journal) Queued() int { return len(j.queue) }
