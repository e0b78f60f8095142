// Whether the webhook configuration leads to this replica: its Service, namespace, path, port, and the certificate that is served.
import type { X509Certificate } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeClient } from '../kube/client.ts';
import { isKubeError, messageOf } from '../kube/errors.ts';
import { readServiceEndpoint, type ServiceEndpoint } from '../kube/service-endpoints.ts';
import {
  readWebhookConfiguration,
  type ServiceReference,
  untilChanged,
  type WebhookConfiguration,
  type WebhookEntry,
} from '../kube/webhook-configuration.ts';
import { jittered } from '../net/backoff.ts';
import { certificatesOf } from './bundle.ts';
import type { TlsLog } from './files.ts';
import { repeat, type RoundOutcome } from './repeat.ts';

/** Names and addresses by which the entries call a replica in this namespace: what its certificate must be valid for. */
export function hostsOf({ entries }: WebhookConfiguration, namespace: string): readonly string[] {
  return [...new Set(entries.flatMap(({ service, url }) => hostOf(service, url, namespace) ?? []))];
}

const hostOf = (service: ServiceReference | undefined, url: string | undefined, namespace: string): string | undefined => {
  if (service) return service.namespace === namespace ? serverName(service) : undefined;
  return url !== undefined && URL.canParse(url) ? new URL(url).hostname.replace(/^\[(.*)\]$/, '$1') : undefined;
};

/** The name that API servers verify, whatever the address of the Service is. */
const serverName = ({ name, namespace }: ServiceReference): string => `${name}.${namespace}.svc`;

/** The paths of reviews of pods, and of workloads. */
const PATHS = ['/mutate', '/validate'];

export interface Replica {
  readonly namespace: string;
  /** Port of the HTTPS server. */
  readonly port: number;
  /** PEM, the leaf first; undefined: none is served yet. */
  readonly certificate: string | undefined;
  /** The Services that the entries call, by name; `unknown` without rights or name of the pod, undefined if there is none. */
  readonly services: ReadonlyMap<string, ServiceEndpoint | 'unknown' | undefined>;
}

/** Why the entry does not lead to this replica; undefined when it does, as far as that can be known. */
export function entryProblem(entry: WebhookEntry, replica: Replica): string | undefined {
  const { name, service, url } = entry;
  const path = service?.path ?? (url !== undefined && URL.canParse(url) ? new URL(url).pathname : '/mutate');
  if (service && service.namespace !== replica.namespace)
    return `${name} calls the Service ${service.namespace}/${service.name}, and this replica runs in the namespace ${replica.namespace}: correct clientConfig.service.namespace`;
  const problem = service && serviceProblem(entry.name, service, replica);
  if (problem !== undefined) return problem;
  if (!PATHS.includes(path))
    return `${name} calls the path ${path}, and this replica serves ${PATHS.join(' and ')}: correct clientConfig`;
  return service && replica.certificate !== undefined ? certificateProblem(entry, service, replica.certificate) : undefined;
}

const serviceProblem = (entry: string, { namespace, name, port }: ServiceReference, replica: Replica): string | undefined => {
  const service = replica.services.get(name);
  if (service === 'unknown') return undefined;
  const calls = `${entry} calls port ${port} of the Service ${namespace}/${name}`;
  if (!service)
    return `${entry} calls the Service ${namespace}/${name}, which does not exist: install it, or correct clientConfig.service.name`;
  if (!service.ports.includes(port)) return `${calls}, which has ${service.ports.join(', ')}: correct clientConfig.service.port`;
  if (!service.hasSelector) return undefined;
  if (!service.targets) return `${calls}, whose selector does not match this replica: correct the selector of the Service`;
  const target = service.targets.get(port);
  return target === undefined || target === replica.port
    ? undefined
    : `${calls}, which leads to port ${target} of this replica, and it listens on ${replica.port}: correct targetPort or -listen`;
};

const certificateProblem = ({ name, caBundle }: WebhookEntry, service: ServiceReference, pem: string): string | undefined => {
  const chain = certificatesOf(pem);
  const host = serverName(service);
  if (chain[0] && chain[0].checkHost(host) === undefined)
    return `${name} calls ${host}, and the certificate of this replica is not valid for that name: ${chain[0].subjectAltName ?? 'it has no names'}`;
  const trusted = certificatesOf(Buffer.from(caBundle, 'base64').toString());
  if (chain.some((certificate) => trusted.some((ca) => isTrustedBy(certificate, ca)))) return undefined;
  return trusted.length === 0
    ? `${name} has no caBundle: API servers do not trust the certificate of this replica`
    : `the caBundle of ${name} does not contain the CA of the certificate of this replica`;
};

