package livekit

import (
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
)

// transport sits between one peer connection and the network: it paces video, numbers packets for transport-wide
// congestion control, feeds the reports to the estimator, sends lost packets again, and corrects the sender reports to
// the session's timeline. The LiveKit client makes a new one for every peer connection. Its only goroutine is the
// pacer's; the peer connection closes it.
//
// pion's own estimator (interceptor/pkg/gcc) is not used: it remembers 250 packets, which a 1080p60 keyframe alone
// exceeds, and counts every packet it has forgotten as lost. Nor is its pacer (pkg/pacing), whose queue takes 50 MB and
// whose rate knows no greatest delay, nor its history of packets (pkg/rtpfb), which forgets none.
type transport struct {
	interceptor.NoOp
	session *Session

	mu       sync.Mutex
	nextSeq  uint16
	estimate *estimator
	pace     *pacer
	trips    roundTrips
	tracks   map[uint32]*track       // by SSRC
	videos   map[uint32]*videoStream // those of them that are paced
	reports  interceptor.RTCPWriter
	closed   bool
}

// videoStream is a layer of the video.
type videoStream struct {
	layer  layer
	resend *resender             // nil where no stream for it was negotiated
	again  interceptor.RTPWriter // sends retransmissions
}

const (
	// earlyReports is how many sender reports of its own a track sends from its first packet on, earlyEvery the time
	// between them. pion's interceptor sends one a second, and the first may come a second after the packets that it
	// dates.
	earlyReports = 5
	earlyEvery   = 200 * time.Millisecond
)

// NewInterceptor makes the Session a factory of transports (interceptor.Factory).
func (f transportFactory) NewInterceptor(string) (interceptor.Interceptor, error) {
	f.session.opened()
	return &transport{session: f.session, tracks: map[uint32]*track{}, videos: map[uint32]*videoStream{}}, nil
}

type transportFactory struct{ session *Session }

// BindLocalStream is called for each of our tracks once it is negotiated.
func (t *transport) BindLocalStream(info *interceptor.StreamInfo, writer interceptor.RTPWriter) interceptor.RTPWriter {
	t.mu.Lock()
	defer t.mu.Unlock()
	writer = t.session.unlessSilent(writer)
	if t.closed {
		return writer
	}
	if !strings.HasPrefix(strings.ToLower(info.MimeType), "video/") {
		if t.session.sound != nil {
			t.tracks[info.SSRC] = t.session.sound
		}
		return t.reporting(info.SSRC, writer)
	}
	v := &videoStream{}
	for l, track := range t.session.videos() {
		if l == 0 || uint32(track.local.SSRC()) == info.SSRC {
			v.layer, t.tracks[info.SSRC] = layer(l), track
		}
	}
	t.videos[info.SSRC] = v
	if t.pace == nil {
		minimum, maximum := t.session.estimateBounds()
		t.estimate, t.pace = newEstimator(minimum, maximum), newPacer(int(burstFactor*float64(maximum)))
	}
	id := extensionID(info, sdp.TransportCCURI)
	if id != 0 && info.SSRCRetransmission != 0 {
		v.resend = newResender(info.SSRCRetransmission, info.PayloadTypeRetransmission, uint16(rand.Uint32())) // #nosec G404
	}
	numbered := t.numbered(id, v, writer)
	if v.again = numbered; v.resend != nil && t.session.low != nil {
		v.again, v.resend.same = writer, true
	}
	send, pace, resend := t.reporting(info.SSRC, numbered), t.pace, v.resend
	return interceptor.RTPWriterFunc(func(h *rtp.Header, payload []byte, _ interceptor.Attributes) (int, error) {
		if resend != nil && h.SSRC != info.SSRC {
			return h.MarshalSize() + len(payload), nil // a retransmission of pion's
		}
		if err := pace.add(time.Now(), h, payload, send); err != nil {
			return 0, err
		}
		return h.MarshalSize() + len(payload), nil
	})
}

