// Default templates, for secrets that bring none of their own.
import type { FORMATS } from '../annotations/own.ts';

export type Format = (typeof FORMATS)[number];

/** The values of either version of the KV engine: version 2 wraps them in data, beside metadata. */
const eachValue = (path: string, line: string): string =>
  `{{ with secret "${path}" }}{{ $values := .Data }}{{ if and .Data.data .Data.metadata }}{{ $values = .Data.data }}{{ end }}` +
  `{{ range $k, $v := $values }}${line}\n{{ end }}{{ end }}`;

const TEMPLATES: Readonly<Record<Format, (path: string) => string>> = {
  // These two are vault-k8s' own, to the letter.
  map: (path) => `{{ with secret "${path}" }}{{ range $k, $v := .Data }}{{ $k }}: {{ $v }}\n{{ end }}{{ end }}`,
  json: (path) => `{{ with secret "${path}" }}{{ .Data | toJSON }}\n{{ end }}`,
  kv2: (path) => `{{ with secret "${path}" }}{{ range $k, $v := .Data.data }}{{ $k }}: {{ $v }}\n{{ end }}{{ end }}`,
  // A JSON text is a quoted value in dotenv files and in YAML alike, whatever characters it has.
  dotenv: (path) => eachValue(path, '{{ $k }}={{ $v | toJSON }}'),
  properties: (path) => eachValue(path, '{{ $k }}={{ $v }}'),
  yaml: (path) => eachValue(path, '{{ $k }}: {{ $v | toJSON }}'),
};

/**
 * The default template for a path. The path goes in as it is: `pki/issue/web" "common_name=web` is a known way to give
 * parameters.
 */
export function defaultTemplate(format: Format, path: string): string {
  return TEMPLATES[format](path);
}
