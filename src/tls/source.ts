// Where the certificate that we serve comes from: files, or an authority that we keep ourselves.

export interface ServingCertificate {
  /** PEM, the leaf first. */
  readonly certificate: string;
  /** PEM. */
  readonly key: string;
  readonly notAfter: Date;
}

export interface CertificateSource {
  /** What to serve now; undefined until there is a usable one. */
  current(): ServingCertificate | undefined;
  /** Calls the listener with each certificate that replaces the one before, and with the first. */
  onChange(listener: (certificate: ServingCertificate) => void): void;
  /** Why we are not ready to serve, in words; undefined when we are. Cheap enough for each probe. */
  problem(): string | undefined;
  /** Stops watching and renewing. What is served stays. */
  close(): Promise<void>;
}

/** The part that all sources share: what is current, and who wants to know. */
export interface Holder {
  readonly current: () => ServingCertificate | undefined;
  readonly onChange: (listener: (certificate: ServingCertificate) => void) => void;
  readonly replace: (certificate: ServingCertificate) => void;
}

/** A holder of nothing yet. */
export function holder(): Holder {
  const listeners: ((certificate: ServingCertificate) => void)[] = [];
  let certificate: ServingCertificate | undefined;
  return {
    current: () => certificate,
    onChange: (listener) => void listeners.push(listener),
    replace: (fresh) => {
      certificate = fresh;
      for (const listener of listeners) listener(fresh);
    },
  };
}
