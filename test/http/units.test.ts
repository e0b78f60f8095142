// The small parts of the server, each by itself.
import { Socket } from 'node:net';
import { getCiphers } from 'node:tls';
import { bodyMemory } from '../../src/http/body.ts';
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

describe('memory of bodies', () => {
  it('takes nothing beyond its limit', () => {
    const memory = bodyMemory(10);
    expect([memory.take(6), memory.take(5), memory.take(4), memory.take(1)]).toEqual([true, false, true, false]);
    memory.give(6);
    expect(memory.take(6)).toBe(true);
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
