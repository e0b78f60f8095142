// Every bound of the servers, with where its number comes from. Tests and settings may replace any of them.

export interface ServerLimits {
  readonly maxBodyBytes: number;
  /** Values in one body; a body that is not longer than this many bytes is not looked at. */
  readonly maxValues: number;
  /** Bytes of unfinished bodies that all clients together may keep in memory. */
  readonly maxBufferedBytes: number;
  /** A body of up to so many bytes is small. */
  readonly smallBodyBytes: number;
  /** Part of maxBufferedBytes, from 0 to 1, that large bodies leave to small ones. */
  readonly smallBodiesShare: number;
  readonly maxInFlight: number;
  /** Age at which a request that still sends its body gives its place, or its memory, to a newcomer. */
  readonly slowRequestMs: number;
  readonly maxConnections: number;
  readonly maxHeaderBytes: number;
  readonly maxHeaders: number;
  readonly keepAliveMs: number;
  readonly headersMs: number;
  readonly requestMs: number;
  readonly handshakeMs: number;
  /** How often Node.js looks for connections that are over their time. */
  readonly checkIntervalMs: number;
  /** How long the rest of a refused body is read and thrown away, so that the client gets to read the refusal. */
  readonly lingerMs: number;
  readonly connectionRequests: number;
  readonly connectionAgeMs: number;
  readonly drainMinMs: number;
  readonly drainIdleMs: number;
  readonly drainMaxMs: number;
  /** How long requests that are still being answered at the end of a drain are waited for. */
  readonly drainSettleMs: number;
}

export const DEFAULT_LIMITS: ServerLimits = {
  // The API server takes 3 MiB per object; a review may hold two and some more. controller-runtime's figure as well.
  maxBodyBytes: 7 * 1024 * 1024,
  // A value takes up to 100 bytes of memory besides its text, so these 20 MiB. A pod of 1.5 MB, all of it variables and managed
  // fields, has 160,000; one that somebody uses has some thousand.
  maxValues: 200_000,
  // Five largest bodies beside all the small ones that can be in flight.
  maxBufferedBytes: 64 * 1024 * 1024,
  // A review of a pod with 60 containers has 100 KiB. 25 MiB are what maxInFlight of them can take at most.
  smallBodyBytes: 256 * 1024,
  smallBodiesShare: 0.4,
  // An API server keeps 25 idle connections to us, so four of them at full pace. A review itself never waits: what is in
  // flight is still arriving.
  maxInFlight: 100,
  // A body arrives whole within a round trip; one that takes a second is a broken network or an attack.
  slowRequestMs: 1000,
  // 80 full pools of API servers; about 70 MiB if all were taken.
  maxConnections: 2000,
  maxHeaderBytes: 16 * 1024,
  maxHeaders: 100,
  // The API server drops its idle connections after 90 s and never repeats a POST on one that we closed: be later than it.
  keepAliveMs: 120_000,
  headersMs: 10_000,
  // The longest time that a webhook configuration may give us.
  requestMs: 30_000,
  // Go's client gives up after the same time.
  handshakeMs: 10_000,
  checkIntervalMs: 2500,
  lingerMs: 500,
  // Connections stick to a replica for life; ending them, with a jitter of 20 %, is what lets a new replica have work. A
  // handshake holds up whoever waits as long as 15 to 20 reviews do: once in 1000 requests it would show in p99.
  connectionRequests: 5000,
  connectionAgeMs: 10 * 60_000,
  // Endpoints leave the API server's and kube-proxy's view seconds after SIGTERM. A pod has 45 s or more to end.
  drainMinMs: 10_000,
  drainIdleMs: 3000,
  drainMaxMs: 30_000,
  drainSettleMs: 5000,
};
