// The manifest of the VaultEndpoint "main", with the Secret of its token.
import { CONTROLLER_NAMESPACE } from '../bed/controller.ts';

/** The controller logs in with `token`, from the Secret of this name. The limits are far above what a test needs. */
export function endpointManifest(address: string, token: string, secret: string): string {
  return `
apiVersion: v1
kind: Secret
metadata: { name: ${secret}, namespace: ${CONTROLLER_NAMESPACE} }
stringData: { token: "${token}" }
---
apiVersion: vaultauth.dev/v1alpha1
kind: VaultEndpoint
metadata: { name: main }
spec:
  address: ${address}
  allowPlainHTTP: true
  auth: { token: { secretRef: { name: ${secret} } } }
  limits: { requestsPerSecond: 200, burst: 200, maxInFlight: 8 }
`;
}
