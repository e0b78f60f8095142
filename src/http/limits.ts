// Every limit of the servers, with the source of its number. Tests and settings may override any of them.

export interface ServerLimits {
  readonly maxBodyBytes: number;
  /** JSON values in one body; a body of fewer bytes is not checked. */
  readonly maxValues: number;
  /** Bytes of unfinished bodies that all clients together may keep in memory. */
  readonly maxBufferedBytes: number;
  /** A body of up to so many bytes is small. */
  readonly smallBodyBytes: number;
  /** Part of maxBufferedBytes, from 0 to 1, that large bodies leave to small ones. */
  readonly smallBodiesShare: number;
  readonly maxInFlight: number;
  /** Age at which a request whose body is still arriving loses its slot, or its memory, to a new request. */
  readonly slowRequestMs: number;
  readonly maxConnections: number;
  readonly maxHeaderBytes: number;
  readonly maxHeaders: number;
  readonly keepAliveMs: number;
  readonly headersMs: number;
  readonly requestMs: number;
  readonly handshakeMs: number;
  /** How often Node.js checks for connections that have timed out. */
  readonly checkIntervalMs: number;
  /** How long the rest of a refused body is read and discarded, so that the client can read the response. */
  readonly lingerMs: number;
  readonly connectionRequests: number;
  readonly connectionAgeMs: number;
  readonly drainMinMs: number;
  readonly drainIdleMs: number;
  readonly drainMaxMs: number;
  /** How long the end of a drain waits for requests that are still being answered. */
  readonly drainSettleMs: number;
}

export const DEFAULT_LIMITS: ServerLimits = {
  // The API server accepts 3 MiB per object, and a review may contain two. controller-runtime has the same limit.
  maxBodyBytes: 7 * 1024 * 1024,
  // A value takes up to 100 bytes of memory besides its text: 20 MiB. A pod of 1.5 MB of variables and managed fields has
  // 160,000 values, a real one some thousand.
  maxValues: 200_000,
  // Five bodies of the maximum size beside all small ones that can be in flight.
  maxBufferedBytes: 64 * 1024 * 1024,
  // A review of a pod with 60 containers has 100 KiB. 25 MiB are what maxInFlight of them can take at most.
  smallBodyBytes: 256 * 1024,
  smallBodiesShare: 0.4,
  // An API server keeps 25 idle connections per webhook, so four API servers under full load.
  maxInFlight: 100,
  // A body arrives within a round trip; one that takes a second is a broken network or an attack.
  slowRequestMs: 1000,
  // 80 full pools of API servers; about 70 MiB if all were taken.
  maxConnections: 2000,
  maxHeaderBytes: 16 * 1024,
  maxHeaders: 100,
  // The API server closes idle connections after 90 s, and does not retry a POST on one that the webhook closed first.
  keepAliveMs: 120_000,
  headersMs: 10_000,
  // The maximum timeoutSeconds of a webhook configuration.
  requestMs: 30_000,
  // The TLS handshake timeout of Go's client.
  handshakeMs: 10_000,
  checkIntervalMs: 2500,
  lingerMs: 500,
  // A connection stays at its replica, so a new replica gets reviews only when connections end, with a jitter of 20 %. A
  // handshake delays other requests as long as 15 to 20 reviews do: once in 1000 requests it would show in p99.
  connectionRequests: 5000,
  connectionAgeMs: 10 * 60_000,
  // API servers and kube-proxy observe a removed endpoint seconds after SIGTERM. The pod has a grace period of 45 s or more.
  drainMinMs: 10_000,
  drainIdleMs: 3000,
  drainMaxMs: 30_000,
  drainSettleMs: 5000,
};
