// The command cleanup: after the controller is uninstalled, removes its finalizer from the objects that are left, and lists what stays
// in Vault.
import { clusterReader, type ClusterReader } from '../check/cluster-reader.ts';
import { isObject, type JsonObject, objectAt, textOf, textsOf } from '../json/json.ts';
import { patchFinalizers } from '../kube/apply.ts';
import { kubeClient } from '../kube/client.ts';
import { isKubeError, messageOf } from '../kube/errors.ts';
import { collectionPath, FINALIZER, GROUP, type KindName, kinds, VERSION as API } from '../resources/kinds.ts';
import { type FlagSpec, parseFlags } from '../settings/flags.ts';
import { connectToCluster } from './live/cluster-connection.ts';
import { asksForHelp, type Terminal } from './terminal.ts';
import { VERSION } from './version.ts';

const USAGE = `vault-auth-injector cleanup [flags]

For the time after an uninstall of the controller. Its objects keep a finalizer that nothing removes any more,
so deletions of them and of their namespaces would wait for ever. This command removes the finalizer from each
object and prints what stays in Vault. It deletes no object and calls no Vault. While a controller is installed
it does nothing: delete the objects instead, then the controller deletes their documents in Vault as well.

  -dry-run              only print
  -wait DURATION        how long to wait for a controller that is being uninstalled, in seconds; default 0
  -kubeconfig FILE      default KUBECONFIG, else the service account of this pod
  -context NAME         context of the kubeconfig

Exit codes: 0 no finalizer is left (with -dry-run: would be left), 1 otherwise, 2 invalid flags.
`;

const FLAGS: ReadonlyMap<string, FlagSpec> = new Map(
  ['dry-run', 'wait', 'kubeconfig', 'context'].map((name) => [name, { isSwitch: name === 'dry-run' }]),
);

/** Runs the command; returns the exit code. */
export async function cleanup(words: readonly string[], terminal: Terminal): Promise<number> {
  if (asksForHelp(words)) {
    terminal.stdout(USAGE);
    return 0;
  }
  const { values, positionals, problems } = parseFlags(words, FLAGS, { stopAtPositional: false });
  const wrong = [...problems, ...positionals.map((word) => `unexpected ${JSON.stringify(word)}`)];
  const seconds = Number(values.get('wait') ?? 0);
  if (!(seconds >= 0)) wrong.push(`-wait: ${JSON.stringify(values.get('wait'))} is not a number of seconds`);
  for (const problem of wrong) terminal.stderr(`vault-auth-injector cleanup: ${problem} (cleanup -help lists the flags)\n`);
  if (wrong.length > 0) return 2;
  try {
    const connection = await connectToCluster(values.get('kubeconfig') ?? '', values.get('context'), terminal);
    const client = kubeClient({ connection, userAgent: `vault-auth-injector/${VERSION}` });
    try {
      return await clean(clusterReader(client), { isDry: values.has('dry-run'), seconds }, terminal);
    } finally {
      client.close();
    }
  } catch (error) {
    terminal.stderr(`vault-auth-injector cleanup: ${messageOf(error)}\n`);
    return 1;
  }
}

interface Request {
  readonly isDry: boolean;
  /** How long to wait for the end of a controller. */
  readonly seconds: number;
}

const clean = async (reader: ClusterReader, { isDry, seconds }: Request, terminal: Terminal): Promise<number> => {
  const controllers = await untilGone(reader, seconds);
  if (controllers.length > 0 && !isDry) {
    terminal.stderr(
      `vault-auth-injector cleanup: a controller is installed (${controllers.join(', ')}) and would add the finalizer again: uninstall it first\n`,
    );
    return 1;
  }
  let [removed, failed] = [0, 0];
  for (const kind of Object.keys(kinds) as KindName[]) {
    for (const object of await reader.list(collectionPath(kind))) {
      const finalizers = textsOf(objectAt(object, 'metadata')?.['finalizers']);
      if (!finalizers.includes(FINALIZER)) continue;
      const problem = isDry ? undefined : await withoutFinalizer(reader, kind, object, finalizers);
      if (problem === undefined) removed += 1;
      else failed += 1;
      const end = problem === undefined ? remains(object) : `the finalizer could not be removed: ${problem}`;
      terminal.stdout(`${kind} ${nameOf(object)}: ${end}\n`);
    }
  }
  terminal.stdout(`${isDry ? 'would remove' : 'removed'} the finalizer ${FINALIZER} of ${removed} objects\n`);
  return failed === 0 ? 0 : 1;
};

const CONTROLLERS = { labelSelector: 'app.kubernetes.io/name=vault-auth-injector,app.kubernetes.io/component=controller' };
const POLL_MS = 1000;

/** Controllers that are installed, as NAMESPACE/NAME of their Deployments. */
const untilGone = async (reader: ClusterReader, seconds: number): Promise<readonly string[]> => {
  const end = performance.now() + seconds * 1000;
  for (;;) {
    const names = (await reader.list('/apis/apps/v1/deployments', CONTROLLERS)).map(nameOf);
    if (names.length === 0 || performance.now() >= end) return names;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
};

/** @returns why it could not be removed */
const withoutFinalizer = async (
  { client }: ClusterReader,
  kind: KindName,
  object: JsonObject,
  finalizers: readonly string[],
): Promise<string | undefined> => {
  const metadata = objectAt(object, 'metadata');
  const ref = { group: GROUP, version: API, plural: kinds[kind].plural, namespace: textOf(metadata, 'namespace') };
  const rest = finalizers.filter((finalizer) => finalizer !== FINALIZER);
  const read = { uid: textOf(metadata, 'uid'), resourceVersion: textOf(metadata, 'resourceVersion') };
  try {
    await patchFinalizers(client, { ...ref, name: textOf(metadata, 'name') ?? '' }, read, rest);
    return undefined;
  } catch (error) {
    return isKubeError(error, 'Conflict') ? 'it was changed meanwhile; run cleanup again' : messageOf(error);
  }
};

const nameOf = (object: JsonObject): string => {
  const metadata = objectAt(object, 'metadata');
  return [textOf(metadata, 'namespace'), textOf(metadata, 'name')].filter((name) => name !== undefined).join('/');
};

/** What the controller has written to Vault for the object, from its status. */
const remains = (object: JsonObject): string => {
  const status = objectAt(object, 'status');
  const vault = objectAt(status, 'vault') ?? objectAt(status, 'mount');
  if (!isObject(vault)) return 'nothing in Vault';
  const [role, policy, path] = [
    textOf(vault, 'roleName'),
    textOf(vault, 'name'),
    textOf(vault, 'mountPath') ?? textOf(vault, 'path'),
  ];
  if (role !== undefined) return `the role ${role} of auth/${path} stays in Vault`;
  if (policy !== undefined) return `the policy ${policy} stays in Vault`;
  return path === undefined ? 'nothing in Vault' : `the mount auth/${path} stays in Vault`;
};
