// Profile compat: the pod that vault-k8s 1.7.6 gives, without its defects. Options → pieces → patch.
import { annotationName } from '../../annotations/name.ts';
import type { AnnotationFinding } from '../../annotations/finding.ts';
import type { Options, Parsed } from '../../annotations/parse.ts';
import { agentConfigs } from '../agent-config.ts';
import type { PodFinding } from '../finding.ts';
import { isObject, objectAt, objectsOf, textOf, type JsonObject } from '../manifest.ts';
import { patchBuilder, pointer, type PatchBuilder, type PatchOperation } from '../patch.ts';
import { secretFiles, type SecretFile } from '../secrets.ts';
import { securityContext } from '../security-context.ts';
import { telemetry, type Telemetry } from '../telemetry.ts';
import { awsTokenMount, tokenMount, type TokenMount } from '../token.ts';
import { AGENT_NAME, agentContainer, patchedContainer } from './container.ts';
import { environment } from './environment.ts';
import { patchMounts, placeContainers, placeVolumes } from './place.ts';
import {
  agentMounts,
  copiedMounts,
  HOME_DIRECTORY,
  secretMounts,
  shapeOf,
  volumes,
  type AgentKind,
  type Shape,
} from './volumes.ts';

export interface Injection {
  readonly patch: readonly PatchOperation[];
  /** Which agent containers the pod gets. */
  readonly kind: 'init_only' | 'sidecar_only' | 'init_and_sidecar';
  readonly problems: readonly (AnnotationFinding | PodFinding)[];
  readonly warnings: readonly (AnnotationFinding | PodFinding)[];
}

export interface OperatorInput {
  /** PEM of Vault's CA from the settings; empty for none. */
  readonly caBytes: string;
}

interface Draft {
  readonly pod: JsonObject;
  readonly parsed: Parsed;
  readonly shape: Shape;
  readonly problems: (AnnotationFinding | PodFinding)[];
  readonly warnings: (AnnotationFinding | PodFinding)[];
}

/** What has to be there before an agent can log in. A ConfigMap brings its own configuration. */
const checkRequired = ({ options, families }: Parsed, problems: PodFinding[]): void => {
  if ((options.agentImage ?? '') === '') problems.push({ code: 'image-missing' });
  if (options.agentConfigmap !== '') return;
  if ((options.service ?? '') === '') problems.push({ code: 'address-missing' });
  const role = options.role === '' ? (families.authConfig.get('role')?.value ?? '') : options.role;
  if (options.authType === 'kubernetes' && role === '') problems.push({ code: 'role-missing' });
};

const isFinding = (value: object): value is PodFinding => 'code' in value;

/** Keeps a value, or notes why there is none. */
const keep = <T extends object>(value: T | PodFinding | undefined, draft: Draft): T | undefined => {
  if (value === undefined || !isFinding(value)) return value;
  draft.problems.push(value);
  return undefined;
};

const tokensOf = (draft: Draft): readonly TokenMount[] => {
  const token = keep(tokenMount(draft.pod, draft.parsed.options), draft);
  const aws = draft.parsed.options.authType === 'aws' ? awsTokenMount(draft.pod) : undefined;
  if (!token) return [];
  return aws && aws.directory !== token.directory ? [token, aws] : [token];
};

const copiedOf = (draft: Draft): readonly JsonObject[] => {
  const container = draft.parsed.options.agentCopyVolumeMounts;
  if (container === '') return [];
  const mounts = copiedMounts(draft.pod, container);
  if (!mounts)
    draft.warnings.push({ code: 'container-unknown', annotation: originOf(draft.parsed, 'agentCopyVolumeMounts'), container });
  return mounts ?? [];
};

const originOf = (parsed: Parsed, key: keyof Options): string => parsed.origins.get(key)?.annotation ?? annotationName(key);

/** Two mounts of one path cannot be; the earlier one, which the agent needs, stays. */
const uniquePaths = (mounts: readonly JsonObject[]): JsonObject[] => {
  const seen = new Set<string>();
  return mounts.filter((mount) => {
    const path = textOf(mount, 'mountPath') ?? '';
    const isNew = !seen.has(path);
    seen.add(path);
    return isNew;
  });
};

const PATCH_KEY = { init: 'agentInitJsonPatch', sidecar: 'agentJsonPatch' } as const;

const encode = (document: JsonObject): string => Buffer.from(JSON.stringify(document), 'utf8').toString('base64');

