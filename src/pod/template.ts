// Default templates, for secrets that bring none of their own.
import type { Options } from '../annotations/parse.ts';

const TEMPLATES: Readonly<Record<Options['agentInjectDefaultTemplate'], (path: string) => string>> = {
  map: (path) => `{{ with secret "${path}" }}{{ range $k, $v := .Data }}{{ $k }}: {{ $v }}\n{{ end }}{{ end }}`,
  json: (path) => `{{ with secret "${path}" }}{{ .Data | toJSON }}\n{{ end }}`,
};

/**
 * The default template for a path, as vault-k8s writes it. The path goes in as it is: `pki/issue/web" "common_name=web` is a
 * known way to give parameters.
 */
export const defaultTemplate = (name: Options['agentInjectDefaultTemplate'], path: string): string => TEMPLATES[name](path);