// reporting sends the first sender reports of a track along with its packets. One goroutine at a time writes a track.
func (t *transport) reporting(ssrc uint32, writer interceptor.RTPWriter) interceptor.RTPWriter {
	report := rtcp.SenderReport{SSRC: ssrc}
	sent := 0
	var last time.Time
	return interceptor.RTPWriterFunc(func(h *rtp.Header, payload []byte, a interceptor.Attributes) (int, error) {
		n, err := writer.Write(h, payload, a)
		if err != nil || sent >= earlyReports {
			return n, err
		}
		report.PacketCount++
		report.OctetCount += uint32(len(payload))
		if now := time.Now(); now.Sub(last) >= earlyEvery {
			sent, last = sent+1, now
			t.report(report)
		}
		return n, err
	})
}

// report sends a sender report. One that cannot be sent is lost like any packet; the next says the same.
func (t *transport) report(report rtcp.SenderReport) {
	t.mu.Lock()
	writer := t.reports
	t.mu.Unlock()
	if writer != nil && t.correct(&report) {
		_, _ = writer.Write([]rtcp.Packet{&report}, interceptor.Attributes{})
	}
}

// UnbindLocalStream forgets a track.
func (t *transport) UnbindLocalStream(info *interceptor.StreamInfo) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.tracks, info.SSRC)
	delete(t.videos, info.SSRC)
}

// numbered adds the transport-wide sequence number (draft-holmer-rmcat-transport-wide-cc-extensions-01, 2) at the
// moment a packet leaves. Without the extension, packets leave unnumbered and nothing is estimated.
func (t *transport) numbered(id uint8, v *videoStream, writer interceptor.RTPWriter) interceptor.RTPWriter {
	if id == 0 {
		return writer
	}
	return interceptor.RTPWriterFunc(func(h *rtp.Header, payload []byte, a interceptor.Attributes) (int, error) {
		t.mu.Lock()
		seq := t.nextSeq
		t.nextSeq++
		err := number(h, id, seq)
		now := time.Now()
		t.estimate.sent(seq, now, h.MarshalSize()+len(payload)+packetOverhead)
		if v.resend != nil {
			v.resend.left(now, seq, h, payload)
		}
		t.mu.Unlock()
		if err != nil {
			return 0, err
		}
		return writer.Write(h, payload, a)
	})
}

func number(h *rtp.Header, id uint8, seq uint16) error {
	ext, err := rtp.TransportCCExtension{TransportSequence: seq}.Marshal()
	if err != nil {
		return err
	}
	return h.SetExtension(id, ext)
}

func extensionID(info *interceptor.StreamInfo, uri string) uint8 {
	for _, e := range info.RTPHeaderExtensions {
		if e.URI == uri {
			return uint8(e.ID)
		}
	}
	return 0
}

// BindRTCPReader watches for congestion feedback. It never fails a read of its own: the reader also carries keyframe
// requests.
func (t *transport) BindRTCPReader(reader interceptor.RTCPReader) interceptor.RTCPReader {
	return interceptor.RTCPReaderFunc(func(b []byte, a interceptor.Attributes) (int, interceptor.Attributes, error) {
		n, attr, err := reader.Read(b, a)
		if err != nil {
			return n, attr, err
		}
		if attr == nil {
			attr = interceptor.Attributes{}
		}
		packets, err := attr.GetRTCPPackets(b[:n])
		if err != nil {
			return n, attr, nil //nolint:nilerr // the track's own reader reports what it cannot parse
		}
		for _, p := range packets {
			switch p := p.(type) {
			case *rtcp.TransportLayerCC:
				t.onFeedback(p)
			case *rtcp.TransportLayerNack:
				t.onRequest(p)
			}
		}
		return n, attr, nil
	})
}