/** The agent containers, patched as the user wishes. */
const agents = (
  draft: Draft,
  files: readonly SecretFile[],
  block: Telemetry['block'],
  caBytes: string,
): Map<AgentKind, JsonObject> => {
  const { pod, parsed, shape } = draft;
  const { options, families, origins } = parsed;
  const tokens = tokensOf(draft);
  const copied = copiedOf(draft);
  const context = keep(securityContext(pod, options, origins), draft);
  const [token] = tokens;
  const made = new Map<AgentKind, JsonObject>();
  if (!token) return made;
  const kinds: readonly AgentKind[] = [
    ...(shape.init ? (['init'] as const) : []),
    ...(shape.sidecar ? (['sidecar'] as const) : []),
  ];
  const tokenPath = `${token.directory.replace(/\/+$/, '')}/${token.file}`;
  const { authConfig } = families;
  const configs =
    options.agentConfigmap === ''
      ? agentConfigs({ options, authConfig, files, tokenPath, telemetry: block, home: HOME_DIRECTORY })
      : undefined;
  const twin = shape.init && shape.sidecar;
  for (const kind of kinds) {
    const config = configs && encode(configs({ init: kind === 'init', twin }));
    const container = agentContainer(kind, {
      options,
      environment: environment({ options, authConfig, caBytes, config }, pod),
      mounts: uniquePaths(agentMounts(kind, { options, shape, tokens, copied })),
      securityContext: context,
    });
    const key = PATCH_KEY[kind];
    const patched = keep(patchedContainer(container, options[key] ?? [], originOf(parsed, key)), draft);
    if (patched) made.set(kind, patched);
  }
  return made;
};

/** Containers that get the secrets: those that are named, or all; init containers always do. */
const checkNames = (draft: Draft): ReadonlySet<string> | undefined => {
  const wanted = draft.parsed.options.agentInjectContainers;
  if (!wanted) return undefined;
  const known = new Set(objectsOf(objectAt(draft.pod, 'spec')?.['containers']).map((container) => textOf(container, 'name')));
  const annotation = originOf(draft.parsed, 'agentInjectContainers');
  for (const container of wanted)
    if (!known.has(container)) draft.warnings.push({ code: 'container-unknown', annotation, container });
  return new Set(wanted);
};

const shareProcessNamespace = (draft: Draft, builder: PatchBuilder): void => {
  const wanted = draft.parsed.options.agentShareProcessNamespace;
  const current = objectAt(draft.pod, 'spec')?.['shareProcessNamespace'];
  if (wanted === undefined || wanted === current) return;
  if (wanted && current === false) draft.problems.push({ code: 'process-namespace-refused' });
  else if (!wanted && current === true) draft.warnings.push({ code: 'process-namespace-kept' });
  else builder.set('/spec', true, 'shareProcessNamespace', wanted);
};

const markInjected = (draft: Draft, builder: PatchBuilder): void => {
  const annotation = originOf(draft.parsed, 'agentInjectStatus');
  if (draft.parsed.options.agentInjectStatus === STATUS_INJECTED) return;
  builder.set(
    pointer('metadata', 'annotations'),
    isObject(objectAt(draft.pod, 'metadata')?.['annotations']),
    annotation,
    STATUS_INJECTED,
  );
};

/** Value of the status annotation of a pod that has its agent. */
export const STATUS_INJECTED = 'injected';

/** Everything that profile compat adds to a pod, or everything that is in the way. The pod is not changed. */
export const injectCompat = (pod: JsonObject, parsed: Parsed, operator: OperatorInput): Injection => {
  const { options, families } = parsed;
  const secrets = secretFiles(families, options);
  const measured = telemetry(families.telemetry);
  const draft: Draft = {
    pod,
    parsed,
    shape: shapeOf(options, secrets.files),
    problems: [...parsed.problems, ...secrets.problems, ...measured.problems],
    warnings: [...parsed.warnings, ...secrets.warnings, ...measured.warnings],
  };
  const { shape } = draft;
  if (!shape.init && !shape.sidecar)
    draft.problems.push({
      code: 'containers-exclusive',
      annotation: originOf(parsed, 'agentPrePopulate'),
      other: originOf(parsed, 'agentPrePopulateOnly'),
    });
  checkRequired(parsed, draft.problems as PodFinding[]);
  const made = agents(draft, secrets.files, measured.block, operator.caBytes);
  const chosen = checkNames(draft);
  const builder = patchBuilder();
  draft.problems.push(...placeVolumes(pod, volumes(options, shape), builder));
  draft.problems.push(
    ...patchMounts(pod, uniquePaths(secretMounts(options, shape)), { chosen, initContainers: shape.init }, builder),
  );
  shareProcessNamespace(draft, builder);
  draft.problems.push(
    ...placeContainers(
      pod,
      made,
      {
        first: options.agentInitFirst,
        wasInjected: options.agentInjectStatus !== undefined,
        isCurrent: options.agentInjectStatus === STATUS_INJECTED,
      },
      builder,
    ),
  );
  markInjected(draft, builder);
  const kind = shape.init ? (shape.sidecar ? 'init_and_sidecar' : 'init_only') : 'sidecar_only';
  return { patch: builder.operations, kind, problems: draft.problems, warnings: draft.warnings };
};

/** Names of the agent containers of this profile. */
export const COMPAT_AGENTS: ReadonlySet<string> = new Set(Object.values(AGENT_NAME));