const isTrustedBy = (certificate: X509Certificate, ca: X509Certificate): boolean =>
  certificate.fingerprint256 === ca.fingerprint256 || (certificate.checkIssued(ca) && certificate.verify(ca.publicKey));

export interface OwnRegistrationOptions {
  readonly client: KubeClient;
  /** Name of the MutatingWebhookConfiguration. */
  readonly configuration: string;
  readonly namespace: string;
  /** Empty: unknown, so that Services are not checked. */
  readonly podName: string;
  readonly port: number;
  /** PEM of the chain that is served now. */
  readonly certificate: () => string | undefined;
  readonly log: TlsLog;
  /** Interval between two checks, besides the watch of the configuration. */
  readonly everyMs?: number;
}

export interface OwnRegistration {
  /**
   * Why this replica must not be ready. At first any entry that does not lead here, so that a wrong change stops before it replaces
   * replicas that serve. Later only that none does: the other entries must not lose a replica that can answer them.
   */
  readonly problem: () => string | undefined;
  readonly close: () => Promise<void>;
}

/** Checks until closed. While the API server is unavailable the last result holds; without the right to read it, nothing is checked. */
export function watchOwnRegistration({
  client,
  configuration: name,
  namespace,
  podName,
  port,
  certificate,
  log,
  everyMs = 30_000,
}: OwnRegistrationOptions): OwnRegistration {
  let problem: string | undefined = `the MutatingWebhookConfiguration ${name} has not been read yet`;
  let found: readonly string[] = [];
  let hasMatched = false;
  let resourceVersion: string | undefined;

  const services = async (live: WebhookConfiguration, signal: AbortSignal): Promise<Replica['services']> => {
    const names = live.entries.flatMap(({ service }) => (service?.namespace === namespace ? [service.name] : []));
    const read = [...new Set(names)].map(async (service) => {
      if (podName === '') return [service, 'unknown'] as const;
      const endpoint = await readServiceEndpoint(client, { namespace, name: service, podName }, signal).catch(unknownIfForbidden);
      return [service, endpoint] as const;
    });
    return new Map(await Promise.all(read));
  };

  const judge = async (signal: AbortSignal): Promise<void> => {
    const live = await readWebhookConfiguration(client, name, signal);
    resourceVersion = live?.resourceVersion;
    if (!live) return report([`there is no MutatingWebhookConfiguration ${name}: install it, or correct -tls-auto`], true);
    if (live.entries.length === 0) return report([`the MutatingWebhookConfiguration ${name} has no webhooks`], true);
    const replica = { namespace, port, certificate: certificate(), services: await services(live, signal) };
    const problems = live.entries.flatMap((entry) => entryProblem(entry, replica) ?? []);
    report(problems, problems.length === live.entries.length);
  };

  const report = (problems: readonly string[], isAll: boolean): void => {
    if (problems.length > 0 && problems.join() !== found.join())
      log.warn({ problems, configuration: name }, 'the webhook configuration does not lead to this replica');
    if (problems.length === 0 && found.length > 0)
      log.info({ configuration: name }, 'the webhook configuration leads to this replica');
    found = problems;
    hasMatched ||= problems.length === 0;
    problem = problems.length > 0 && (isAll || !hasMatched) ? problems.join('; ') : undefined;
  };

  let failure: string | undefined;
  const round = async (signal: AbortSignal): Promise<RoundOutcome> => {
    try {
      await judge(signal);
      failure = undefined;
      return 'unchanged';
    } catch (error) {
      if (signal.aborted) return 'failed';
      const text = messageOf(error);
      if (text !== failure) log.warn({ configuration: name, problem: text }, 'cannot read the webhook configuration, retrying');
      failure = text;
      if (isKubeError(error, 'Forbidden')) problem = undefined;
      return 'failed';
    }
  };

  const idle = async (signal: AbortSignal): Promise<void> => {
    // Services and endpoints are not watched, and change soon after the start.
    if (problem !== undefined) await sleep(jittered(Math.min(everyMs, SOON_MS)), undefined, { signal });
    else await untilChanged(client, { name, resourceVersion }, jittered(everyMs) / 1000, signal);
  };
  const repetition = repeat({ round, idle });
  return { problem: () => problem, close: () => repetition.close() };
}

const SOON_MS = 1000;

const unknownIfForbidden = (error: unknown): 'unknown' => {
  if (isKubeError(error, 'Forbidden')) return 'unknown';
  throw error;
};
