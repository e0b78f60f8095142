// The annotation vaultauth.dev/inject, from the pod to the decision.
import { admit, podWith, type Result } from '../../support/pods.ts';

const REQUEST = 'vault.hashicorp.com/agent-inject';
const admitted = (annotations: Readonly<Record<string, string>>): Result => {
  const asked = podWith({ annotations });
  return admit(asked, { command: 'webhook' });
};

test('requests injection as the label does', () => {
  const { outcome, codes } = admitted({ 'vaultauth.dev/inject': 'enabled' });
  expect([outcome.decision, codes]).toEqual(['injected', []]);
});

test.each([
  [{ [REQUEST]: 'false', 'vaultauth.dev/inject': 'enabled' }, 'annotation-conflict'],
  [{ 'vaultauth.dev/inject': 'disabled' }, 'annotation-conflict'],
  [{ 'vaultauth.dev/inject': 'yes' }, 'annotation-value'],
])('%p is denied as contradictory', (annotations, code) => {
  const { outcome, codes } = admitted(annotations);
  expect([outcome.decision, outcome.reason, codes]).toEqual(['denied', 'pod-annotation-invalid', [code]]);
});
