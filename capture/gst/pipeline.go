package gst

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// ErrEnded is what a pull returns when the pipeline has no more data.
var ErrEnded = errors.New("the pipeline has ended")

// ErrTimeout is what a pull returns when nothing came in time.
var ErrTimeout = errors.New("nothing came in time")

// Pipeline is a GStreamer pipeline made from a launch description. Its methods may be called from any goroutine; none
// of its elements may be used after Close.
type Pipeline struct {
	object   ptr
	bus      ptr
	mu       sync.Mutex
	elements []ptr
	closed   bool
	tags     map[string]string
	failed   error // came while Tag looked
}

// Parse makes a pipeline from the syntax of gst-launch. It does not start it.
func Parse(description string) (*Pipeline, error) {
	if err := Init(); err != nil {
		return nil, err
	}
	return parse(description)
}

// parse is Parse while GStreamer is being loaded.
func parse(description string) (*Pipeline, error) {
	var gerr ptr
	// Two elements, even trivial ones, make gst_parse_launch return a GstPipeline, which has the clock and the bus.
	object := gParseLaunch(description, &gerr)
	if gerr != nil {
		if object != nil {
			gObjectUnref(object)
		}
		return nil, explained(takeError(gerr))
	}
	if object == nil {
		return nil, errors.New("GStreamer made no pipeline of the description")
	}
	p := &Pipeline{object: object, bus: gElementGetBus(object)}
	gElementSetClock(object, clock)
	// GST_CLOCK_TIME_NONE as start time keeps the base time that is set by hand (gst_element_set_start_time).
	gSetStartTime(object, ^uint64(0))
	gSetBaseTime(object, 0)
	return p, nil
}

// explained turns GStreamer's most frequent refusal into one that says what to do.
func explained(message string) error {
	if name, ok := strings.CutPrefix(message, "no element "); ok {
		return fmt.Errorf("GStreamer's element %s is missing; %s", name, installHint)
	}
	return errors.New(message)
}

// Play starts the pipeline and waits up to the given time until it runs or has failed.
func (p *Pipeline) Play(wait time.Duration) error {
	if gElementSetState(p.object, statePlaying) == changeFailure {
		return p.Cause(errNoStart)
	}
	var state, pending int32
	if gElementGetState(p.object, &state, &pending, uint64(wait)) == changeFailure {
		return p.Cause(errNoStart)
	}
	return nil
}

var errNoStart = errors.New("the pipeline does not start")

// Cause is why the pipeline stopped: the error, or the end of the stream, that its bus tells of, which it tells once;
// else what was seen of it, which may be nil. An error looks like the end of the stream from a sink.
func (p *Pipeline) Cause(seen error) error {
	p.mu.Lock()
	err := p.failed
	p.failed = nil
	p.mu.Unlock()
	if err != nil {
		return err
	}
	m := gBusTimedPop.pointer(uintptr(p.bus), 0, messageEOS|messageError)
	if m == nil {
		return seen
	}
	defer gMiniObjectUnref.call(uintptr(m))
	return failureOf(m)
}

// Tag returns the newest text of a tag that has reached a sink (gst/gsttaglist.h); empty where none has. A tag is known
// before the data that it belongs to can be pulled.
func (p *Pipeline) Tag(name string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		m := gBusTimedPop.pointer(uintptr(p.bus), 0, messageEOS|messageError|messageTag)
		if m == nil {
			return p.tags[name]
		}
		if messageKind(m)&messageTag != 0 {
			var list, text ptr
			gParseTag(m, &list)
			if gTagString(list, name, &text) != 0 {
				if p.tags == nil {
					p.tags = map[string]string{}
				}
				p.tags[name] = goString(text)
				gFree(text)
			}
			gMiniObjectUnref.call(uintptr(list))
		} else if p.failed == nil {
			p.failed = failureOf(m)
		}
		gMiniObjectUnref.call(uintptr(m))
	}
}

// failureOf is the error of a message, or ErrEnded.
func failureOf(m ptr) error {
	if messageKind(m)&messageEOS != 0 {
		return ErrEnded
	}
	var gerr, debug ptr
	gParseError(m, &gerr, &debug)
	defer gFree(debug)
	return explained(takeError(gerr) + detail(goString(debug)))
}

// detail is the last line of GStreamer's debug text, which names the cause; the lines before it name source files.
func detail(debug string) string {
	lines := strings.Split(strings.TrimSpace(debug), "\n")
	last := strings.TrimSpace(lines[len(lines)-1])
	if len(lines) < 2 || last == "" {
		return ""
	}
	return " " + last
}

// busEvery is how often Each looks at the context and the bus while no samples come.
const busEvery = 100 * time.Millisecond

// Each hands every sample of an appsink to f, which owns it, until the context ends (nil) or the stream does
// (ErrEnded), or until f or the pipeline fails. It looks for samples at the given interval.
func (p *Pipeline) Each(ctx context.Context, out *Element, every time.Duration, f func(*Sample) error) error {
	for ctx.Err() == nil {
		if err := p.next(out, busEvery, every, f); err != nil && !errors.Is(err, ErrTimeout) {
			return err
		}
	}
	return nil
}

// Ready is Each for the samples that are there already. A pipeline that fails ends its stream, as a rule; Cause says
// why where it does not.
func (p *Pipeline) Ready(out *Element, f func(*Sample) error) error {
	for {
		if err := p.next(out, 0, 0, f); errors.Is(err, ErrTimeout) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func (p *Pipeline) next(out *Element, wait, every time.Duration, f func(*Sample) error) error {
	s, err := out.Pull(wait, every)
	if err == nil {
		return f(s)
	}
	if wait == 0 && errors.Is(err, ErrTimeout) {
		return err
	}
	return p.Cause(err)
}

// Close stops the pipeline and frees it. It may be called twice.
func (p *Pipeline) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	p.closed = true
	gElementSetState(p.object, stateNull)
	for _, e := range p.elements {
		gObjectUnref(e)
	}
	gObjectUnref(p.bus)
	gObjectUnref(p.object)
	trim()
	return nil
}

// Element is one element of a pipeline.
type Element struct{ object ptr }

// Element finds an element by its name in the description.
func (p *Pipeline) Element(name string) (*Element, error) {
	e := gBinByName(p.object, name)
	if e == nil {
		return nil, fmt.Errorf("the pipeline has no element named %s", name)
	}
	p.mu.Lock()
	p.elements = append(p.elements, e)
	p.mu.Unlock()
	return &Element{e}, nil
}

// Set sets a property from its text form; a property that does not exist is an error.
func (e *Element) Set(name, value string) error {
	class := gTypeClass(gTypeFromName(gTypeNameOf(e.object)))
	if class == nil || gFindProperty(class, name) == nil {
		return fmt.Errorf("the element has no property %s", name)
	}
	gSetObjectArg(e.object, name, value)
	return nil
}

// ForceKeyUnit asks the encoder behind this element (an appsrc) to make the next frame an IDR
// (gst-plugins-base, gst/video/video-event.h: structure GstForceKeyUnit).
func (e *Element) ForceKeyUnit() error {
	s := gStructureNew("GstForceKeyUnit, all-headers=(boolean)true;", nil)
	if s == nil || gSendEvent(e.object, gEventNewCustom(eventCustomDownstream, s)) == 0 {
		return errors.New("the encoder took no request for a keyframe")
	}
	return nil
}
