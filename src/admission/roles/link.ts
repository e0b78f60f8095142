// The link between a pod and our objects: which options they give it, and what is amiss.
import type { Options, Origin, Parsed } from '../../annotations/parse.ts';
import { ADMISSION_MODE_LABEL, BACKEND_LABEL } from '../../resources/kinds.ts';
import { ADMISSION_MODES, type AdmissionMode } from '../../resources/backend.ts';
import type { CachedBackend } from '../../resources/webhook-view.ts';
import { binds, findPlace, type Asker, type KnownRoles, type Place } from './find.ts';
import type { RoleProblem } from './role-problems.ts';
import { judgedOf, type Judged } from './judge.ts';
import { rememberedLink } from './remember.ts';
import { valuesOf, type LinkedKey, type LinkedValue, type LinkValues } from './values.ts';

/** A pod as our objects see it. */
export interface Linked {
  /** The options, with what the objects give. */
  readonly parsed: Parsed;
  /** PEM of whom the agent is to trust; undefined: as the settings say. */
  readonly ca: string | undefined;
  readonly judged: Judged;
}

export interface Surroundings extends Omit<Asker, 'role' | 'backend' | 'goesElsewhere'> {
  /** The pod's own token that an agent with these options logs in with; undefined: none, or one that injection brings. */
  readonly podToken: (options: Options) => PodToken | undefined;
}

export interface PodToken {
  readonly volume: string;
  /** Undefined: the API server's own. */
  readonly audience: string | undefined;
}

/** Undefined: our objects have nothing to say about the pod, and everything is as its annotations and the settings have it. */
export function linkPod(own: Parsed, around: Surroundings, known: KnownRoles): Linked | undefined {
  if (!takesPart(own)) return undefined;
  const role = own.options.role === '' ? (own.families.authConfig.get('role')?.value ?? '') : own.options.role;
  const asker: Asker = {
    ...around,
    role,
    backend: own.options.backend,
    goesElsewhere: (backend) => goesElsewhere(own, backend),
  };
  const found = findPlace(asker, known);
  switch (found.kind) {
    case 'nothing':
      return undefined;
    case 'hindrance': {
      // Who names what does not exist is judged by whoever would have been asked otherwise.
      const label = around.namespaceLabels.get(BACKEND_LABEL);
      const backend = found.backend ?? (label === undefined ? undefined : known.backend(label)) ?? known.defaultBackend();
      const mode = modeOf(backend?.admissionMode ?? 'Warn', around);
      return { parsed: own, ca: undefined, judged: judgedOf([found.finding], mode, role === '') };
    }
    case 'place':
    case 'pending': {
      const { place } = found;
      const mode = modeOf(place.backend.admissionMode, around);
      // Nobody is to be bothered there: who names another mount has his own ways.
      if (mode === 'Off' && goesElsewhere(own, place.backend)) return undefined;
      const values = valuesOf(place);
      const make = (): Parsed => withValues(own, values, mode);
      const parsed = found.kind === 'pending' ? make() : rememberedLink(own, values, mode, make);
      const findings = [...stateOf(found.kind, place, asker), ...conflictsOf(own, values, asker), ...audienceOf(parsed, around)];
      return { parsed, ca: place.endpoint.ca, judged: judgedOf(findings, mode, false) };
    }
  }
}

/** Other methods, and agents that bring their own configuration, have no role of ours. */
const takesPart = ({ options, origins }: Parsed): boolean =>
  options.agentConfigmap === '' && (isOurs(options.authType) || origins.get('authType')?.annotation === undefined);

const isOurs = (type: string): boolean => type === 'kubernetes' || type === 'jwt';

const goesElsewhere = (own: Parsed, { path, type }: CachedBackend): boolean =>
  (isAnnotated(own, 'authPath') && !isSame(own.options.authPath, `auth/${path}`)) ||
  (isAnnotated(own, 'authType') ? own.options.authType !== type : !isOurs(own.options.authType));

const isAnnotated = ({ origins }: Parsed, key: LinkedKey): boolean => origins.get(key)?.annotation !== undefined;

/** A slash at either end of a path or an address means nothing. */
const isSame = (one: string | number, other: string | number): boolean => bare(one) === bare(other);
const bare = (value: string | number): string => String(value).replaceAll(/^\/+|\/+$/g, '');

/** The label of a namespace can only make it stricter: who may label namespaces need not be who may change backends. */
const modeOf = (mode: AdmissionMode, { namespaceLabels }: Surroundings): AdmissionMode => {
  const label = namespaceLabels.get(ADMISSION_MODE_LABEL);
  const strictness = Math.max(ADMISSION_MODES.indexOf(mode), label === undefined ? 0 : MODE_WORDS.indexOf(label));
  return ADMISSION_MODES[strictness] ?? mode;
};
const MODE_WORDS: readonly string[] = ADMISSION_MODES;

const withValues = (own: Parsed, { values }: LinkValues, mode: AdmissionMode): Parsed => {
  const options = Object.create(own.options) as Record<string, unknown>;
  const origins = new Map<keyof Options, Origin>(own.origins);
  for (const { key, value, origin } of values) {
    if (mode === 'Off' && key !== 'role' && isAnnotated(own, key)) continue;
    options[key] = value;
    origins.set(key, origin);
  }
  return { ...own, options: options as Options, origins };
};

const stateOf = (kind: 'place' | 'pending', { role, backend }: Place, { namespace, account }: Asker): readonly RoleProblem[] => {
  if (kind === 'pending') return [{ code: 'vault-role-pending', namespace, role: role.name, backend: backend.name }];
  const name = `${namespace}/${role.name}`;
  if (!binds(role, account)) return [{ code: 'vault-role-binding', role: name, account, bound: role.serviceAccounts }];
  switch (role.state) {
    case 'ready':
    case 'unknown':
      return [];
    case 'unready':
      return [{ code: 'vault-role-unready', role: name, reason: role.notReadyMessage }];
    case 'unprogrammed':
      return [{ code: 'vault-role-unprogrammed', role: name, reason: role.notReadyMessage }];
  }
};

/** Profile compat logs in with a token that the pod has, whatever its audience. */
const audienceOf = ({ options }: Parsed, { podToken }: Surroundings): readonly RoleProblem[] => {
  const token = options.tokenAudience === '' ? undefined : podToken(options);
  return token === undefined || token.audience === options.tokenAudience
    ? []
    : [{ code: 'vault-role-audience', ...token, required: options.tokenAudience }];
};

/** The short name of a role is no contradiction to its real one. What the TLS name is, follows from the address. */
const UNJUDGED: ReadonlySet<LinkedKey> = new Set(['role', 'tlsServerName']);

const conflictsOf = (own: Parsed, { place, values }: LinkValues, { backend }: Asker): readonly RoleProblem[] => {
  const found: RoleProblem[] = [];
  const conflict = (annotation: string, value: unknown, effective: unknown, object: string): void =>
    void found.push({ code: 'vault-role-conflict', annotation, value: String(value), effective: String(effective), object });
  for (const { key, value, origin } of values.filter((each: LinkedValue) => !UNJUDGED.has(each.key))) {
    const annotation = own.origins.get(key)?.annotation;
    const said = own.options[key] ?? '';
    if (annotation !== undefined && !isSame(said, value)) conflict(annotation, said, value, `${origin.layer} ${origin.object}`);
  }
  const annotation = own.origins.get('backend')?.annotation;
  const object = `VaultAuthRole ${place.role.namespace}/${place.role.name}`;
  if (annotation !== undefined && backend !== place.backend.name) conflict(annotation, backend, place.backend.name, object);
  return found;
};
