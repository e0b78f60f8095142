// Whether a policy in Vault is still what this object has put there, or taken over, before it is deleted.
import { createHash } from 'node:crypto';
import type { VaultACLPolicy } from '../../resources/acl-policy.ts';
import { isMarked, policyText, withoutMark } from '../../resources/policy-text.ts';

/**
 * Why it is somebody else's; undefined: it is ours. The mark decides where there is one. Without a mark (JSON has none, and what
 * was taken over as it was keeps its own text) it has to be the text that this object stands for.
 */
export function strangerOf(policy: VaultACLPolicy, got: string): string | undefined {
  if (isMarked(policy, got)) return undefined;
  if (withoutMark(got) !== got)
    return `its first line says that it is another object's (${got.split('\n', 1)[0]?.slice(0, 256)})`;
  return isDeclared(policy, got) || hashOf(got) === policy.status?.textHash
    ? undefined
    : 'it has neither the mark nor the text of this object';
}

/** With the accessors that were put in: a backend may be gone by now. */
const isDeclared = (policy: VaultACLPolicy, got: string): boolean => {
  const accessors = new Map(policy.status?.accessors?.map(({ backend, accessor }) => [backend, accessor]));
  const text = policyText(policy, (name) => accessors.get(name));
  return text.ok && withoutMark(text.text).trim() === got.trim();
};

const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');
