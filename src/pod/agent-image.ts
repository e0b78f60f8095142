// What the name of an agent image reveals about its programs: a review cannot read the image itself.
import { programOf } from './agent.ts';
import type { Draft } from './draft.ts';
import type { PodProblem } from './pod-problems.ts';

/**
 * - `shell`: an official image with a shell, or a mirror of one.
 * - `bare`: an image without a shell, such as OpenBao's distroless images and images FROM scratch.
 * - `unknown`: any other image. Only the agent's own program is certain.
 */
export type ImageTools = 'shell' | 'bare' | 'unknown';

/** Last parts of the repositories of official images, built on Alpine or UBI, and the program that each has. */
const OFFICIAL: ReadonlyMap<string, 'vault' | 'bao'> = new Map([
  ['vault', 'vault'],
  ['vault-enterprise', 'vault'],
  ['vault-enterprise-fips', 'vault'],
  ['bao', 'bao'],
  ['openbao', 'bao'],
  ['openbao-ubi', 'bao'],
  ['openbao-hsm', 'bao'],
  ['openbao-hsm-ubi', 'bao'],
]);

/** Registries of hardened images, which have the names of the official images and often no shell. */
const HARDENED_REGISTRIES: ReadonlySet<string> = new Set(['cgr.dev', 'dhi.io']);

const DEBUG = /(?:^|[-_.])(?:debug|busybox)(?:[-_.]|$)/i;
const BARE = /(?:^|[-_.])(?:distroless|scratch)(?:[-_.]|$)/i;
const HARDENED = /(?:^|[-_.])(?:static|nonroot|hardened)(?:[-_.]|$)/i;

interface Reference {
  readonly parts: readonly string[];
  readonly name: string;
  readonly tag: string;
}

const referenceOf = (image: string): Reference => {
  const parts = (image.split('@')[0] ?? '').split('/');
  const [name = '', tag = ''] = (parts.at(-1) ?? '').split(':');
  return { parts: parts.slice(0, -1), name, tag };
};

/** Reads a reference such as `registry.example:5000/openbao/openbao-distroless:2.6.0@sha256:…`. */
export function imageTools(image: string): ImageTools {
  const { parts, name, tag } = referenceOf(image);
  const isDebug = DEBUG.test(tag);
  if ([...parts, name, tag].some((part) => BARE.test(part))) return isDebug ? 'unknown' : 'bare';
  if (HARDENED_REGISTRIES.has(parts[0] ?? '') || [name, tag].some((part) => HARDENED.test(part))) return 'unknown';
  return OFFICIAL.has(name) ? 'shell' : 'unknown';
}

/** Commands of secrets for which the agent needs a shell: those with arguments. It runs a single word directly. */
export function shellCommands({ parsed: { options, families }, files }: Draft): readonly PodProblem[] {
  const image = options.agentImage ?? '';
  if (imageTools(image) !== 'bare') return [];
  return files
    .filter(({ command }) => /\S\s+\S/.test(command))
    .map(({ name }) => ({
      code: 'shell-missing',
      image,
      need: 'command',
      annotation: families.command.get(name)?.annotation ?? '',
    }));
}

/** An official image of the other product: its agent would never start. An annotation or setting that names the program is right. */
export function otherProduct({ parsed: { options } }: Draft): readonly PodProblem[] {
  const image = options.agentImage ?? '';
  const program = OFFICIAL.get(referenceOf(image).name.replace(/-distroless$/, ''));
  if (program === undefined || options.agentBinary !== undefined || program === programOf(options)) return [];
  return [{ code: 'program-missing', image, program: programOf(options), flavour: program === 'bao' ? 'openbao' : 'vault' }];
}
