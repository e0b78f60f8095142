// What the sources of the serving certificate have in common; a source is a pair of files or the self-managed CA.

export interface ServingCertificate {
  /** PEM, the leaf first. */
  readonly certificate: string;
  /** PEM. */
  readonly key: string;
  readonly notAfter: Date;
}

export interface CertificateSource {
  /** The certificate to serve; undefined until there is a usable one. */
  current(): ServingCertificate | undefined;
  /** Calls the listener with each certificate that replaces the one before, and with the first. */
  onChange(listener: (certificate: ServingCertificate) => void): void;
  /** Why API servers cannot rely on the certificate; undefined when they can. Cheap enough for each probe. */
  problem(): string | undefined;
  /** Stops watching and renewing. What is served stays. */
  close(): Promise<void>;
}

/** The current certificate and the listeners for its changes. */
export interface Holder {
  readonly current: () => ServingCertificate | undefined;
  readonly onChange: (listener: (certificate: ServingCertificate) => void) => void;
  readonly replace: (certificate: ServingCertificate) => void;
}

/** A holder without a certificate. */
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
