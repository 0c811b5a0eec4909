package stack

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hindsight-app/hindsight/capture/media"
)

// Shape is what one direction of a Link does to the packets that pass; the zero Shape passes them on unchanged.
type Shape struct {
	// Kbps is the rate of the bottleneck in kb/s; 0 is no limit.
	Kbps int
	// Queue is how long a packet may have to wait at the bottleneck; one that would wait longer is dropped.
	Queue time.Duration
	// Delay is added behind the bottleneck.
	Delay time.Duration
	// Loss is the share of packets that are dropped at random behind the bottleneck, 0 to 1.
	Loss float64
	// Reorder is the share of packets that are held for ReorderBy, so that later ones pass them.
	Reorder   float64
	ReorderBy time.Duration
}

// Wait is how long the bottleneck's queue was when a packet came to it.
type Wait struct {
	At   time.Time
	Wait time.Duration
}

// The addresses of a Link's ends.
const (
	linkNear, LinkFar = "10.77.0.1", "10.77.0.2"
	linkMask          = "255.255.255.0"
	// linkEnv and linkFD tell a program that it is at an end of a link.
	linkEnv = "HINDSIGHT_LINK_ADDRESS"
	linkFD  = 3
	// linkSeed makes the same packets get lost in each run, as far as the programs behave alike.
	linkSeed = 11
)

// Link joins two network namespaces by a connection that is as bad as its Shapes say. Each end is a TUN device
// (Documentation/networking/tuntap.rst) in a namespace of its own; the packets between them pass through this process.
// The namespaces belong to user namespaces, so no root is needed, and end with the programs in them.
//
// A program at an end calls JoinLink first, and then sees nothing but its own loopback and the link. A Link has two
// goroutines for each direction once both ends are there; Close ends and waits for them.
type Link struct {
	up, down *direction // from near to far, and back

	mu   sync.Mutex
	near *os.File
	far  *os.File
	wg   sync.WaitGroup
}

// NewLink makes a link without ends. Shapes can be set at any time.
func NewLink() *Link { return &Link{up: newDirection(linkSeed), down: newDirection(linkSeed + 1)} }

// SetShapes changes what happens to packets from the near end to the far one (up) and back. What is under way keeps its
// time.
func (l *Link) SetShapes(up, down Shape) {
	l.up.set(up)
	l.down.set(down)
}

// UpWaits are the waits at the bottleneck from near to far since the start.
func (l *Link) UpWaits() []Wait {
	l.up.mu.Lock()
	defer l.up.mu.Unlock()
	return append([]Wait(nil), l.up.waits...)
}

// Counts is what became of the packets from near to far.
type Counts struct{ Passed, Lost, Overflowed, Reordered int }

// UpCounts counts packets from near to far.
func (l *Link) UpCounts() Counts {
	l.up.mu.Lock()
	defer l.up.mu.Unlock()
	return l.up.counts
}

// StartNear starts a program that calls JoinLink at the near end, linkNear, and StartFar one at LinkFar. Each end takes
// one program; what that starts is at the same end.
func (l *Link) StartNear(ctx context.Context, s Spec) (*Proc, error) {
	return l.start(ctx, s, linkNear, &l.near)
}

// StartFar starts a program at the far end.
func (l *Link) StartFar(ctx context.Context, s Spec) (*Proc, error) {
	return l.start(ctx, s, LinkFar, &l.far)
}

func (l *Link) start(ctx context.Context, s Spec, address string, end **os.File) (*Proc, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "link"), os.NewFile(uintptr(fds[1]), "link")
	defer ours.Close()
	s.isolated = theirs
	s.Env = append(append([]string{}, s.Env...), linkEnv+"="+address)
	ready := s.Ready
	s.Ready = nil
	p, err := Start(ctx, s)
	theirs.Close()
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) {
		return nil, fmt.Errorf("this user may not make network namespaces, see user_namespaces(7) and "+
			"/proc/sys/user/max_user_namespaces: %w", err)
	} else if err != nil {
		return nil, err
	}
	tun, err := receiveFile(ours)
	if err != nil {
		p.Close()
		return nil, fmt.Errorf("%s did not join the link (is /dev/net/tun there?): %w; the end of its log:\n%s",
			s.Name, err, p.Tail(2000))
	}
	l.attach(tun, end)
	p.spec.Ready = ready
	if err := p.waitReady(ctx, p.spec); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// attach takes an end; with both there, packets begin to pass.
func (l *Link) attach(tun *os.File, end **os.File) {
	l.mu.Lock()
	defer l.mu.Unlock()
	*end = tun
	if l.near == nil || l.far == nil {
		return
	}
	for _, d := range []struct {
		*direction
		from, to *os.File
	}{{l.up, l.near, l.far}, {l.down, l.far, l.near}} {
		l.wg.Go(func() { d.read(d.from) })
		l.wg.Go(func() { d.write(d.to) })
	}
}

// Close takes both ends away and waits. It may be called twice.
func (l *Link) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, end := range []**os.File{&l.near, &l.far} {
		if *end != nil {
			(*end).Close()
			*end = nil
		}
	}
	l.wg.Wait()
	return nil
}

