package livekit

import (
	"encoding/binary"
	"time"

	"github.com/pion/rtp"
)

const (
	// resendFor is how old a packet may be to be sent again; a viewer has given up its frame by then.
	resendFor = 2 * time.Second
	// resendTries bounds how often one packet is sent again.
	resendTries = 8
	// twiceBeyond is the round trip and twiceAbove the loss from which on each retransmission is sent twice: one that
	// gets lost as well costs another round trip, in which viewers see a frozen frame.
	twiceBeyond, twiceAbove = 100 * time.Millisecond, 0.01
	// lateAfter, and twice the round trip, is how long after it was first sent a packet that has not arrived makes a
	// keyframe worth its size.
	lateAfter = 600 * time.Millisecond
)

// resender sends lost packets of one video stream again, on the stream that was negotiated for this (RFC 4588).
//
// It does not wait for the server to ask. LiveKit asks for a packet five times at most, spaced by a round trip that it
// measured before a queue grew on the path, and its requests get lost as well. Transport-wide feedback says of each
// packet whether it arrived, retransmissions included, so a lost one is sent again after one round trip, as often as it
// needs. What the server asks for is sent unless a copy is under way. What pion's responder (interceptor/pkg/nack)
// sends is dropped: it sends a copy for each request while the round trip it knows is too short, all under one sequence
// number, which is the nonce of SRTP.
//
// Layers are another case: by their SSRCs alone the server does not know whose retransmissions it gets, and the LiveKit
// client does not negotiate the extension that would say so (RFC 8852, 3.2). Their packets leave again as they were, to
// the bit: under the same nonce nothing else may be sent. Their transport-wide number is the old one, too, so whether
// a copy arrives is not reported, and further copies leave when the server asks.
//
// It only decides, without goroutine or lock; the transport locks around it.
type resender struct {
	ssrc        uint32
	payloadType uint8
	sequence    uint16 // of the next retransmission
	same        bool   // packets leave again as they were
	packets     [retransmitPackets]sentVideo
	copies      [historySize]copyOf  // by transport-wide number
	missing     map[uint16]time.Time // when they were first sent
}

// sentVideo is a packet of the stream that left.
type sentVideo struct {
	header      rtp.Header
	payload     []byte
	first, last time.Time // when it left first, and last
	newest      uint16    // the last copy's transport-wide number
	tries       int
	arrived     bool
}

// copyOf says which packet a transport-wide number stands for.
type copyOf struct {
	number, sequence uint16
	used             bool
}

func newResender(ssrc uint32, payloadType uint8, sequence uint16) *resender {
	return &resender{ssrc: ssrc, payloadType: payloadType, sequence: sequence, missing: map[uint16]time.Time{}}
}

// left remembers a packet of the stream, or a retransmission, that leaves with this transport-wide number.
func (r *resender) left(now time.Time, number uint16, h *rtp.Header, payload []byte) {
	sequence := h.SequenceNumber
	if h.SSRC == r.ssrc {
		sequence = binary.BigEndian.Uint16(payload)
	}
	p := &r.packets[sequence%retransmitPackets]
	if h.SSRC != r.ssrc {
		*p = sentVideo{header: h.Clone(), payload: payload, first: now}
	} else if p.header.SequenceNumber != sequence {
		return
	}
	p.last, p.newest = now, number
	r.copies[number%historySize] = copyOf{number, sequence, true}
}

// packet is what was sent with this sequence number, if it is remembered.
func (r *resender) packet(sequence uint16) *sentVideo {
	p := &r.packets[sequence%retransmitPackets]
	if p.payload == nil || p.header.SequenceNumber != sequence {
		return nil
	}
	return p
}

// reported takes what the server says about a transport-wide number. It returns the packet if it has to be sent again,
// which it does once its newest copy is lost.
func (r *resender) reported(now time.Time, number uint16, got bool) *sentVideo {
	c := &r.copies[number%historySize]
	if !c.used || c.number != number {
		return nil
	}
	p := r.packet(c.sequence)
	if p == nil {
		return nil
	}
	if got {
		p.arrived = true
		delete(r.missing, c.sequence)
		return nil
	}
	if p.arrived || p.newest != number {
		return nil
	}
	if !r.same { // else nobody would say that it has arrived; viewers that miss it ask for a keyframe
		r.missing[c.sequence] = p.first
	}
	return r.again(now, p)
}

// asked takes a request of the server's for a packet.
func (r *resender) asked(now time.Time, sequence uint16, roundTrip time.Duration) *sentVideo {
	p := r.packet(sequence)
	if p == nil || p.tries > 0 && now.Sub(p.last) < roundTrip {
		return nil // it is unknown, or a copy is under way
	}
	return r.again(now, p)
}

func (r *resender) again(now time.Time, p *sentVideo) *sentVideo {
	if p.tries >= resendTries || now.Sub(p.first) > resendFor {
		return nil
	}
	p.tries++
	p.last = now
	return p
}

// retransmission is a packet for the other stream (RFC 4588, 4): the original sequence number, then its payload.
func (r *resender) retransmission(p *sentVideo) (*rtp.Header, []byte) {
	h := p.header.Clone()
	if r.same {
		return &h, p.payload
	}
	h.SSRC, h.PayloadType, h.SequenceNumber = r.ssrc, r.payloadType, r.sequence
	r.sequence++
	return &h, append(binary.BigEndian.AppendUint16(nil, p.header.SequenceNumber), p.payload...)
}

// late says whether a packet is missing for so long that viewers need a keyframe. Each is notified once.
func (r *resender) late(now time.Time, roundTrip time.Duration) bool {
	late := false
	for sequence, first := range r.missing {
		if now.Sub(first) > max(lateAfter, 2*roundTrip) {
			delete(r.missing, sequence)
			late = true
		}
	}
	return late
}
