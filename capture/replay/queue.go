package replay

import (
	"sort"
	"time"

	"github.com/hindsight-app/hindsight/capture/media"
)

// queue is a run of packets in the order of time. Dropping moves the head; the memory before it is given back once it
// is half of the whole.
type queue struct {
	packets []*media.Packet
	head    int
}

func (q *queue) len() int               { return len(q.packets) - q.head }
func (q *queue) at(i int) *media.Packet { return q.packets[q.head+i] }
func (q *queue) last() *media.Packet    { return q.packets[len(q.packets)-1] }
func (q *queue) push(p *media.Packet)   { q.packets = append(q.packets, p) }
func (q *queue) slice(i, j int) []*media.Packet {
	if i >= j {
		return nil
	}
	return append([]*media.Packet(nil), q.packets[q.head+i:q.head+j]...)
}

func (q *queue) drop(n int) {
	clear(q.packets[q.head : q.head+n])
	if q.head += n; q.head > len(q.packets)/2 {
		q.packets = append([]*media.Packet(nil), q.packets[q.head:]...)
		q.head = 0
	}
}

// secondKey is the index of the second group of frames, 0 when there is only one.
func (q *queue) secondKey() int {
	for i := 1; i < q.len(); i++ {
		if q.at(i).Key {
			return i
		}
	}
	return 0
}

// before counts the packets that begin before t, or, with whole, that have ended by t (with a tolerance of a
// millisecond for rounded times).
func (q *queue) before(t time.Duration, whole bool) int {
	return sort.Search(q.len(), func(i int) bool {
		p := q.at(i)
		if whole {
			return p.PTS+p.Duration > t+time.Millisecond
		}
		return p.PTS >= t
	})
}

// nearest is the index below stop of the packet whose PTS is nearest to t.
func (q *queue) nearest(t time.Duration, stop int) int {
	i := sort.Search(stop, func(i int) bool { return q.at(i).PTS >= t })
	if i > 0 && (i == stop || t-q.at(i-1).PTS < q.at(i).PTS-t) {
		i--
	}
	return i
}
