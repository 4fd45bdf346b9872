// One side of a call. The test that drives the browser carries the descriptions from one side to the other, so both may
// be in one page or in two browsers. Every function returns a promise of plain data and ends in bounded time.
'use strict';

const sides = new Map();
const CHUNK = 16384;

function within(seconds, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no ${typeof what === 'string' ? what : what()} within ${seconds} s`)),
      seconds * 1000);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

function until(target, event, done) {
  return new Promise((resolve) => {
    const look = () => {
      if (!done()) return;
      target.removeEventListener(event, look);
      resolve();
    };
    target.addEventListener(event, look);
    look();
  });
}

// Bytes that both sides can compute, so that nothing but a seed has to travel otherwise.
function* randomBlocks(seed, total) {
  let state = seed >>> 0 || 1;
  for (let done = 0; done < total;) {
    const size = Math.min(CHUNK, total - done);
    const words = new Uint32Array(Math.ceil(size / 4));
    for (let i = 0; i < words.length; i++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      words[i] = state;
    }
    yield new Uint8Array(words.buffer, 0, size);
    done += size;
  }
}

class Side {
  constructor(configuration) {
    this.pc = new RTCPeerConnection(configuration);
    this.errors = [];
    this.candidates = [];
    this.inbox = [];
    this.onInbox = () => {};
    this.pc.addEventListener('icecandidate', (event) => {
      if (event.candidate && event.candidate.candidate) this.candidates.push(event.candidate.candidate);
    });
    this.pc.addEventListener('icecandidateerror', (event) => {
      this.errors.push({ code: event.errorCode, text: event.errorText, url: event.url });
    });
    this.pc.addEventListener('datachannel', (event) => this.adopt(event.channel));
    this.pc.addEventListener('track', (event) => {
      // What nobody plays is not decoded.
      this.player = new Audio();
      this.player.srcObject = event.streams[0] || new MediaStream([event.track]);
      this.player.play().catch(() => {});
    });
  }

  adopt(channel) {
    this.channel = channel;
    channel.binaryType = 'arraybuffer';
    channel.addEventListener('message', (event) => {
      this.inbox.push(new Uint8Array(event.data));
      this.onInbox();
    });
  }

  async addAudio() {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    for (const track of stream.getTracks()) this.pc.addTrack(track, stream);
  }

  // The description with all candidates in it.
  async describe(description) {
    const again = this.pc.currentLocalDescription !== null;
    this.candidates = [];
    await this.pc.setLocalDescription(description);
    if (again) {
      // Firefox still shows the end of the first gathering when the second has not begun.
      await within(25, 'new candidate', until(this.pc, 'icecandidate', () => this.candidates.length > 0));
    }
    await within(25, 'end of gathering',
      until(this.pc, 'icegatheringstatechange', () => this.pc.iceGatheringState === 'complete'));
    return this.pc.localDescription.sdp;
  }

  async send(seed, total) {
    const channel = this.channel;
    channel.bufferedAmountLowThreshold = 256 * 1024;
    for (const block of randomBlocks(seed, total)) {
      if (channel.bufferedAmount > 1024 * 1024) {
        await until(channel, 'bufferedamountlow', () => channel.bufferedAmount <= 256 * 1024);
      }
      channel.send(block);
    }
  }

  async receive(seed, total) {
    let bytes = 0;
    for (const block of randomBlocks(seed, total)) {
      while (this.inbox.length === 0) await new Promise((resolve) => { this.onInbox = resolve; });
      const got = this.inbox.shift();
      if (got.length !== block.length) throw new Error(`${got.length} bytes at ${bytes} instead of ${block.length}`);
      for (let i = 0; i < got.length; i++) {
        if (got[i] !== block[i]) throw new Error(`the byte at ${bytes + i} is wrong`);
      }
      bytes += got.length;
    }
    return bytes;
  }

  async statistics() {
    const all = new Map();
    (await this.pc.getStats()).forEach((one) => all.set(one.id, one));
    let pair;
    for (const one of all.values()) {
      if (one.type === 'transport' && one.selectedCandidatePairId) pair = all.get(one.selectedCandidatePairId);
    }
    if (!pair) pair = [...all.values()].find((one) => one.type === 'candidate-pair' && (one.selected || one.nominated));
    const audio = [...all.values()].find((one) => one.type === 'inbound-rtp' && one.kind === 'audio');
    const candidate = (id) => {
      const { candidateType, protocol, relayProtocol, address, port } = all.get(id) || {};
      return { candidateType, protocol, relayProtocol, address, port };
    };
    return {
      local: pair ? candidate(pair.localCandidateId) : null,
      remote: pair ? candidate(pair.remoteCandidateId) : null,
      audioPackets: audio ? audio.packetsReceived : 0,
      audioBytes: audio ? audio.bytesReceived : 0,
    };
  }
}

// ---- what the test calls ----

globalThis.calls = {
  async make(name, configuration) {
    sides.set(name, new Side(configuration));
  },
  async offer(name, audio) {
    const side = sides.get(name);
    if (audio) await side.addAudio();
    side.adopt(side.pc.createDataChannel('data'));
    return side.describe(await side.pc.createOffer());
  },
  async restart(name) {
    const side = sides.get(name);
    return side.describe(await side.pc.createOffer({ iceRestart: true }));
  },
  async answer(name, sdp, audio) {
    const side = sides.get(name);
    await side.pc.setRemoteDescription({ type: 'offer', sdp });
    if (audio) await side.addAudio();
    return side.describe(await side.pc.createAnswer());
  },
  async accept(name, sdp) {
    await sides.get(name).pc.setRemoteDescription({ type: 'answer', sdp });
  },
  async connected(name) {
    const side = sides.get(name);
    const state = () => `connection (it is ${side.pc.connectionState})`;
    await within(25, state, until(side.pc, 'connectionstatechange', () => {
      if (side.pc.connectionState === 'failed') throw new Error('the connection failed');
      return side.pc.connectionState === 'connected';
    }));
    if (!side.channel) await within(10, 'data channel', until(side.pc, 'datachannel', () => side.channel));
    await within(10, 'open data channel', until(side.channel, 'open', () => side.channel.readyState === 'open'));
  },
  async exchange(name, sendSeed, receiveSeed, total) {
    const side = sides.get(name);
    const both = Promise.all([side.send(sendSeed, total), side.receive(receiveSeed, total)]);
    return (await within(60, 'end of the transfer', both))[1];
  },
  // The same with both sides in one page.
  async exchangeBoth(left, right, total) {
    const [atLeft, atRight] = await Promise.all([calls.exchange(left, 1, 2, total), calls.exchange(right, 2, 1, total)]);
    return { [left]: atLeft, [right]: atRight };
  },
  // Waits until that many audio packets have come.
  async hear(name, packets) {
    const side = sides.get(name);
    const enough = async () => {
      for (;;) {
        const seen = await side.statistics();
        if (seen.audioPackets >= packets) return seen;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    };
    return within(25, 'audio', enough());
  },
  async statistics(name) {
    return sides.get(name).statistics();
  },
  // What gathering alone finds.
  async gather(configuration) {
    const side = new Side(configuration);
    side.pc.createDataChannel('data');
    try {
      await side.describe(await side.pc.createOffer());
      return {
        candidates: side.candidates,
        errors: side.errors,
        tellsErrors: 'onicecandidateerror' in RTCPeerConnection.prototype,
      };
    } finally {
      side.pc.close();
    }
  },
  // Credentials from a server that wants to know who asks.
  async ask(url, key) {
    const answer = await within(25, 'answer', fetch(url, { headers: { Authorization: `Bearer ${key}` } }));
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    return answer.json();
  },
  async close(name) {
    const side = sides.get(name);
    if (!side) return;
    sides.delete(name);
    for (const sender of side.pc.getSenders()) {
      if (sender.track) sender.track.stop();
    }
    side.pc.close();
  },
};
