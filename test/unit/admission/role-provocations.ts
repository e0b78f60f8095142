// Pods and objects that cause each problem between a pod and its VaultAuthRole, in mode Enforce.
import type { RoleProblem } from '../../../src/admission/roles/role-problems.ts';
import { backendSpec, linked, READY, NOT_ADMITTED, SEALED } from '../../support/linked-cluster.ts';
import type { Provocation } from './provocations.ts';

const STRICT = { main: backendSpec({ admission: { mode: 'Enforce' } }) };
const two = {
  api: { spec: { serviceAccounts: ['web'] }, status: READY },
  jobs: { spec: { serviceAccounts: ['web'] }, status: READY },
};
const web = linked({ backends: STRICT, roles: { web: { status: READY } } });

export const ROLE_PROVOCATIONS: { readonly [Code in RoleProblem['code']]: Provocation } = {
  'vault-role-missing': { pod: { annotations: { role: 'nope' } }, surrounding: web, remedy: { annotations: { role: 'web' } } },
  'vault-role-ambiguous': {
    pod: { annotations: { role: '' } },
    surrounding: linked({ backends: STRICT, roles: two }),
    remedy: { annotations: { role: 'api' } },
  },
  'vault-role-binding': {
    pod: { annotations: { role: 'web' }, spec: { serviceAccountName: 'worker', containers: [{ name: 'web' }] } },
    surrounding: web,
    remedy: { annotations: { role: 'web' } },
  },
  'vault-role-unprogrammed': {
    pod: { annotations: { role: 'web' } },
    surrounding: linked({ backends: STRICT, roles: { web: { status: NOT_ADMITTED }, api: two.api } }),
    remedy: { annotations: { role: 'api' } },
  },
  'vault-role-unready': {
    pod: { annotations: { role: 'web' } },
    surrounding: linked({ backends: STRICT, roles: { web: { status: SEALED }, api: two.api } }),
    remedy: { annotations: { role: 'api' } },
  },
  'vault-role-pending': {
    pod: { annotations: { role: 'web' } },
    surrounding: linked({
      backends: { main: backendSpec({ autoRoles: { mode: 'All', namespaceSelector: {} } }) },
      roles: { api: two.api },
    }),
    remedy: { annotations: { role: 'api' } },
  },
  'vault-role-conflict': {
    pod: { annotations: { role: 'web', 'auth-path': 'auth/other' } },
    surrounding: web,
    remedy: { annotations: { role: 'web' } },
  },
  'vault-role-audience': {
    pod: { annotations: { role: 'web', 'vaultauth.dev/profile': 'compat' } },
    surrounding: web,
    remedy: { annotations: { role: 'web', 'vaultauth.dev/profile': 'native' } },
  },
  'vault-object-missing': {
    pod: { annotations: { role: 'web', 'vaultauth.dev/backend': 'mian' } },
    surrounding: linked({
      backends: {
        ...STRICT,
        gone: backendSpec({ isDefault: false, endpointRef: { name: 'gone' }, admission: { mode: 'Enforce' } }),
      },
      roles: { web: { spec: { backendRef: { name: 'gone' } }, status: READY }, api: two.api },
    }),
    remedy: { annotations: { role: 'api' } },
  },
};
