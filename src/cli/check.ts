// The command check: is an installation healthy, can one be made, and can a service account log in. One line for each question.
import { readFileSync } from 'node:fs';
import { fail, hasFailed, type Line, skip, warn } from '../check/catalogue.ts';
import { checkCluster } from '../check/cluster-checks.ts';
import { type ClusterReader, clusterReader } from '../check/cluster-reader.ts';
import { checkDefinitions, checkResources } from '../check/custom-resources.ts';
import { checkInstall } from '../check/install-checks.ts';
import { checkLogin, type LoginRequest } from '../check/login-check.ts';
import { checkWebhook, readEntries } from '../check/registration.ts';
import { jsonReport, lineText, summaryText } from '../check/report.ts';
import { checkController, checkRights, readWorkloads } from '../check/workloads.ts';
import { kubeClient } from '../kube/client.ts';
import { KubeError, messageOf } from '../kube/errors.ts';
import { type FlagSpec, parseFlags } from '../settings/flags.ts';
import { connectToCluster, readLinks } from './live/cluster-connection.ts';
import { asksForHelp, painter, type Terminal } from './terminal.ts';
import { VERSION } from './version.ts';

const USAGE = `vault-auth-injector check [flags]
vault-auth-injector check install [flags]
vault-auth-injector check login NAMESPACE/SERVICE-ACCOUNT [flags]

Checks an installation: the cluster, the webhook, the controller, and what the controller reports about
Vault. Where nothing is installed, and with the word install, it checks whether an install can succeed.
With the word login it logs in to Vault as a service account and names the part that is broken. Nothing
is changed: pods are created as dry runs only. Each line is ok, warn, fail or skip; warn and fail have a
remedy.

Exit codes: 0 no failure, 1 a failure (with -strict also a warning), 2 invalid flags.

  -o text|json          output format; the JSON shape is documented and stable; default text
  -strict               a warning counts as a failure
  -kubeconfig FILE      default KUBECONFIG, else the service account of this pod
  -context NAME         context of the kubeconfig
  -n NAMESPACE          where a pod is created as a dry run, default "default"; with install: the
                        namespace of the installation, default "vault-auth-injector"
  -release NAME         of several installations in the cluster, the one of this Helm release

With login, instead of what the VaultAuthRole and its backend say:

  -role NAME            the VaultAuthRole; or, with -path and -address, the role in Vault
  -path PATH            path of the auth mount, without "auth/"
  -audience AUDIENCE    audience of the token
  -address URL          address of the server, such as that of a port-forward
  -vault-namespace NS   namespace in the server
  -ca-cert FILE         PEM of the CA bundle of the server
`;

const SWITCHES = ['strict'];
const VALUES = [
  'o',
  'kubeconfig',
  'context',
  'n',
  'release',
  'role',
  'path',
  'audience',
  'address',
  'vault-namespace',
  'ca-cert',
];
const FLAGS: ReadonlyMap<string, FlagSpec> = new Map(
  [...SWITCHES, ...VALUES].map((name) => [name, { isSwitch: SWITCHES.includes(name) }]),
);

interface Request {
  readonly what: 'all' | 'install' | LoginRequest;
  readonly format: 'text' | 'json';
  readonly isStrict: boolean;
  readonly kubeconfig: string;
  readonly context: string | undefined;
  readonly namespace: string | undefined;
  /** Of several installations in the cluster, the one with this label `app.kubernetes.io/instance`. */
  readonly release: string | undefined;
}

/** Runs the command; returns the exit code: 0, 1 after a failure, 2 for invalid flags. */
export async function checkCommand(words: readonly string[], terminal: Terminal): Promise<number> {
  if (asksForHelp(words)) {
    terminal.stdout(USAGE);
    return 0;
  }
  const request = requestOf(words);
  if ('problems' in request) {
    for (const problem of request.problems)
      terminal.stderr(`vault-auth-injector check: ${problem} (check -help lists the flags)\n`);
    return 2;
  }
  const started = performance.now();
  const lines: Line[] = [];
  const isText = request.format === 'text';
  const report = (found: readonly Line[]): void => {
    lines.push(...found);
    if (isText) for (const line of found) terminal.stdout(lineText(line, painter(terminal)));
  };
  await run(request, terminal, report);
  const took = performance.now() - started;
  terminal.stdout(isText ? `\n${summaryText(lines, took)}` : jsonReport(lines, took));
  return hasFailed(lines) || (request.isStrict && lines.some(({ status }) => status === 'warn')) ? 1 : 0;
}

type Report = (lines: readonly Line[]) => void;

/** Every question needs the API server: its failure is the last line. */
const run = async (request: Request, terminal: Terminal, report: Report): Promise<void> => {
  const progress = (text: string): void => {
    // Replaces the line before: the escape sequence erases what is left of it.
    if (terminal.stderrIsTerminal) terminal.stderr(`\r\u{1b}[K${text}`);
  };
  try {
    progress('connecting …');
    const connection = await connectToCluster(request.kubeconfig, request.context, terminal);
    const client = kubeClient({ connection, userAgent: USER_AGENT });
    try {
      await questions(request, clusterReader(client), (found) => {
        progress('');
        report(found);
        if (found.length > 0) progress('checking …');
      });
    } finally {
      client.close();
    }
  } catch (error) {
    progress('');
    report([fail('api-server', messageOf(error), remedyOf(error))]);
  } finally {
    progress('');
  }
};

