package stack

import (
	"encoding/binary"
	"net"
	"sync"
)

// waylandProxy passes a compositor's socket on and pretends that its screencopy could also share buffers of a GPU.
//
// xdg-desktop-portal-wlr 0.7, Debian 12's, refuses to capture a compositor without a GPU ("unable to receive a valid
// format from wlr_screencopy"): it expects such buffers to be offered, though it then takes shared memory when nothing
// else can be had. Where the compositor says that it has listed all formats of a frame, the missing one is put in
// before. It owns a listener and two goroutines for each client; close ends them and waits.
type waylandProxy struct {
	listener    *net.UnixListener
	compositor  string
	connections sync.WaitGroup

	mu    sync.Mutex
	conns map[*net.UnixConn]struct{} // nil once closed
}

// startWaylandProxy listens at path.
func startWaylandProxy(path, compositor string) (*waylandProxy, error) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	p := &waylandProxy{listener: l, compositor: compositor, conns: map[*net.UnixConn]struct{}{}}
	p.connections.Go(p.accept)
	return p, nil
}

func (p *waylandProxy) accept() {
	for {
		client, err := p.listener.AcceptUnix()
		if err != nil {
			return
		}
		server, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: p.compositor, Net: "unix"})
		if err != nil {
			client.Close()
			continue
		}
		if !p.keep(client, server) {
			return
		}
		s := &screencopies{objects: map[uint32]kind{1: display}, sizes: map[uint32][2]uint32{}}
		p.connections.Go(func() { p.pass(server, client, s.request) })
		p.connections.Go(func() { p.pass(client, server, s.event) })
	}
}

// keep remembers connections for close; it returns false, and closes them, when that has been.
func (p *waylandProxy) keep(conns ...*net.UnixConn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		if p.conns == nil {
			c.Close()
			continue
		}
		p.conns[c] = struct{}{}
	}
	return p.conns != nil
}

func (p *waylandProxy) close() {
	p.listener.Close()
	p.mu.Lock()
	for c := range p.conns {
		c.Close()
	}
	p.conns = nil
	p.mu.Unlock()
	p.connections.Wait()
}

// look sees a whole message and returns what goes before it.
type look func(object uint32, opcode uint16, body []byte) (before []byte)

// pass copies messages and file descriptors from one side to the other until either ends. Descriptors may travel ahead
// of their message.
func (p *waylandProxy) pass(to, from *net.UnixConn, l look) {
	defer to.Close()
	defer from.Close()
	data, control := make([]byte, 64<<10), make([]byte, 4<<10)
	held := 0         // bytes of a message that is not whole yet
	var passed []byte // descriptors that no message was there to take along
	defer func() { closeAll(passed) }()
	for {
		n, cn, _, _, err := from.ReadMsgUnix(data[held:], control)
		passed = append(passed, control[:cn]...)
		if err != nil || n == 0 {
			return
		}
		held += n
		out, end := messages(data[:held], l)
		if end == 0 {
			continue
		}
		if err := send(to, out, passed); err != nil {
			return
		}
		closeAll(passed)
		passed = passed[:0]
		held = copy(data, data[end:held])
	}
}

// messages copies all whole messages and returns where they end (Wayland's wire format: object, then size and opcode,
// each message a multiple of 4 bytes).
func messages(data []byte, l look) (out []byte, end int) {
	for len(data)-end >= 8 {
		head := number(data[end+4:])
		size := int(head >> 16)
		if size < 8 || len(data)-end < size {
			break
		}
		out = append(out, l(number(data[end:]), uint16(head), data[end+8:end+size])...)
		out = append(out, data[end:end+size]...)
		end += size
	}
	return out, end
}

func number(b []byte) uint32 { return binary.NativeEndian.Uint32(b) }

// send writes the bytes, the first of them with the descriptors.
func send(to *net.UnixConn, data, control []byte) error {
	n, _, err := to.WriteMsgUnix(data, control, nil)
	for err == nil && n < len(data) {
		var m int
		m, err = to.Write(data[n:])
		n += m
	}
	return err
}

// kind is what an object of a client is.
type kind int

const (
	display kind = iota + 1
	registry
	manager
	frame
)

// Opcodes (wayland.xml; wlr-screencopy-unstable-v1.xml).
const (
	displayGetRegistry = 1
	registryBind       = 0
	captureOutput      = 0
	captureRegion      = 1

	frameBuffer = 0
	frameDmabuf = 5
	frameDone   = 6
)

const drmXRGB8888 = 0x34325258 // drm_fourcc.h

// screencopies knows the objects of a client that have to do with capturing.
type screencopies struct {
	mu      sync.Mutex
	objects map[uint32]kind
	sizes   map[uint32][2]uint32 // of the pending frames
}

// request sees what the client asks for.
func (s *screencopies) request(object uint32, opcode uint16, body []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch k := s.objects[object]; {
	case k == display && opcode == displayGetRegistry && len(body) >= 4:
		s.objects[number(body)] = registry
	case k == registry && opcode == registryBind && len(body) >= 16:
		// name, interface as length with its closing zero and text, version, new object
		length, at := int(number(body[4:])), len(body)-4
		if length > 0 && 8+length <= at && string(body[8:8+length-1]) == "zwlr_screencopy_manager_v1" {
			s.objects[number(body[at:])] = manager
		}
	case k == manager && (opcode == captureOutput || opcode == captureRegion) && len(body) >= 4:
		s.objects[number(body)] = frame
	}
	return nil
}

// event sees what the compositor sends.
func (s *screencopies) event(object uint32, opcode uint16, body []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.objects[object] != frame {
		return nil
	}
	switch {
	case opcode == frameBuffer && len(body) >= 12: // format, width, height, stride
		s.sizes[object] = [2]uint32{number(body[4:]), number(body[8:])}
	case opcode == frameDmabuf:
		delete(s.sizes, object) // there is a GPU after all
	case opcode == frameDone:
		if size, ok := s.sizes[object]; ok {
			delete(s.sizes, object)
			var b []byte
			for _, n := range []uint32{object, 20<<16 | frameDmabuf, drmXRGB8888, size[0], size[1]} {
				b = binary.NativeEndian.AppendUint32(b, n)
			}
			return b
		}
	}
	return nil
}