func (t *transport) onFeedback(feedback *rtcp.TransportLayerCC) {
	t.mu.Lock()
	if t.estimate == nil {
		t.mu.Unlock()
		return
	}
	t.estimate.setBounds(t.session.estimateBounds())
	now := time.Now()
	bits := t.estimate.feedback(now, feedback)
	t.pace.setRate(t.estimate.burst())
	if trip := t.estimate.roundTrip; trip > 0 {
		t.trips.add(now, trip)
	}
	late := t.resendLost(now)
	share := t.trips.share()
	bits = int(float64(bits) * share)
	t.session.delivered.Store(int64(t.estimate.delivered()))
	t.session.deliveredAt.Store(now.UnixNano())
	t.mu.Unlock()
	if raise := t.session.onEstimate(bits); raise > 0 {
		t.mu.Lock()
		t.estimate.raise(float64(raise) / share)
		t.mu.Unlock()
	}
	for _, l := range late {
		t.session.requestKeyframe(l)
	}
}

// resendLost sends again what the last report told to be lost, and returns the layers of which something is missing for
// too long. It runs under the lock.
func (t *transport) resendLost(now time.Time) (late []layer) {
	for _, v := range t.videos {
		if v.resend == nil {
			continue
		}
		for _, o := range t.estimate.outcomes {
			if p := v.resend.reported(now, o.seq, o.got); p != nil {
				t.again(now, v, p)
			}
		}
		if v.resend.late(now, t.trips.current()) {
			late = append(late, v.layer)
		}
	}
	return late
}

// again queues a packet before all others. It runs under the lock.
func (t *transport) again(now time.Time, v *videoStream, p *sentVideo) {
	if !t.session.on[v.layer].Load() {
		return // its last frames are of no use, and would look to the server as if it went on
	}
	copies := 1
	if !v.resend.same && t.trips.current() > twiceBeyond && t.estimate.lossRatio > twiceAbove {
		copies = 2
	}
	for range copies {
		h, payload := v.resend.retransmission(p)
		t.pace.first(now, h, payload, v.again)
	}
}

// onRequest takes a request for packets (RFC 4585, 6.2.1).
func (t *transport) onRequest(request *rtcp.TransportLayerNack) {
	t.mu.Lock()
	defer t.mu.Unlock()
	v := t.videos[request.MediaSSRC]
	if v == nil || v.resend == nil {
		return
	}
	now := time.Now()
	for _, pair := range request.Nacks {
		for _, sequence := range pair.PacketList() {
			if p := v.resend.asked(now, sequence, t.trips.current()); p != nil {
				t.again(now, v, p)
			}
		}
	}
}

// BindRTCPWriter corrects outgoing sender reports. pion fills them from the moment a packet was handed to the network,
// which differs between sound and video by what their encoders take.
func (t *transport) BindRTCPWriter(writer interceptor.RTCPWriter) interceptor.RTCPWriter {
	t.mu.Lock()
	t.reports = writer
	t.mu.Unlock()
	return interceptor.RTCPWriterFunc(func(packets []rtcp.Packet, a interceptor.Attributes) (int, error) {
		kept := packets[:0:0]
		for _, p := range packets {
			if report, ok := p.(*rtcp.SenderReport); ok && !t.correct(report) {
				continue
			}
			kept = append(kept, p)
		}
		if len(kept) == 0 {
			return 0, nil
		}
		return writer.Write(kept, a)
	})
}

// correct stamps a report; false if it says nothing yet.
func (t *transport) correct(report *rtcp.SenderReport) bool {
	t.mu.Lock()
	track := t.tracks[report.SSRC]
	t.mu.Unlock()
	line := t.session.line.Load()
	if track == nil || line == nil || report.PacketCount == 0 {
		return false
	}
	pts, ntp := line.at(time.Now())
	report.NTPTime, report.RTPTime = ntp, rtpTime(pts, track.rate, track.base)
	return true
}

// Close ends the pacer. The peer connection calls it.
func (t *transport) Close() error {
	t.mu.Lock()
	first, pace := !t.closed, t.pace
	t.closed = true
	t.mu.Unlock()
	if pace != nil {
		pace.close()
	}
	if first {
		t.session.closed()
	}
	return nil
}