const remedyOf = (error: unknown): string => {
  const status = error instanceof KubeError ? error.status : 0;
  if (status === 401) return 'renew the credentials of the kubeconfig';
  if (status === 403) return 'use credentials that have this right';
  return 'set -kubeconfig and -context, and see whether kubectl version answers';
};

const USER_AGENT = `vault-auth-injector/${VERSION}`;
const INSTALL_NAMESPACE = 'vault-auth-injector';

const questions = async (request: Request, reader: ClusterReader, report: Report): Promise<void> => {
  const { what, namespace, release } = request;
  if (typeof what === 'object') {
    const { value: links, warning } = await readLinks(reader.client, what.namespace);
    if (warning !== undefined)
      report([warn('login-role', warning, 'use credentials that may list the objects of vaultauth.dev')]);
    report(await checkLogin(reader, links, what, USER_AGENT));
    return;
  }
  const cluster = checkCluster(reader, Date.now);
  if (what === 'install') {
    report(await cluster);
    report(await checkInstall(reader, namespace ?? INSTALL_NAMESPACE));
    return;
  }
  report(await cluster);
  const [entries, found] = await Promise.all([readEntries(reader, release), readWorkloads(reader)]);
  const workloads = found.filter(({ instance }) => release === undefined || instance === release);
  const webhook = workloads.find(({ component }) => component === 'webhook');
  const controller = workloads.find(({ component }) => component === 'controller');
  if (entries.length === 0 && workloads.length === 0) {
    report([skip('registration', 'not installed: this checks whether an install can succeed')]);
    report(await checkInstall(reader, namespace ?? INSTALL_NAMESPACE));
    return;
  }
  if (webhook || entries.length > 0) {
    const rights = webhook ? checkRights(reader, webhook) : Promise.resolve([]);
    const probeNamespace = namespace ?? 'default';
    report(await checkWebhook(reader, { entries, workload: webhook, now: Date.now(), probeNamespace }));
    report(await rights);
  }
  const definitions = await checkDefinitions(reader, controller !== undefined);
  report(definitions);
  const ofController = controller ? await checkController(reader, controller, Date.now()) : [];
  report(ofController);
  const isReconciled = controller !== undefined && !hasFailed([...ofController, ...definitions]);
  if (controller) report(await checkResources(reader, isReconciled));
};

const requestOf = (words: readonly string[]): Request | { readonly problems: readonly string[] } => {
  const { values, positionals, problems: unread } = parseFlags(words, FLAGS, { stopAtPositional: false });
  const problems = [...unread];
  const value = (flag: string): string => values.get(flag) ?? '';
  const [word, subject = '', ...more] = positionals;
  const format = values.get('o') ?? 'text';
  if (format !== 'text' && format !== 'json')
    problems.push(`-o: ${JSON.stringify(format)} is not a format, expected text or json`);
  const [namespace = '', serviceAccount = '', ...parts] = subject.split('/');
  const isLogin = word === 'login';
  if (word !== undefined && !isLogin && word !== 'install')
    problems.push(`unexpected ${JSON.stringify(word)}, expected install or login`);
  if (isLogin && (namespace === '' || serviceAccount === '' || parts.length > 0))
    problems.push(`expected one service account, as "login NAMESPACE/NAME", found ${JSON.stringify(subject)}`);
  const extra = isLogin ? more : [subject, ...more].filter((each) => each !== '');
  for (const each of extra) problems.push(`unexpected ${JSON.stringify(each)}`);
  const forLogin = ['role', 'path', 'audience', 'address', 'vault-namespace', 'ca-cert'].filter((flag) => values.has(flag));
  if (!isLogin) for (const flag of forLogin) problems.push(`-${flag}: only with login`);
  const address = value('address').replace(/\/$/, '');
  if (address !== '' && !(URL.canParse(address) && /^https?:/.test(address))) problems.push(`-address: ${address} is not a URL`);
  let ca = '';
  try {
    if (value('ca-cert') !== '') ca = readFileSync(value('ca-cert'), 'utf8');
  } catch (error) {
    problems.push(`-ca-cert: ${messageOf(error)}`);
  }
  if (problems.length > 0) return { problems };
  const login: LoginRequest = {
    namespace,
    serviceAccount,
    role: value('role'),
    path: value('path')
      .replace(/^auth\//, '')
      .replace(/\/$/, ''),
    audience: value('audience'),
    address,
    vaultNamespace: value('vault-namespace').replaceAll(/^\/|\/$/g, ''),
    ca,
  };
  return {
    what: isLogin ? login : word === 'install' ? 'install' : 'all',
    format: format === 'json' ? 'json' : 'text',
    isStrict: values.get('strict') === 'true',
    kubeconfig: value('kubeconfig'),
    context: values.get('context'),
    namespace: values.get('n'),
    release: values.get('release'),
  };
};
