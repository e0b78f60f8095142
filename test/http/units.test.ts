// The small parts of the server, each by itself.
import { Socket } from 'node:net';
import { getCiphers } from 'node:tls';
import { bodyMemory } from '../../src/http/body-memory.ts';
import { cipherSuites } from '../../src/http/cipher-suites.ts';
import { connectionAge } from '../../src/http/connection-age.ts';
import { timeoutOf } from '../../src/http/deadline.ts';
import { inFlight } from '../../src/http/in-flight.ts';

describe('the deadline of a call', () => {
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

describe('places in flight', () => {
  it('turns a newcomer away while all are quick, and the oldest away once it is slow', () => {
    const evicted: string[] = [];
    const place = (name: string, since: number) => ({ since, evict: () => void evicted.push(name) });
    const places = inFlight(2, 1000);
    const first = place('first', 0);
    expect([places.enter(first), places.enter(place('second', 500)), places.enter(place('third', 900))]).toEqual([
      true,
      true,
      false,
    ]);
    expect(places.enter(place('fourth', 1000))).toBe(true);
    expect(evicted).toEqual(['first']);
    expect(places.count()).toBe(2);
    places.leave(first);
    expect(places.count()).toBe(2);
    expect(places.enter(place('fifth', 1499))).toBe(false);
  });
});

const memoryOfBodies = () => {
  const evicted: string[] = [];
  let now = 0;
  const limits = { maxBufferedBytes: 100, smallBodyBytes: 10, smallBodiesShare: 0.4, slowRequestMs: 1000 };
  const memory = bodyMemory(limits, () => now);
  const place = (name: string, since = 0) => ({ since, evict: () => void evicted.push(name) });
  return { memory, evicted, place, wait: (milliseconds: number) => void (now += milliseconds) };
};

describe('memory of bodies', () => {
  it('takes nothing beyond its limit, and leaves a share to small bodies', () => {
    const { memory, place, evicted } = memoryOfBodies();
    const [large, small] = [place('large'), place('small')];
    expect([memory.take(large, 5), memory.take(large, 55), memory.take(large, 1)]).toEqual([true, true, false]);
    expect([memory.take(small, 10), memory.take(small, 1)]).toEqual([true, false]);
    const others = Array.from({ length: 4 }, () => memory.take(place('other'), 10));
    expect(others).toEqual([true, true, true, false]);
    memory.give(large);
    expect(memory.take(small, 1)).toBe(true);
    expect(evicted).toEqual([]);
  });

  it('turns away the oldest slow body, of the large ones when a large one wants memory, and itself when it is the oldest', () => {
    const { memory, place, evicted, wait } = memoryOfBodies();
    const first = place('first large');
    expect([memory.take(place('small'), 10), memory.take(first, 30), memory.take(place('second large'), 30)]).toEqual([
      true,
      true,
      true,
    ]);
    wait(999);
    expect(memory.take(place('quick', 999), 20)).toBe(false);
    wait(1);
    expect(memory.take(first, 1)).toBe(false);
    expect(memory.take(place('third large', 1000), 20)).toBe(true);
    expect(evicted).toEqual(['first large']);
    for (let count = 0; count < 4; count += 1) memory.take(place('more', 1000), 10);
    expect(memory.take(place('last', 1000), 10)).toBe(true);
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

  it('are refused by name when unknown', () => {
    expect(() => cipherSuites('TLS_NOPE,AES128-SHA')).toThrow('unknown cipher suite TLS_NOPE, AES128-SHA; expected IANA names');
    expect(cipherSuites(' , ')).toEqual([]);
  });
});