// receiveFile takes the file that JoinLink sends.
func receiveFile(from *os.File) (*os.File, error) {
	control := make([]byte, unix.CmsgSpace(4))
	n, oobn, _, _, err := unix.Recvmsg(int(from.Fd()), make([]byte, 1), control, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, errors.New("it ended before that")
	}
	messages, err := unix.ParseSocketControlMessage(control[:oobn])
	if err != nil || len(messages) == 0 {
		return nil, errors.Join(errors.New("no device came"), err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return nil, err
	}
	if err := unix.SetNonblock(fds[0], true); err != nil { // so that Close ends reads
		return nil, err
	}
	return os.NewFile(uintptr(fds[0]), "tun"), nil
}

// JoinLink makes this process the end of the Link that started it: it gives the namespace an address and its device to
// the link. Without a link it returns false.
func JoinLink() (bool, error) {
	address := os.Getenv(linkEnv)
	if address == "" {
		return false, nil
	}
	os.Unsetenv(linkEnv)
	link := os.NewFile(linkFD, "link")
	defer link.Close()
	tun, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return true, fmt.Errorf("/dev/net/tun cannot be opened: %w", err)
	}
	defer unix.Close(tun)
	if err := configure(tun, address); err != nil {
		return true, fmt.Errorf("the link's device cannot be set up: %w", err)
	}
	return true, unix.Sendmsg(int(link.Fd()), []byte{1}, unix.UnixRights(tun), nil, 0)
}

// configure names the device link0, gives it its address and brings it and the loopback interface up.
func configure(tun int, address string) error {
	const device = "link0"
	ifr, err := unix.NewIfreq(device)
	if err != nil {
		return err
	}
	ifr.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(tun, unix.TUNSETIFF, ifr); err != nil {
		return fmt.Errorf("TUNSETIFF: %w", err)
	}
	control, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(control)
	for _, set := range []struct {
		request uint
		ip      string
	}{{unix.SIOCSIFADDR, address}, {unix.SIOCSIFNETMASK, linkMask}} {
		ifr, _ := unix.NewIfreq(device)
		if err := ifr.SetInet4Addr(net.ParseIP(set.ip).To4()); err != nil {
			return err
		}
		if err := unix.IoctlIfreq(control, set.request, ifr); err != nil {
			return fmt.Errorf("the address %s: %w", set.ip, err)
		}
	}
	for _, name := range []string{"lo", device} {
		ifr, _ := unix.NewIfreq(name)
		ifr.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
		if err := unix.IoctlIfreq(control, unix.SIOCSIFFLAGS, ifr); err != nil {
			return fmt.Errorf("%s cannot be brought up: %w", name, err)
		}
	}
	return nil
}

// direction moves packets one way. Its first goroutine decides about each packet as it comes, its second writes those
// that pass at their time.
type direction struct {
	wake chan struct{}

	mu     sync.Mutex
	shape  Shape
	random *rand.Rand
	free   time.Time // when the bottleneck has sent all that it holds
	out    []leaving // by time
	waits  []Wait
	counts Counts
	ended  bool
}

type leaving struct {
	at   time.Time
	data []byte
}

func newDirection(seed uint64) *direction {
	return &direction{wake: make(chan struct{}, 1), random: rand.New(rand.NewPCG(seed, seed))} // #nosec G404
}

func (d *direction) set(s Shape) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.shape, d.free = s, time.Time{}
}

func (d *direction) read(from *os.File) {
	buffer := make([]byte, 65536)
	for {
		n, err := from.Read(buffer)
		now := time.Now()
		d.mu.Lock()
		if d.ended = err != nil; !d.ended {
			d.take(now, append([]byte(nil), buffer[:n]...))
		}
		ended := d.ended
		d.mu.Unlock()
		d.poke()
		if ended {
			return
		}
	}
}

func (d *direction) poke() {
	media.Poke(d.wake)
}

// take decides what becomes of a packet: first comes the bottleneck, then what lies behind it. It holds the lock.
func (d *direction) take(now time.Time, data []byte) {
	s := d.shape
	at := now
	if s.Kbps > 0 {
		start := d.free
		if start.Before(now) {
			start = now
		}
		wait := start.Sub(now)
		d.waits = append(d.waits, Wait{now, wait})
		if wait > s.Queue {
			d.counts.Overflowed++
			return
		}
		d.free = start.Add(time.Duration(len(data)) * 8 * time.Second / time.Duration(s.Kbps*1000))
		at = d.free
	}
	if d.random.Float64() < s.Loss {
		d.counts.Lost++
		return
	}
	at = at.Add(s.Delay)
	if d.random.Float64() < s.Reorder {
		d.counts.Reordered++
		at = at.Add(s.ReorderBy)
	}
	d.counts.Passed++
	i := len(d.out)
	for i > 0 && d.out[i-1].at.After(at) {
		i--
	}
	d.out = append(d.out, leaving{})
	copy(d.out[i+1:], d.out[i:])
	d.out[i] = leaving{at, data}
}

func (d *direction) write(to *os.File) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-d.wake:
		case <-timer.C:
		}
		for {
			d.mu.Lock()
			if d.ended {
				d.mu.Unlock()
				return
			}
			var data []byte
			if len(d.out) > 0 {
				if wait := time.Until(d.out[0].at); wait > 0 {
					timer.Reset(wait)
				} else {
					data, d.out = d.out[0].data, d.out[1:]
				}
			}
			d.mu.Unlock()
			if data == nil {
				break
			}
			_, _ = to.Write(data) // an end whose program is gone takes nothing more
		}
	}
}

// Describe puts a Shape into words for a test's log.
func (s Shape) Describe() string {
	var parts []string
	add := func(there bool, format string, args ...any) {
		if there {
			parts = append(parts, fmt.Sprintf(format, args...))
		}
	}
	add(s.Kbps > 0, "%d kb/s with a queue of %v", s.Kbps, s.Queue)
	add(s.Delay > 0, "%v later", s.Delay)
	add(s.Loss > 0, "%.0f %% lost", 100*s.Loss)
	add(s.Reorder > 0, "%.0f %% reordered by %v", 100*s.Reorder, s.ReorderBy)
	if len(parts) == 0 {
		return "as it is"
	}
	return strings.Join(parts, ", ")
}
