// The page of a replay: it plays the rolling buffer, scrubs in it, and cuts clips of it. All moments are milliseconds
// of the clock (UTC) but where a name says media, which is the time of a media element in seconds: that goes on evenly
// where the replay was paused, the clock does not.
'use strict';
(() => {
const $ = id => document.getElementById(id);
const player = $('player');
if (!player) return;

const secret = new URLSearchParams(location.search).get('link');
const address = path => secret ? path + '?link=' + encodeURIComponent(secret) : path;
const video = $('video');
const clamp = (x, low, high) => Math.max(low, Math.min(high, x));
const show = (element, yes) => { if (element) element.hidden = !yes; };
const write = (element, text) => { if (element && element.textContent !== text) element.textContent = text; };
const clockTo = unit => new Intl.DateTimeFormat(undefined, {hourCycle: 'h23', hour: '2-digit', minute: '2-digit',
  ...(unit && {second: '2-digit'}), ...(unit === 'ms' && {fractionalSecondDigits: 1})});
const minutes = clockTo(), seconds = clockTo('s'), tenths = clockTo('ms');
const two = n => String(n).padStart(2, '0');
// 0:07, 12:34, 1:02:03
const lengthOf = ms => {
  const s = Math.max(0, Math.round(ms / 1000));
  return s < 3600 ? `${Math.floor(s / 60)}:${two(s % 60)}`
    : `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
};
const spoken = ms => {
  const s = Math.round(ms / 1000);
  return s < 60 ? `${s} s` : s % 60 ? `${Math.floor(s / 60)} min ${s % 60} s` : `${s / 60} min`;
};
const inSeconds = ms => (ms / 1000).toFixed(1) + ' s';
const say = text => { $('said').textContent = text; };

// ---- What the server says of the replay.

let line = null; // {from, to, gaps, live, paused, clips, longest}, moments in ms
let resuming = null; // {from, until}: a pause that has ended, of which nothing after it is there yet
const span = () => line && line.to > line.from ? line.to - line.from : 0;
const gapAt = at => line && line.gaps.find(g => at >= g.from && at < g.to);
const openGap = () => line && line.gaps.find(g => g.open);
// How much of a stretch was recorded.
const recorded = (from, to) => line.gaps.reduce((rest, g) =>
  rest - Math.max(0, Math.min(to, g.to) - Math.max(from, g.from)), to - from);
const gapText = g => {
  const what = g.reason === 'paused' ? 'Paused by the publisher' : 'Not recorded';
  if (g.open) return `${what} since ${minutes.format(g.from)}`;
  const unit = minutes.format(g.from) === minutes.format(g.to) || g.to - g.from < 60000 ? seconds : minutes;
  return `${what} ${unit.format(g.from)} to ${unit.format(g.to)}`;
};

// patience is how long the server may take for a reply, in ms.
const patience = 8000;

async function call(path, body) {
  const response = await fetch(address(path), {signal: AbortSignal.timeout?.(body ? 4 * patience : patience),
    ...(body && {method: 'POST', body: JSON.stringify(body), headers: {'Content-Type': 'application/json'}})});
  if (response.ok) return response.json();
  const problem = await response.json().catch(() => ({}));
  const error = new Error(problem.detail || problem.title || 'The server said ' + response.status);
  error.status = response.status;
  error.after = Number(response.headers.get('Retry-After')) || 0;
  throw error;
}

let failures = 0, gone = false;
async function poll() {
  let wait = 3000;
  try {
    const timeline = await call('timeline');
    if (failures) say('Connected again.');
    failures = 0;
    write($('trouble'), '');
    take(timeline);
    if (!line.live) wait = 10000;
  } catch (e) {
    if ([401, 403, 404, 410].includes(e.status)) return leave();
    failures++;
    // One that fails may be chance; hls.js tries again by itself.
    if (failures > 1) write($('trouble'), 'The connection is lost. Trying again…');
    wait = Math.max(Math.min(1000 * 2 ** failures, 15000), (e.after || 0) * 1000);
  }
  if (document.hidden) wait *= 4;
  clearTimeout(poll.timer);
  poll.timer = setTimeout(poll, wait);
}

function take(t) {
  const old = line, wasOpen = openGap();
  const at = x => x ? Date.parse(x) : 0;
  line = {from: at(t.from), to: at(t.to), live: t.live, paused: t.live && t.paused, clips: t.clips || 'nobody',
    longest: t.maxSeconds ? t.maxSeconds * 1000 : Infinity,
    // One that goes on beyond what there is has not ended.
    gaps: (t.gaps || []).map(g => ({from: at(g.from), to: at(g.to), open: t.live && at(g.to) > at(t.to),
      reason: g.reason}))};
  if (!old || gapsOf(old) !== gapsOf(line)) listGaps(old);
  if (!old || old.clips !== line.clips) allow();
  if ((wasOpen || old?.paused) && !openGap() && !line.paused && line.live) {
    resuming = {from: old.to, until: Date.now() + 20000};
    say('The publisher has resumed.');
  }
  const goesOn = () => openGap() || !line.live || line.to > resuming.from + 500 || Date.now() > resuming.until;
  if (resuming && goesOn()) resuming = null;
  if (old && old.live && !line.live) say('This replay has ended.');
  if (old && !old.live && line.live) say('The replay goes on.');
  if (!engine && line.to > line.from) start();
  if (engine && !gone) engine.changed();
  keepCut();
  draw();
  tiles.plan();
}

const gapsOf = l => l.gaps.map(gapText).join();

function listGaps(old) {
  // What lasts is told over the picture.
  $('spans').replaceChildren(...line.gaps.filter(g => !g.open).map(g => {
    const item = document.createElement('li');
    item.textContent = gapText(g);
    return item;
  }));
  const last = line.gaps.at(-1);
  if (old && last && line.gaps.length > old.gaps.length) say(gapText(last) + '.');
}

// leave is for a link that has ended.
function leave() {
  gone = true;
  video.pause();
  if (engine) engine.stop();
  tiles.stop();
  if (document.fullscreenElement) document.exitFullscreen();
  // The links of clips go on.
  made = made.filter(c => c.url);
  list();
  $('made').classList.add('card');
  $('gone').after($('made'), $('said'));
  show(player, false);
  show($('gone'), true);
  $('gone').focus();
  document.title = "This link doesn't work";
  clearTimeout(poll.timer);
}

// ---- From the clock to media and back. Fragments are {start, length, programDateTime, first, shown}. Their first
// frame has programDateTime; in a loaded one, first is when it is due in the media, and shown when it is on screen.

const firstFrame = f => f.first ?? f.start;
const rounding = 1e-5; // seconds; browsers tell times in whole microseconds

function lastWith(fragments, ok) {
  let low = 0, high = fragments.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (ok(fragments[middle])) low = middle; else high = middle - 1;
  }
  return low;
}

function clockAt(fragments, media) {
  if (!fragments.length) return 0;
  const f = fragments[lastWith(fragments, x => (x.shown ?? x.start) <= media + rounding)];
  // What is shown may have left the buffer.
  const least = f === fragments[0] ? -Infinity : 0;
  return f.programDateTime + clamp(media - firstFrame(f), least, f.length) * 1000;
}

// In a gap it is where the replay goes on.
function mediaAt(fragments, clock) {
  if (!fragments.length) return 0;
  const i = lastWith(fragments, x => x.programDateTime <= clock);
  const f = fragments[i], into = (clock - f.programDateTime) / 1000;
  if (into <= f.length) return Math.max(firstFrame(f) + Math.max(0, into), f.shown ?? 0);
  const next = fragments[i + 1];
  return next ? Math.max(firstFrame(next), next.shown ?? 0) : firstFrame(f) + f.length;
}

const edgeOf = fragments => {
  const f = fragments.at(-1);
  return f ? f.programDateTime + f.length * 1000 : 0;
};

// ---- What plays: hls.js, or the browser itself where it has no Media Source Extensions.

const behindEdge = 7; // seconds that playing live is behind the newest segment's end; segments have about two
const settings = {enableWorker: false, lowLatencyMode: false, liveSyncDuration: behindEdge,
  liveMaxLatencyDuration: Infinity, backBufferLength: 60, maxBufferLength: 20, maxMaxBufferLength: 30};

// listed keeps the fragments that a player knows of, and finds out when their first frames are. Where a fragment starts
// does not tell: it may be with its sound, or with a first frame that hls.js has moved to the end of the fragment
// before, over a small hole or an overlap. All other frames are at their times in the segment less the base, initPTS,
// that hls.js has found for the discontinuity.
const turn = 2 ** 33 / 90000; // seconds after which MPEG-TS counts from 0 again
function listed(hls, changed) {
  let fragments = [];
  const base = new Map();   // by discontinuity
  const begins = new Map(); // when a segment's video begins, by its own times
  const first = new Map();  // the same in the media
  const lengths = new Map(); // as listed; hls.js changes the duration of a loaded fragment
  const measure = f => {
    if (!lengths.has(f.sn)) lengths.set(f.sn, f.duration);
    f.length = lengths.get(f.sn);
    f.first = first.get(f.sn);
    f.shown = f.elementaryStreams?.video?.startPTS ?? f.first;
  };
  hls.on(Hls.Events.LEVEL_UPDATED, (_, data) => {
    fragments = data.details.fragments.filter(f => f.programDateTime);
    for (const m of [first, lengths]) for (const sn of m.keys()) if (sn < data.details.startSN) m.delete(sn);
    fragments.forEach(measure);
    changed();
  });
  hls.on(Hls.Events.INIT_PTS_FOUND, (_, data) => base.set(data.frag.cc, data.initPTS / data.timescale));
  hls.on(Hls.Events.FRAG_LOADED, (_, {frag, payload}) => begins.set(frag.sn, videoOf(payload)[0]?.pts));
  hls.on(Hls.Events.FRAG_PARSED, (_, {frag}) => {
    const at = begins.get(frag.sn) - base.get(frag.cc);
    begins.delete(frag.sn);
    if (!isNaN(at)) first.set(frag.sn, at - Math.round((at - frag.start) / turn) * turn);
    fragments.forEach(measure);
  });
  hls.on(Hls.Events.FRAG_BUFFERED, () => fragments.forEach(measure));
  return () => fragments;
}

// videoOf takes the frames of H.264 out of a segment, in the order in which they are decoded. pts is when one is shown,
// in seconds of the segment's recording.
function videoOf(segment) {
  const view = new DataView(segment);
  return view.byteLength && view.getUint8(0) === 0x47 ? videoOfTS(view) : videoOfMP4(view);
}

// In MPEG-TS each is in a PES packet (ISO/IEC 13818-1, 2.4.3), with start codes (Annex B of H.264).
function videoOfTS(view) {
  const out = [];
  let video = -1; // its PID
  for (let at = 0; at + 188 <= view.byteLength && view.getUint8(at) === 0x47; at += 188) {
    const head = view.getUint16(at + 1), pid = head & 0x1fff, control = view.getUint8(at + 3);
    let from = at + 4 + (control & 0x20 ? 1 + view.getUint8(at + 4) : 0);
    if (!(control & 0x10) || from >= at + 188 || video >= 0 && pid !== video) continue;
    const starts = head & 0x4000 && from + 14 <= at + 188;
    if (starts && view.getUint32(from) >>> 4 === 0x1e && view.getUint8(from + 7) & 0x80) {
      const bits = n => view.getUint16(from + n) >> 1; // 15 of them
      const pts = ((view.getUint8(from + 9) >> 1 & 7) * 2 ** 30 + bits(10) * 2 ** 15 + bits(12)) / 90000;
      video = pid;
      out.push({pts, parts: []});
      from += 9 + view.getUint8(from + 8);
    }
    if (video >= 0) out.at(-1).parts.push(new Uint8Array(view.buffer, from, at + 188 - from));
  }
  for (const f of out) f.pts += Math.round((out[0].pts - f.pts) / turn) * turn;
  return out;
}

// In MP4 they are in a fragment (ISO/IEC 14496-12, 8.8), each with its length before it. The recorder gives video the
// number 1, counts it at 90 kHz, writes each frame's duration and size, and shows frames in this order.
function videoOfMP4(view) {
  const out = [];
  for (const moof of boxes(view, 0, view.byteLength)) {
    if (moof.type !== 'moof') continue;
    for (const traf of boxes(view, moof.from + 8, moof.end)) {
      const inside = traf.type === 'traf' ? [...boxes(view, traf.from + 8, traf.end)] : [];
      const [tfhd, tfdt, trun] = ['tfhd', 'tfdt', 'trun'].map(type => inside.find(b => b.type === type)?.from);
      if (trun === undefined || view.getUint32(tfhd + 12) !== 1) continue;
      let time = view.getUint8(tfdt + 8) ? Number(view.getBigUint64(tfdt + 12)) : view.getUint32(tfdt + 12);
      const flags = view.getUint32(trun + 8), count = view.getUint32(trun + 12);
      let at = trun + 16, data = moof.from + view.getInt32(at);
      at += flags & 0x4 ? 8 : 4;
      const next = flag => flags & flag ? view.getUint32((at += 4) - 4) : 0;
      for (let i = 0; i < count; i++) {
        const duration = next(0x100), size = next(0x200);
        next(0x400);
        next(0x800);
        out.push({pts: time / 90000, parts: [new Uint8Array(view.buffer, data, size)]});
        time += duration;
        data += size;
      }
    }
  }
  return out;
}

// boxes are those of MP4 in a stretch of it.
function* boxes(view, from, end) {
  for (let size; from + 8 <= end; from += size) {
    size = view.getUint32(from);
    if (size < 8 || from + size > end) return;
    yield {type: String.fromCharCode(...new Uint8Array(view.buffer, from + 4, 4)), from, end: from + size};
  }
}

function scripted() {
  let fragments = () => [], hls, mended = 0, retry = 0, loads = null;
  let resumes = false; // it played before it lost its media, without which it is paused
  const open = at => {
    hls = new Hls({...settings, startPosition: at});
    loads = null;
    fragments = listed(hls, () => {
      retry = 0;
      draw();
    });
    hls.on(Hls.Events.FRAG_BUFFERED, aim);
    hls.on(Hls.Events.FRAG_LOADING, (_, {frag}) => { loads = frag.url; });
    hls.on(Hls.Events.FRAG_LOADED, (_, {frag}) => {
      loads = null;
      stuck.got.add(frag.url);
    });
    hls.on(Hls.Events.ERROR, (_, data) => {
      if (data.frag) loads = null;
      if (data.details === Hls.ErrorDetails.BUFFER_SEEK_OVER_HOLE && video.currentTime > stuck.at + 1.5) {
        tell('Skipped a gap', 5000);
      }
      if (!data.fatal) return;
      const playing = resumes || !video.paused;
      if (data.type === Hls.ErrorTypes.MEDIA_ERROR && Date.now() - mended > 5000) {
        mended = Date.now();
        recover(playing);
        return;
      }
      if ([401, 403, 404].includes(data.response?.code)) poll(); // has the link ended?
      const at = wanted ?? position();
      if (at) wanted = at; // the player is at 0 until it has its media again
      hls.destroy();
      if (gone) return;
      resumes = playing;
      clearTimeout(open.timer);
      open.timer = setTimeout(() => again(at), Math.min(1000 * 2 ** retry++, 15000));
    });
    hls.attachMedia(video);
    hls.loadSource(address('index.m3u8'));
  };
  const recover = playing => {
    const at = video.currentTime;
    hls.recoverMediaError();
    hls.startLoad(at); // at 0 it does not do so itself
    if (playing) play();
  };
  const again = at => {
    open(-1);
    hls.once(Hls.Events.LEVEL_UPDATED, () => setTimeout(() => { // its times may count from elsewhere
      if (at) video.currentTime = mediaAt(fragments(), at);
      if (resumes) play();
      resumes = false;
    }));
  };
  open(line.live ? -1 : 0);
  return {
    fragments: () => fragments(),
    live: () => line.live ? hls.liveSyncPosition ?? null : null,
    changed() {},
    loads: () => loads, // the address of the segment on its way
    reload() {
      hls.stopLoad();
      loads = null;
      hls.startLoad(video.currentTime);
    },
    recover: () => recover(!video.paused),
    stop() { clearTimeout(open.timer); hls.destroy(); },
  };
}

function native() {
  let fragments = [], loading = false;
  const load = async () => {
    if (loading) return;
    loading = true;
    try {
      const response = await fetch(address('index.m3u8'), {signal: AbortSignal.timeout?.(patience)});
      if (response.ok) fragments = parse(await response.text());
    } catch { /* the next look shows it */ } finally { loading = false; }
    draw();
  };
  let retry = 0;
  video.addEventListener('error', () => {
    if (gone) return;
    const playing = !video.paused;
    setTimeout(() => {
      video.src = address('index.m3u8');
      if (playing) play();
    }, Math.min(1000 * 2 ** retry++, 15000));
  });
  video.addEventListener('playing', () => { retry = 0; });
  video.src = address('index.m3u8');
  load();
  const begin = () => video.seekable.length ? video.seekable.start(0) : 0;
  return {
    // The playlist's times count from what can be reached first.
    fragments: () => fragments.map(f => ({...f, start: f.start + begin()})),
    live: () => line.live && video.seekable.length ? Math.max(begin(), video.seekable.end(0) - behindEdge) : null,
    changed: load,
    loads: () => '', // the browser does not say
    stop() { video.removeAttribute('src'); video.load(); },
  };
}

// parse reads the segments of a playlist (RFC 8216, 4.3.2).
function parse(text) {
  const out = [];
  const absolute = url => new URL(url, location.href).href;
  let start = 0, length = 0, at = 0, initSegment = null;
  for (const row of text.split('\n')) {
    if (row.startsWith('#EXTINF:')) length = parseFloat(row.slice(8));
    else if (row.startsWith('#EXT-X-MAP:')) initSegment = {url: absolute(row.match(/URI="([^"]+)"/)[1])};
    else if (row.startsWith('#EXT-X-PROGRAM-DATE-TIME:')) at = Date.parse(row.slice(25));
    else if (row.trim() && !row.startsWith('#')) {
      if (at) out.push({start, length, programDateTime: at, url: absolute(row), initSegment});
      start += length;
      if (at) at += length * 1000;
    }
  }
  return out;
}

// A player may stand for good although more is listed, for example at a segment without sound and with holes in its
// video. hls.js jumps over holes only where it has got something after them. This loads anew, then goes on with what
// comes next, then opens the decoder anew.
const patienceOfPlayer = 4000; // ms, before each of these
const stuck = {text: '', until: Infinity, at: 0, since: 0, steps: 0, jumped: false, got: new Set()};
function tell(text, ms = Infinity) {
  stuck.until = Date.now() + ms;
  if (stuck.text === text) return;
  stuck.text = text;
  if (text && text !== 'Loading…') say(text);
  draw();
}
function watch() {
  const at = video.currentTime, now = Date.now();
  if (now > stuck.until) tell('');
  const stands = engine && line && !gone && !video.ended && (!video.paused || video.seeking);
  if (!stands || Math.abs(at - stuck.at) > .02) {
    Object.assign(stuck, {at, since: now});
    if (stands && (video.seeking || video.readyState < 3)) return; // it has moved, but does not play
    if (stuck.jumped && stands) tell('Skipped a gap', 5000);
    else if (stuck.until === Infinity) tell('');
    Object.assign(stuck, {steps: 0, jumped: false});
    stuck.got.clear();
    return;
  }
  const held = Array.from({length: video.buffered.length}, (_, i) => [video.buffered.start(i), video.buffered.end(i)]);
  const after = held.map(r => r[0]).find(x => x > at);
  if (after < at + 1 && !held.some(r => r[0] <= at && at < r[1]) && now - stuck.since > 1000) {
    video.currentTime = after + .01; // a seek has led into a small hole
    return;
  }
  const next = engine.fragments().find(f => f.start > at + .1);
  if (!next || now - stuck.since < patienceOfPlayer) return; // there is no more, or soon
  const loads = engine.loads();
  if (loads !== null && !stuck.got.has(loads)) return tell('Loading…');
  stuck.since = now;
  if (held.some(r => r[0] <= at && at + 1 < r[1])) { // it is here, and only the decoder is slow, or hangs
    tell('Loading…');
    if (++stuck.steps % 4 === 0) engine.recover();
    return;
  }
  tell('Reconnecting…');
  if (failures) return; // hls.js asks the network again by itself
  switch (stuck.steps++ % 4) {
  case 0: return engine.reload();
  case 3: return engine.recover();
  }
  wanted = null;
  stuck.jumped = true;
  video.currentTime = stuck.at = Math.min(next.start, after ?? Infinity) + .01;
}
setInterval(watch, 500);

let engine = null;
const canScript = () => window.Hls && Hls.isSupported();

function start() {
  if (canScript()) engine = scripted();
  else if (video.canPlayType('application/vnd.apple.mpegurl')) {
    engine = native();
  } else {
    write($('trouble'), "This browser can't play the replay. Use a current one.");
    return;
  }
  play(true);
}

// play begins with sound, and without where the browser wants to be asked for it.
async function play(first) {
  try {
    await video.play();
  } catch (e) {
    if (e.name !== 'NotAllowedError' || !first) return;
    video.muted = true;
    show($('unmute'), true);
    video.play().catch(() => {});
  }
}

// ---- Where one is.

const position = () => engine ? clockAt(engine.fragments(), video.currentTime) : 0;
const edge = () => engine ? Math.max(line.to, edgeOf(engine.fragments())) : line ? line.to : 0;
let wanted = null, tries = 0; // where a seek that has not ended leads to
let stopAt = null; // where it pauses, once

function seek(clock) {
  if (!engine || !line) return;
  stopAt = null;
  clock = clamp(clock, line.from, edge());
  const live = engine.live();
  let media = mediaAt(engine.fragments(), clock);
  if (live !== null && media > live) media = live; // what comes after it may not be there yet
  wanted = clockAt(engine.fragments(), media);
  tries = 0;
  video.currentTime = media;
  draw();
}

const fragmentOf = clock => {
  const fragments = engine.fragments();
  return fragments[lastWith(fragments, f => f.programDateTime <= clock)];
};

// aim leads a seek to where its frame has turned out to be: the times of segments are known when they are there.
function aim() {
  if (wanted === null || gone || tries > 5) return;
  let media = mediaAt(engine.fragments(), wanted);
  const held = video.buffered;
  const ranges = Array.from({length: held.length}, (_, i) => [held.start(i), held.end(i)]);
  if (ranges.length && !ranges.some(r => r[0] <= media && media < r[1])) { // a hole cannot be played
    const next = ranges.find(r => r[0] > media && r[0] < media + 1);
    if (next) media = next[0] + .01;
    else if (fragmentOf(wanted)?.first !== undefined) {
      wanted = null; // the browser has taken nothing of it, so hls.js goes on after it
      return;
    }
  }
  const off = media - video.currentTime;
  if (Math.abs(off) < .2 && !(video.seeking && off > .005)) return;
  tries++;
  video.currentTime = media;
}
video.addEventListener('seeked', () => {
  if (wanted !== null && Math.abs(position() - wanted) > 1500) aim();
  if (!video.seeking) wanted = null;
  draw();
});

const atLive = () => {
  const live = engine && engine.live();
  return live !== null && live !== undefined && video.currentTime > live - 4;
};

function goLive() {
  stopAt = null;
  const live = engine && engine.live();
  if (live === null || live === undefined) return seek(line.to);
  wanted = null;
  video.currentTime = live;
  play();
  say('Live.');
}

// view is the stretch that the timeline shows: all of it, or what is around a clip.
let zoomed = null;
const view = () => zoomed ||
  (line ? {from: line.from, to: Math.max(edge(), line.from + 1000, line.gaps.at(-1)?.to ?? 0)} : {from: 0, to: 1});
const share = clock => { const v = view(); return (clock - v.from) / (v.to - v.from); };
const place = (element, clock) => { element.style.left = `${clamp(share(clock), 0, 1) * 100}%`; };

let lastGap = null, lastPosition = 0, lastMedia = 0;
function draw() {
  if (!line || gone) return;
  const v = view(), at = wanted ?? position();
  const head = $('head');
  // What is shown may have left the buffer.
  show(head, at > 0 && (!zoomed || at >= v.from && at <= v.to) || head === document.activeElement);
  if (engine) place(head, at);
  // Before a pause that lasts, what is listed plays to its end.
  const open = openGap() ?? resuming, end = open && engine ? edgeOf(engine.fragments()) : edge();
  const behind = Math.max(0, end - at), near = open ? behind < 1500 : atLive(), paused = near && open;
  head.ariaValueMax = String(Math.round(span() / 1000));
  head.ariaValueNow = String(Math.round(clamp(at - line.from, 0, span()) / 1000));
  const pausedText = open === resuming ? 'Resuming' : 'Paused';
  head.ariaValueText = seconds.format(at) + (paused ? `, ${pausedText.toLowerCase()}` : near ? ', live'
    : line.live ? `, ${spoken(behind)} behind live` : '');
  write($('badge'), !span() ? (line.paused ? 'Paused' : '') : !at ? '' : !line.live ? 'Ended' : paused ? pausedText
    : near ? 'Live' : `${lengthOf(behind)} behind live`);
  $('badge').classList.toggle('is-live', line.live && near && !paused);
  show($('live'), line.live && !near && span() > 0);
  write($('now'), at ? seconds.format(at) : '');
  if (at) $('now').dateTime = new Date(at).toISOString();
  write($('first'), span() ? seconds.format(v.from) : '');
  write($('last'), span() ? zoomed || !line.live ? seconds.format(v.to) : openGap() ? 'Now' : 'Live' : '');
  drawGaps();
  drawCut();
  state(at, near);
}

function drawGaps() {
  const box = $('gaps');
  while (box.children.length > line.gaps.length) box.lastChild.remove();
  while (box.children.length < line.gaps.length) box.append(document.createElement('div'));
  line.gaps.forEach((g, i) => {
    const from = clamp(share(g.from), 0, 1), to = clamp(share(g.to), 0, 1);
    const bar = box.children[i];
    show(bar, to > from);
    bar.style.left = `${from * 100}%`;
    bar.style.width = `${(to - from) * 100}%`;
  });
}

const continues = 'It continues here when they resume.';

// state says what is going on, in words.
function state(at, near) {
  const open = openGap();
  write($('state'), !line.live ? 'This replay has ended. What is left of it can be watched for a while.'
    : !span() ? line.paused ? 'Nothing from before the pause is kept anymore.' : 'Waiting for the first frames.'
    : `You can rewind up to ${spoken(span())}.`);
  let notice = '';
  if (!span()) {
    notice = !line.live ? 'This replay has ended.' : line.paused ? 'Paused by the publisher. ' + continues
      : 'Waiting for the first frames…';
  }
  else if (open && near) notice = `${gapText(open)}. ${continues}`;
  else if (resuming && near) notice = 'The publisher has resumed. It continues here in a moment.';
  else if (stuck.text) notice = stuck.text;
  else if (!line.live && video.ended) notice = 'This replay has ended.';
  // A gap that was played over is reported for a moment.
  const played = video.currentTime - lastMedia;
  if (lastPosition && at > lastPosition && played >= 0 && played < 3 && !video.seeking) {
    const passed = line.gaps.find(g => lastPosition <= g.from + 500 && at >= g.to - 500);
    if (passed && passed.from !== lastGap?.from) lastGap = {...passed, until: Date.now() + 5000};
  }
  if (!video.seeking) [lastPosition, lastMedia] = [video.readyState < 2 ? 0 : at, video.currentTime];
  if (!notice && lastGap && Date.now() < lastGap.until) notice = gapText(lastGap);
  if (lastGap && Date.now() > lastGap.until && at < lastGap.from) lastGap = null;
  write($('notice'), notice);
  show($('notice'), notice !== '');
}

for (const e of ['timeupdate', 'play', 'pause', 'ended', 'loadedmetadata']) video.addEventListener(e, () => draw());
// What left the buffer while one was in it is gone.
video.addEventListener('timeupdate', () => {
  if (!engine || !line.live || video.seeking || video.readyState < 2) return;
  if (position() < line.from - 3000) seek(line.from + 2000);
});
for (const e of ['play', 'pause', 'ended', 'emptied']) video.addEventListener(e, () => {
  $('play').classList.toggle('is-off', !video.paused);
  $('play').ariaLabel = video.paused ? 'Play' : 'Pause';
});
const volume = () => {
  const off = video.muted || video.volume === 0;
  $('mute').classList.toggle('is-off', off);
  if (!off) show($('unmute'), false);
  const asks = !$('unmute').hidden;
  $('mute').classList.toggle('is-asking', asks);
  $('mute').ariaLabel = asks ? 'Unmute' : 'Mute';
  $('mute').ariaPressed = asks ? null : String(off);
  $('volume').value = video.muted ? 0 : Math.round(video.volume * 100);
};
video.addEventListener('volumechange', volume);

// ---- Frames of the timeline and of a clip's ends. Each is decoded from its segment (WebCodecs), so it is the one that
// the server cuts at.

const frames = (() => {
  const jobs = [], mostTries = 3, mostKept = 2; // segments; handles are in one or two
  const rounded = 1; // ms by which clocks may be off
  const known = new Map(); // segments by address: {header, samples}
  let able = true, ever = false; // whether frames can be decoded, and whether one was
  let current = null, stopped = false;
  const replace = job => {
    job.replaced = true;
    job.stop.abort();
  };
  function disable() {
    able = false;
    player.classList.add('has-no-frames');
  }
  if (!window.VideoDecoder) disable(); // only https and this machine have it
  const pause = ms => new Promise(done => setTimeout(done, ms));
  async function load(url, signal) {
    const response = await fetch(url, {signal});
    if (!response.ok) throw new Error('The server said ' + response.status);
    return response.arrayBuffer();
  }
  async function segment(f, signal) {
    let found = known.get(f.url);
    if (!found) {
      const header = f.initSegment && new DataView(await load(f.initSegment.url, signal));
      found = {header, samples: videoOf(await load(f.url, signal))};
    }
    known.delete(f.url);
    known.set(f.url, found);
    if (known.size > mostKept) known.delete(known.keys().next().value);
    return found;
  }
  // configuration is what a decoder has to know of a segment: H.264's profile and level, and in MP4 its parameter sets.
  function configuration({header, samples}) {
    const hex = bytes => 'avc1.' + [...bytes].map(b => b.toString(16).padStart(2, '0')).join('');
    if (header) {
      const description = decoderRecord(header, 0, header.byteLength);
      return {codec: hex(description.subarray(1, 4)), description};
    }
    const first = joined(samples[0].parts);
    const sps = first.findIndex((b, i) => (b & 0x1f) === 7 && first[i - 1] === 1 && !first[i - 2] && !first[i - 3]);
    return {codec: hex(first.subarray(sps + 1, sps + 4))};
  }
  // decoderRecord is the AVCDecoderConfigurationRecord in the header of MP4 (ISO/IEC 14496-15, 5.3.3.1).
  function decoderRecord(view, from, end) {
    const before = {moov: 8, trak: 8, mdia: 8, minf: 8, stbl: 8, stsd: 16, avc1: 86}; // bytes before what is in it
    for (const b of boxes(view, from, end)) {
      if (b.type === 'avcC') return new Uint8Array(view.buffer, b.from + 8, b.end - b.from - 8);
      const found = b.type in before && decoderRecord(view, b.from + before[b.type], b.end);
      if (found) return found;
    }
    return null;
  }
  function joined(parts) {
    const out = new Uint8Array(parts.reduce((sum, p) => sum + p.length, 0));
    let at = 0;
    for (const p of parts) {
      out.set(p, at);
      at += p.length;
    }
    return out;
  }
  // decode draws a frame. It is given all that are decoded before it.
  async function decode(video, frame, {canvas, clock, stop}) {
    const stamp = f => Math.round(f.pts * 1e6), config = configuration(video);
    let drawn = false, failure = null;
    if (!ever && !(await VideoDecoder.isConfigSupported(config)).supported) disable();
    const decoder = new VideoDecoder({
      output(image) {
        if (image.timestamp === stamp(frame) && !stop.signal.aborted) {
          canvas.height = Math.round(canvas.width * image.displayHeight / image.displayWidth);
          canvas.getContext('2d').drawImage(image, 0, 0, canvas.width, canvas.height);
          canvas.dataset.at = new Date(clock).toISOString();
          drawn = true;
        }
        image.close();
      },
      error(e) { failure = e; },
    });
    try {
      decoder.configure(config);
      for (const [i, f] of video.samples.entries()) {
        decoder.decode(new EncodedVideoChunk({type: i ? 'delta' : 'key', timestamp: stamp(f), data: joined(f.parts)}));
        if (f === frame) break;
      }
      await decoder.flush();
    } finally {
      if (decoder.state !== 'closed') decoder.close(); // it closes itself with an error
    }
    if (!drawn) throw failure ?? new Error('The frame did not come.');
    ever = true;
  }
  // grab draws the frame of a job, and returns from when to when it is on screen.
  async function grab(job) {
    for (let i = 0; i < 40 && job.clock > edgeOf(engine.fragments()) && line.live; i++) { // it is not listed yet
      await pause(250);
      job.stop.signal.throwIfAborted();
    }
    const fragments = engine.fragments(), i = lastWith(fragments, x => x.programDateTime <= job.clock + rounded);
    // In a hole it is the frame after it, as in clips.
    const inHole = fragments[i + 1] && job.clock > fragments[i].programDateTime + 1000 * fragments[i].length + rounded;
    const f = fragments[inHole ? i + 1 : i];
    const video = await segment(f, job.stop.signal);
    const shown = [...video.samples].sort((a, b) => a.pts - b.pts);
    const due = shown.map(s => f.programDateTime + 1000 * (s.pts - shown[0].pts));
    const n = lastWith(due, at => at <= job.clock + rounded);
    await decode(video, shown[n], job);
    return {from: due[n], to: due[n + 1] ?? f.programDateTime + 1000 * f.length};
  }
  async function work() {
    if (current) return;
    while (jobs.length && able && !stopped) {
      const job = current = jobs.shift();
      job.began = Date.now();
      job.stop = new AbortController();
      const late = setTimeout(() => job.stop.abort(), 4 * patience);
      try {
        job.done(true, await grab(job));
      } catch {
        if (job.replaced) {
          job.done(false);
          continue;
        }
        await pause(1000);
        // What fails without a connection is asked again with one.
        job.tries = (job.tries ?? 0) + (failures ? 0 : 1);
        // Nobody else asks again for the frame of a handle that stays where it is. The other handle's goes first.
        if (job.exact && cut && job.tries < mostTries && !jobs.some(j => j.key === job.key)) {
          jobs.splice(jobs.filter(j => j.exact).length, 0, job);
        } else job.done(false);
      } finally { clearTimeout(late); }
      if (jobs.length && !jobs[0].exact) await pause(150); // others play, too
    }
    current = null;
  }
  return {
    get able() { return able; },
    // The newest wish with a key counts; exact ones go first.
    ask(key, clock, canvas, exact, done = () => {}) {
      if (!able || !engine || stopped) return;
      const same = jobs.findIndex(j => j.key === key);
      if (same >= 0) jobs.splice(same, 1)[0].done(false);
      const job = {key, clock, canvas, exact, done};
      if (exact) jobs.unshift(job); else jobs.push(job);
      // One on its way is shown, so that dragging shows frames, unless it takes long.
      if (current?.key === key && Date.now() - current.began > 1000) replace(current);
      work();
    },
    drop(keep) {
      for (let i = jobs.length - 1; i >= 0; i--) {
        if (!jobs[i].exact && !keep.has(jobs[i].key)) jobs.splice(i, 1)[0].done(false);
      }
    },
    stop() {
      stopped = true;
      if (current) replace(current);
    },
  };
})();

const tiles = (() => {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800].map(s => s * 1000);
  const known = new Map(); // by moment: {canvas, ready, asked}
  let current = [], step = 1000;
  function arrange() {
    const box = $('frames');
    for (const t of current) {
      const tile = known.get(t);
      if (!tile?.ready) continue;
      tile.canvas.style.left = `${share(t) * 100}%`;
      tile.canvas.style.width = `${(share(t + step) - share(t)) * 100}%`;
    }
    const visible = current.map(t => known.get(t)).filter(tile => tile?.ready).map(tile => tile.canvas);
    for (const c of [...box.children]) if (!visible.includes(c)) c.remove();
    for (const c of visible) if (c.parentNode !== box) box.append(c);
  }
  // plan wants as many frames as fit side by side, each where it stays as the timeline moves.
  function plan() {
    if (!span() || !engine || gone) return;
    const box = $('frames'), v = view();
    const wide = box.clientHeight * 16 / 9;
    if (!box.clientWidth || !wide) return;
    const room = (v.to - v.from) / box.clientWidth * wide;
    step = steps.find(s => s >= room * .7) ?? Math.ceil(room / 1800000) * 1800000;
    current = [];
    for (let t = Math.floor(v.from / step) * step; t < v.to; t += step) {
      if (t + step > line.from && t < line.to) current.push(t);
    }
    arrange();
    frames.drop(new Set(current));
    if (document.hidden || video.readyState < 3 && !video.ended) return;
    for (const t of current) {
      if (known.get(t)?.ready || known.get(t)?.asked) continue;
      const at = gapAt(Math.max(t, line.from))?.to ?? Math.max(t, line.from);
      if (at >= t + step || at > edgeOf(engine.fragments())) continue;
      const canvas = document.createElement('canvas');
      canvas.width = 160;
      const tile = {canvas, ready: false, asked: true};
      known.set(t, tile);
      frames.ask(t, at, canvas, false, ok => {
        tile.asked = false;
        tile.ready = ok;
        if (ok) arrange();
      });
    }
    for (const t of known.keys()) if (known.size > 200 && !current.includes(t)) known.delete(t);
  }
  return {
    plan, arrange,
    stop() { frames.stop(); },
    // The frame next before a moment, if there is one.
    near(clock) {
      const t = current.findLast(t => t <= clock && known.get(t)?.ready);
      return t === undefined ? null : known.get(t).canvas;
    },
  };
})();
video.addEventListener('canplay', () => tiles.plan());
document.addEventListener('visibilitychange', () => { if (!document.hidden && !gone) poll(); });
new ResizeObserver(() => { draw(); tiles.plan(); }).observe($('line'));

// ---- The timeline under finger, mouse and keys.

// clockUnder may lie beside the timeline, where a handle at its end is held.
const clockUnder = e => {
  const box = $('line').getBoundingClientRect(), v = view();
  return v.from + (e.clientX - box.left) / box.width * (v.to - v.from);
};
const clockOn = e => clamp(clockUnder(e), view().from, view().to);

function bubble(clock) {
  const box = $('bubble');
  show(box, clock !== null);
  if (clock === null) return;
  const gap = gapAt(clock);
  write(box.querySelector('span'), gap ? gapText(gap) : seconds.format(clock));
  const from = gap ? null : tiles.near(clock);
  let canvas = box.querySelector('canvas');
  if (!from) canvas?.remove();
  else if (from !== bubble.from || !canvas) {
    canvas?.remove();
    canvas = document.createElement('canvas');
    canvas.width = from.width;
    canvas.height = from.height;
    canvas.getContext('2d').drawImage(from, 0, 0);
    box.prepend(canvas);
  }
  bubble.from = from;
  const half = box.offsetWidth / 2, width = $('line').clientWidth;
  box.style.left = `${clamp(share(clock) * width, Math.min(half, width / 2), Math.max(width - half, width / 2))}px`;
}

let scrubbing = false;
$('line').addEventListener('pointerdown', e => {
  if (e.target.classList.contains('end') || e.button || !span()) return;
  scrubbing = true;
  $('line').setPointerCapture(e.pointerId);
  seek(clockOn(e));
  bubble(clockOn(e));
});
$('line').addEventListener('pointermove', e => {
  if (!span()) return;
  if (!e.target.classList.contains('end') && (scrubbing || e.pointerType === 'mouse')) bubble(clockOn(e));
  if (scrubbing && !video.seeking) seek(clockOn(e));
});
$('line').addEventListener('pointerup', e => {
  if (scrubbing) seek(clockOn(e));
  scrubbing = false;
  if (e.pointerType !== 'mouse') bubble(null);
});
for (const e of ['pointercancel', 'lostpointercapture']) $('line').addEventListener(e, () => { scrubbing = false; });
$('line').addEventListener('pointerleave', () => bubble(null));

// slide moves a slider by keys; null is a key that is not its own.
const slide = (e, at) => {
  const small = e.shiftKey ? 100 : 1000;
  switch (e.key) {
  case 'ArrowLeft': case 'ArrowDown': return at - small;
  case 'ArrowRight': case 'ArrowUp': return at + small;
  case 'PageDown': return at - 10000;
  case 'PageUp': return at + 10000;
  case 'Home': return line.from;
  case 'End': return edge();
  }
  return null;
};
$('head').addEventListener('keydown', e => {
  if (!line || e.ctrlKey || e.metaKey || e.altKey) return;
  const here = wanted ?? position();
  const to = slide(e, here);
  if (to === null) return;
  e.preventDefault();
  e.stopPropagation();
  if (e.key === 'End' && line.live) goLive();
  else step(Math.abs(to - here) === 1000 ? (to - here) * 5 : to - here);
});

// step goes by a time of the replay: what is not in it takes none.
function step(ms) {
  if (!engine || !line) return;
  const fragments = engine.fragments();
  const from = wanted === null ? video.currentTime : mediaAt(fragments, wanted);
  seek(clockAt(fragments, Math.max(from + ms / 1000, fragments[0]?.start ?? 0)));
}

// ---- Clips.

const shortest = 1100; // of the server it is a second
let cut = null; // {in, out}
const may = () => line && line.clips !== 'nobody';

// allow shows what the link allows, and takes away what it does not.
function allow() {
  const on = document.activeElement, had = $('cut').contains(on) || on?.matches('.end, #clip');
  show($('clip'), may());
  for (const row of document.querySelectorAll('[data-clips]')) show(row, may());
  write($('clip'), line.clips === 'ask' ? 'Ask for a clip' : 'Clip');
  write($('make'), line.clips === 'ask' ? 'Ask for it' : 'Make the clip');
  if (may() || !cut) return;
  close();
  if (had) $('play').focus();
  tell('Sharing has ended, so nobody can be asked for a clip', 8000);
}

function open(ms = 15000) {
  if (!may() || !span()) return;
  if (document.fullscreenElement) document.exitFullscreen(); // it is below the picture
  show($('cut'), true);
  $('clip').ariaExpanded = 'true';
  write($('refused'), '');
  last(ms);
}

function close() {
  cut = zoomed = stopAt = null;
  show($('cut'), false);
  $('clip').ariaExpanded = 'false';
  draw();
  tiles.plan();
}

// What lies between the gaps. A clip begins and ends in it: of a gap at its begin or end nothing would be in the clip.
function pieces() {
  const out = [];
  let from = line.from;
  for (const g of line.gaps) {
    if (g.from > from) out.push({from, to: g.from});
    from = Math.max(from, g.to);
  }
  if (edge() > from) out.push({from, to: edge()});
  return out.length ? out : [{from: line.from, to: edge()}];
}
// A clip may begin in the first of them that ends later, and end in the last that begins earlier.
function beginIn(clock) {
  const all = pieces(), p = all.find(x => x.to - 50 > clock) ?? all.at(-1);
  return Math.max(clock, p.from);
}
function endIn(clock) {
  const all = pieces(), p = all.findLast(x => x.from + 50 < clock) ?? all[0];
  return Math.min(clock, p.to);
}

// choose takes a stretch as the clip, as much of it as can be one.
function choose(from, to) {
  to = endIn(clamp(to, line.from + shortest, edge()));
  from = beginIn(clamp(from, Math.max(line.from, to - line.longest), to - shortest));
  if (to - from < shortest) to = endIn(from + shortest);
  if (to - from < shortest) from = beginIn(to - 15000); // it is too short after the gap, not before it
  if (to - from < shortest) from = Math.max(line.from, to - shortest);
  cut = {in: from, out: to};
}

// last takes what was seen up to now, and says why where there is less of it.
function last(ms) {
  const at = wanted ?? position();
  choose(at - ms, at);
  fit();
  const length = cut.out - cut.in, gap = line.gaps.findLast(g => Math.abs(g.to - cut.in) < 50);
  trim('in', cut.in);
  trim('out', cut.out);
  if (ms - length < 500) return;
  cut.less = `Last ${Math.round(length / 1000)} s: ` + (!gap ? 'the replay has no more'
    : gap.reason === 'paused' ? 'nothing is kept of the pause before' : 'nothing was recorded before');
  drawCut();
}

// keepCut moves the start of a clip on that has left the replay, by as much as it takes until it leaves it again.
function keepCut() {
  if (!cut || cut.in >= line.from) return;
  trim('in', line.from + 6000);
  cut.less = cut.in >= line.from ? `${inSeconds(cut.out - cut.in)}: the replay has no more of its start`
    : 'The replay has no more of it. Move the handles.';
  keepInView('in');
  drawCut();
}

// keepInView has the timeline show more where an end of the clip has left it.
function keepInView(which) {
  const v = view();
  if (cut && (cut[which] < v.from || cut[which] > v.to)) fit();
}

// fit has the timeline show the clip and as much around it.
function fit(factor = 3) {
  const length = clamp((cut.out - cut.in) * factor, 20000, Math.max(span(), 20000));
  around((cut.in + cut.out) / 2, length);
}

function around(middle, length) {
  const all = {from: line.from, to: Math.max(edge(), line.from + 1000)};
  length = clamp(length, 5000, all.to - all.from);
  const from = clamp(middle - length / 2, all.from, all.to - length);
  zoomed = {from, to: from + length};
  draw();
  tiles.plan();
}

// zoom keeps the clip in the middle, or where it does not fit the end that was moved last.
function zoom(factor) {
  const v = view(), length = (v.to - v.from) * factor;
  const middle = (v.from + v.to) / 2, ofCut = cut && (cut.in + cut.out) / 2;
  around(!cut ? middle : cut.out - cut.in <= length ? ofCut : cut[cut.moved ?? 'in'], length);
}

const grain = 4; // ms that clocks may differ by
function trim(which, clock) {
  if (!cut) return;
  // Where a gap leaves no place for it, it stays where it was.
  if (which === 'in') {
    const to = beginIn(clamp(clock, Math.max(line.from, cut.out - line.longest), cut.out - shortest));
    if (to <= cut.out - shortest) cut.in = to;
  } else {
    const to = endIn(clamp(clock, cut.in + shortest, Math.min(edge(), cut.in + line.longest)));
    if (to >= cut.in + shortest) cut.out = to;
  }
  cut[which] = Math.round(cut[which]);
  cut.moved = which;
  cut.less = '';
  drawCut();
  // The last frame of a clip is the one before its end. What is sent lies well within the frame that is shown.
  const asked = {}, at = cut[which], clockOf = which === 'in' ? at : at - 2, canvas = $(which + '-frame');
  cut.sent = {...cut.sent, [which]: clockOf};
  cut.asked = {...cut.asked, [which]: asked};
  canvas.dataset.state = 'loading';
  frames.ask(which, clockOf, canvas, true, (ok, frame) => {
    if (cut?.asked?.[which] !== asked) return; // there is a newer one
    canvas.dataset.state = ok ? 'ready' : 'missing';
    if (!ok || !frame) return;
    const from = frame.from + grain;
    cut.sent[which] = clamp(at, from, Math.max(from, frame.to - grain));
  });
}

// peek has the player show an end of the clip, where there are no frames beside it.
function peek(which) {
  if (frames.able || !cut) return;
  video.pause();
  seek(which === 'in' ? cut.in : cut.out - 50);
}

function drawCut() {
  for (const which of ['in', 'out']) {
    const handle = $(which), at = cut ? cut[which] : 0, v = view();
    // What has the keyboard keeps it, also where it is about to be beside what the timeline shows.
    show(handle, cut && (at >= v.from - 1 && at <= v.to + 1 || handle === document.activeElement));
    if (!cut) continue;
    place(handle, at);
    handle.ariaValueMax = String(Math.round(span() / 1000));
    handle.ariaValueNow = String(Math.round((at - line.from) / 100) / 10);
    handle.ariaValueText = tenths.format(at);
    write($(which + '-time'), tenths.format(at));
    $(which + '-time').dateTime = new Date(at).toISOString();
  }
  const band = $('chosen');
  show(band, cut);
  if (!cut) return;
  const from = clamp(share(cut.in), 0, 1), to = clamp(share(cut.out), 0, 1);
  band.style.left = `${from * 100}%`;
  band.style.width = `${(to - from) * 100}%`;
  const whole = cut.out - cut.in, still = whole - recorded(cut.in, cut.out);
  const why = line.gaps.some(g => g.reason === 'paused' && g.to > cut.in && g.from < cut.out)
    ? 'the publisher paused' : 'nothing was recorded';
  write($('length'), cut.less || inSeconds(whole) + (still > 500 ? `, with a still picture for ${inSeconds(still)}: ${why}`
    : ''));
}

for (const which of ['in', 'out']) {
  const handle = $(which);
  let held = null;
  handle.addEventListener('pointerdown', e => {
    if (e.button || !cut) return;
    held = clockUnder(e) - cut[which];
    handle.setPointerCapture(e.pointerId);
    handle.focus();
    e.preventDefault();
    e.stopPropagation();
  });
  handle.addEventListener('pointermove', e => {
    if (held === null) return;
    e.stopPropagation();
    trim(which, clockUnder(e) - held);
    bubble(cut[which]);
  });
  const drop = e => {
    if (held !== null && e.type === 'pointerup') {
      trim(which, clockUnder(e) - held);
      peek(which);
      keepInView(which);
    }
    held = null;
    bubble(null);
  };
  for (const e of ['pointerup', 'pointercancel', 'lostpointercapture']) handle.addEventListener(e, drop);
  handle.addEventListener('keydown', e => {
    if (!cut || e.ctrlKey || e.metaKey || e.altKey) return;
    let to = slide(e, cut[which]);
    if (to === null) return;
    e.preventDefault();
    e.stopPropagation();
    const gap = gapAt(to), by = to - cut[which];
    // A step into a gap goes over it.
    if (gap && which === 'in' && by < 0 && cut.in <= gap.to) to = gap.from + by;
    if (gap && which === 'out' && by > 0 && cut.out >= gap.from) to = gap.to + by;
    trim(which, to);
    peek(which);
    keepInView(which);
  });
  $(which + '-here').addEventListener('click', () => here(which));
}

// here has the clip begin or end with what is shown. It opens what a clip is made with.
function here(which) {
  if (!cut) open();
  if (!cut) return;
  const at = wanted ?? position();
  if (which === 'in') choose(at, at > cut.out - shortest ? at + 15000 : cut.out);
  else choose(at < cut.in + shortest ? at - 15000 : cut.in, at);
  trim('in', cut.in);
  trim('out', cut.out);
  keepInView(which);
  say(`The clip ${which === 'in' ? 'starts' : 'ends'} at ${tenths.format(cut[which])}.`);
}

// The chosen stretch is played once, to its end.
video.addEventListener('timeupdate', () => {
  if (stopAt !== null && !video.seeking && position() >= stopAt - 60) {
    stopAt = null;
    video.pause();
  }
});
$('try').addEventListener('click', () => {
  if (!cut) return;
  seek(cut.in);
  stopAt = cut.out;
  play();
});

$('form').addEventListener('submit', async e => {
  e.preventDefault();
  if (!cut || $('make').disabled) return;
  $('make').disabled = true;
  write($('refused'), '');
  const title = $('title').value.trim();
  const moment = which => new Date(cut.sent[which]).toISOString();
  const asked = {from: moment('in'), to: moment('out'), ...(title && {title})}, of = cut;
  try {
    const clip = await call('clips', asked);
    const mine = {id: clip.clipId, title: clip.title || '', length: clip.seconds * 1000, state: clip.state};
    made.unshift(mine);
    keep();
    list();
    follow(mine);
    if ($('title').value.trim() === title) $('title').value = '';
    if (cut === of) {
      close();
      $('clip').focus();
    }
    say(line.clips === 'ask' ? 'The publisher was asked.' : 'The clip is being made.');
  } catch (e) {
    const why = e.status === 429
      ? `Too many clips were asked for. Try again in ${e.after < 120 ? Math.max(1, e.after) + ' s' : Math.ceil(e.after / 60) + ' min'}.` : e.status ? sentence(e.message)
      : "The server can't be reached. Try again.";
    if (cut === of) write($('refused'), why);
    else tell('There is no clip. ' + why, 8000);
  } finally { $('make').disabled = false; }
});
$('clip').addEventListener('click', () => {
  if (cut) return close();
  open();
  $('cut-title').focus();
});
$('leave').addEventListener('click', () => { close(); $('clip').focus(); });
for (const b of document.querySelectorAll('[data-last]')) {
  b.addEventListener('click', () => last(b.dataset.last * 1000));
}
$('into').addEventListener('click', () => zoom(.5));
$('out-of').addEventListener('click', () => zoom(2));

// ---- The clips that were made here.

const kept = 'clips of ' + location.pathname;
let made = [];
try { made = JSON.parse(sessionStorage.getItem(kept)) || []; } catch { /* they are not remembered */ }
function keep() { try { sessionStorage.setItem(kept, JSON.stringify(made.slice(0, 20))); } catch { /* the same */ } }

const sentence = text => text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.');
const clipText = c => {
  switch (c.state) {
  case 'asked': return 'The publisher is asked…';
  case 'ready': return 'Ready';
  case 'failed': return sentence(c.reason || 'it could not be made');
  }
  return 'Is being made…';
};

// list shows them. Those that have not changed stay, and with them what has the keyboard.
const items = new Map();
function list() {
  show($('made'), made.length > 0);
  for (const [c, item] of items) if (!made.includes(c)) item.remove();
  for (const [i, c] of made.entries()) {
    const old = items.get(c), shows = JSON.stringify([c.state, c.reason, c.url]);
    if (old?.dataset.shows === shows) continue;
    const item = itemOf(c);
    item.dataset.shows = shows;
    items.set(c, item);
    if (old) old.replaceWith(item); else $('clips').insertBefore(item, $('clips').children[i] ?? null);
  }
}

function itemOf(c) {
  const item = document.createElement('li'), name = document.createElement('strong');
  const text = document.createElement('span');
  name.textContent = c.title || 'Clip of ' + inSeconds(c.length);
  name.dir = 'auto';
  text.textContent = clipText(c);
  text.classList.toggle('failed', c.state === 'failed');
  item.dataset.state = c.state;
  item.append(name, text);
  if (c.url) {
    const open = document.createElement('a'), copy = document.createElement('button');
    open.className = 'button';
    open.href = c.url;
    open.target = '_blank';
    open.rel = 'noopener';
    open.textContent = 'Open';
    open.ariaLabel = 'Open ' + name.textContent;
    copy.className = 'text';
    copy.type = 'button';
    const label = text => {
      copy.textContent = text;
      copy.ariaLabel = `${text}: ${name.textContent}`;
    };
    label('Copy link');
    copy.addEventListener('click', async () => {
      const done = await copied(new URL(c.url, location.href).href);
      label(done ? 'Copied' : 'Not copied');
      say(done ? 'The link is copied.' : 'The link could not be copied.');
    });
    item.append(copy, open);
  }
  return item;
}

// copied puts text on the clipboard, also where the page has no secure origin.
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = document.createElement('textarea');
    field.value = text;
    field.className = 'said';
    document.body.append(field);
    field.select();
    const done = document.execCommand('copy');
    field.remove();
    return done;
  }
}

const settled = c => ['ready', 'failed'].includes(c.state);
async function follow(c) {
  let misses = 0;
  while (!settled(c) && !gone) {
    await new Promise(done => setTimeout(done, Math.min(1000 + 500 * misses, 15000)));
    try {
      Object.assign(c, (({state, reason, url}) => ({state, reason, url}))(await call('clips/' + c.id)));
      misses = 0;
    } catch (e) {
      misses++;
      if (e.status === 404) Object.assign(c, {state: 'failed', reason: 'it was deleted'});
    }
    list();
  }
  keep();
  if (settled(c)) say(`${c.title || 'The clip'}: ${clipText(c)}`);
}
list();
for (const c of made) if (!settled(c)) follow(c);

// ---- Buttons and keys.

const toggle = () => video.paused ? play() : video.pause();
const mute = () => {
  video.muted = !video.muted;
  if (!video.muted && video.volume === 0) video.volume = 1;
};
const full = () => {
  if (document.fullscreenElement) document.exitFullscreen();
  else if ($('stage').requestFullscreen) $('stage').requestFullscreen().catch(() => {});
  else if (video.webkitEnterFullscreen) video.webkitEnterFullscreen(); // iPhones show nothing but a video so
};
video.addEventListener('click', toggle);
$('play').addEventListener('click', toggle);
$('back').addEventListener('click', () => step(-10000));
$('forth').addEventListener('click', () => step(10000));
$('live').addEventListener('click', () => { goLive(); $('play').focus(); });
$('mute').addEventListener('click', mute);
$('volume').addEventListener('input', e => { video.volume = e.target.value / 100; video.muted = false; });
$('full').addEventListener('click', full);

let idle = 0;
const active = () => {
  clearTimeout(idle);
  $('stage').classList.remove('is-idle');
  idle = setTimeout(() => $('stage').classList.toggle('is-idle', !!document.fullscreenElement && !video.paused), 4000);
};
for (const e of ['pointermove', 'pointerdown', 'keydown', 'fullscreenchange']) document.addEventListener(e, active);

const letters = $('keys'), lettersKey = 'hindsight keys';
try { letters.checked = localStorage.getItem(lettersKey) !== 'off'; } catch { /* they are on */ }
letters.addEventListener('change', () => {
  try { localStorage.setItem(lettersKey, letters.checked ? 'on' : 'off'); } catch { /* until the page is left */ }
});

const keys = {
  ' ': toggle, k: toggle, j: () => step(-10000), l: () => step(10000), f: full, m: mute,
  c: () => $('clip').hidden || $('clip').click(), i: () => here('in'), o: () => here('out'),
  ArrowLeft: () => step(-5000), ArrowRight: () => step(5000), Home: () => seek(line.from),
  End: () => goLive(), ',': () => { video.pause(); step(-1000 / 30); }, '.': () => { video.pause(); step(1000 / 30); },
  Escape: () => { if (cut) $('leave').click(); },
};
document.addEventListener('keydown', e => {
  if (e.ctrlKey || e.metaKey || e.altKey || e.defaultPrevented || !line || gone) return;
  const key = e.key.length === 1 ? e.key.toLowerCase() : e.key;
  if (!Object.hasOwn(keys, key) || key.length === 1 && key !== ' ' && !letters.checked) return;
  // What has the keyboard keeps its own keys.
  const on = e.target instanceof Element ? e.target : document.body;
  if (on.matches('textarea, select, input:not([type=checkbox], [type=range])') && key !== 'Escape') return;
  if (on.matches('input[type=range]') && /^(Arrow|Home|End)/.test(key)) return;
  if (key === ' ' && on.closest('button, a, summary, input')) return;
  e.preventDefault();
  keys[key]();
});

volume();
poll();
})();
