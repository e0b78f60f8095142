// The small parts of the server, each by itself.
import { Socket } from 'node:net';
import { getCiphers } from 'node:tls';
import { bodyMemory } from '../../src/http/body.ts';
import { cipherSuites } from '../../src/http/tls-options.ts';
import { connectionAge } from '../../src/http/listener.ts';
import { timeoutOf } from '../../src/http/review-handler.ts';
import { inFlight } from '../../src/http/in-flight.ts';

describe('the timeout of a call', () => {
  it.each([
    ['/mutate?timeout=5s', 5000],
    ['/mutate?timeout=1m30s', 90_000],
    ['/mutate?timeout=500ms', 500],
    ['/mutate?timeout=1.5s', 1500],
    ['/mutate?timeout=1h', 3_600_000],
    ['/mutate?other=1&timeout=250us', 0.25],
    ['/mutate', undefined],
    ['/mutate?timeout=', undefined],
    ['/mutate?timeout=5', undefined],
    ['/mutate?timeout=-5s', undefined],
    ['/mutate?timeout=5sx', undefined],
    ['/mutate?timeout=%zz', undefined],
  ])('of %s is %s ms', (url, expected) => {
    expect(timeoutOf(url)).toBe(expected);
    expect(timeoutOf(url)).toBe(expected);
  });
});

const answersUntilLast = (last: (socket: Socket, now: number) => boolean, connection: Socket): number => {
  let answers = 1;
  while (!last(connection, 0)) answers += 1;
  return answers;
};

describe('the age of a connection', () => {
  const limits = { connectionRequests: 10, connectionAgeMs: 1000 };

  it.each([
    [0, 8],
    [0.5, 10],
    [1, 12],
  ])('ends after requests, 20 %% to either side: chance %d gives %d', (chance, answers) => {
    const last = connectionAge(limits, () => chance);
    expect(answersUntilLast(last, new Socket())).toBe(answers);
  });

  it('ends after time, for each connection on its own', () => {
    const last = connectionAge(limits, () => 0.5);
    const [old, fresh] = [new Socket(), new Socket()];
    expect(last(old, 0)).toBe(false);
    expect(last(fresh, 900)).toBe(false);
    expect(last(old, 999)).toBe(false);
    expect(last(old, 1000)).toBe(true);
    expect(last(fresh, 1000)).toBe(false);
  });
});

describe('slots in flight', () => {
  it('reject a new request while no request is slow, otherwise evict the oldest', () => {
    const evicted: string[] = [];
    const slot = (name: string, since: number) => ({ since, evict: () => void evicted.push(name) });
    const slots = inFlight(2, 1000);
    const first = slot('first', 0);
    expect([slots.acquire(first), slots.acquire(slot('second', 500)), slots.acquire(slot('third', 900))]).toEqual([
      true,
      true,
      false,
    ]);
    expect(slots.acquire(slot('fourth', 1000))).toBe(true);
    expect(evicted).toEqual(['first']);
    expect(slots.count()).toBe(2);
    slots.release(first);
    expect(slots.count()).toBe(2);
    expect(slots.acquire(slot('fifth', 1499))).toBe(false);
  });
});

const memoryOfBodies = () => {
  const evicted: string[] = [];
  let now = 0;
  const limits = { maxBufferedBytes: 100, smallBodyBytes: 10, smallBodiesShare: 0.4, slowRequestMs: 1000 };
  const memory = bodyMemory(limits, () => now);
  const slot = (name: string, since = 0) => ({ since, evict: () => void evicted.push(name) });
  return { memory, evicted, slot, wait: (milliseconds: number) => void (now += milliseconds) };
};

describe('memory of bodies', () => {
  it('is limited, and a share of it is reserved for small bodies', () => {
    const { memory, slot, evicted } = memoryOfBodies();
    const [large, small] = [slot('large'), slot('small')];
    expect([memory.reserve(large, 5), memory.reserve(large, 55), memory.reserve(large, 1)]).toEqual([true, true, false]);
    expect([memory.reserve(small, 10), memory.reserve(small, 1)]).toEqual([true, false]);
    const others = Array.from({ length: 4 }, () => memory.reserve(slot('other'), 10));
    expect(others).toEqual([true, true, true, false]);
    memory.release(large);
    expect(memory.reserve(small, 1)).toBe(true);
    expect(evicted).toEqual([]);
  });

  it('is freed from the oldest slow body, from large ones for a large one, and never from younger ones', () => {
    const { memory, slot, evicted, wait } = memoryOfBodies();
    const first = slot('first large');
    expect([memory.reserve(slot('small'), 10), memory.reserve(first, 30), memory.reserve(slot('second large'), 30)]).toEqual([
      true,
      true,
      true,
    ]);
    wait(999);
    expect(memory.reserve(slot('quick', 999), 20)).toBe(false);
    wait(1);
    expect(memory.reserve(first, 1)).toBe(false);
    expect(memory.reserve(slot('third large', 1000), 20)).toBe(true);
    expect(evicted).toEqual(['first large']);
    for (let count = 0; count < 4; count += 1) memory.reserve(slot('more', 1000), 10);
    expect(memory.reserve(slot('last', 1000), 10)).toBe(true);
    expect(evicted).toEqual(['first large', 'small']);
  });
});

describe('cipher suites', () => {
  it('have OpenSSL names that this Node.js knows, except for those that OpenSSL has dropped', () => {
    const known = new Set(getCiphers().map((name) => name.toUpperCase()));
    const names = cipherSuites(
      'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_RSA_WITH_AES_256_CBC_SHA,TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256',
    );
    expect(names.filter((name) => !known.has(name))).toEqual([]);
    expect(names).toEqual(['ECDHE-ECDSA-AES128-GCM-SHA256', 'AES256-SHA', 'ECDHE-RSA-CHACHA20-POLY1305']);
  });

  it('are rejected by name when unknown', () => {
    expect(() => cipherSuites('TLS_NOPE,AES128-SHA')).toThrow('unknown cipher suite TLS_NOPE, AES128-SHA; expected IANA names');
    expect(cipherSuites(' , ')).toEqual([]);
  });
});
