{{/* Name of the webhook's objects, and the beginning of all other names. Leaves room for "-misplaced-annotation-cronjob". */}}
{{- define "vault-auth-injector.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 48 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 48 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 48 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "vault-auth-injector.controller" -}}
{{- printf "%s-controller" (include "vault-auth-injector.fullname" .) -}}
{{- end -}}

{{/* Labels by which Services, budgets and policies find the pods of a component: (list . "webhook"). They never change. */}}
{{- define "vault-auth-injector.selector" -}}
app.kubernetes.io/name: vault-auth-injector
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* Labels of an object: (list . "webhook"). */}}
{{- define "vault-auth-injector.labels" -}}
{{- include "vault-auth-injector.selector" . }}
{{- with (index . 0).Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "vault-auth-injector.image" -}}
{{- with .Values.image -}}
{{- if .registry }}{{ .registry }}/{{ end }}{{ .repository }}
{{- if .digest }}@{{ .digest }}{{ else }}:{{ default $.Chart.AppVersion .tag }}{{ end }}
{{- end -}}
{{- end -}}

{{/* Namespaces whose pods are never sent, with that of the release: the webhook must not depend on itself. JSON. */}}
{{- define "vault-auth-injector.excluded" -}}
{{- concat .Values.selection.excludedNamespaces (list .Release.Namespace) | uniq | toJson -}}
{{- end -}}

{{/* Namespaces of this installation, for a namespaceSelector: names that are not excluded, and the revision. */}}
{{- define "vault-auth-injector.namespaces" -}}
- key: kubernetes.io/metadata.name
  operator: NotIn
  values:
{{- range include "vault-auth-injector.excluded" . | fromJsonArray }}
    - {{ . }}
{{- end }}
- key: vaultauth.dev/revision
{{- if .Values.selection.revision }}
  operator: In
  values:
    - {{ .Values.selection.revision | quote }}
{{- else }}
  operator: DoesNotExist
{{- end }}
{{- end -}}

{{/* Whether this release has the CRDs: "true" or empty. */}}
{{- define "vault-auth-injector.crds" -}}
{{- if kindIs "bool" .Values.crds.enabled }}{{ if .Values.crds.enabled }}true{{ end }}
{{- else if .Values.controller.enabled }}true{{ end -}}
{{- end -}}

{{/* Environment from a map of settings, by flag: (list . "webhook" settings). */}}
{{- define "vault-auth-injector.settings" -}}
{{- $variables := (index . 0).Files.Get "files/settings.json" | fromJson -}}
{{- $command := index . 1 -}}
{{- range $flag, $value := index . 2 }}
- name: {{ index $variables $command $flag }}
  value: {{ if kindIs "slice" $value }}{{ join "," $value | quote }}{{ else }}{{ toString $value | quote }}{{ end }}
{{- end }}
{{- end -}}

{{/* What both Deployments have: (list . "webhook" values). */}}
{{- define "vault-auth-injector.scheduling" -}}
{{- $root := index . 0 -}}
{{- $values := index . 2 -}}
securityContext:
  runAsNonRoot: true
{{- if not $root.Values.openshift }}
  runAsUser: 65532
  runAsGroup: 65532
{{- end }}
  seccompProfile:
    type: RuntimeDefault
{{- with $root.Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
{{ toYaml . | indent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
{{ toYaml . | indent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity:
{{ toYaml . | indent 2 }}
{{- end }}
{{- if $values.topologySpread }}
topologySpreadConstraints:
{{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
{{ include "vault-auth-injector.selector" $ | indent 8 }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The token for the API server, as the kubelet mounts it. */}}
{{- define "vault-auth-injector.api-access" -}}
# The same content as the default token mount, but readable by this container's user only.
- name: api-access
  projected:
    sources:
      - serviceAccountToken:
          path: token
          expirationSeconds: 3607
      - configMap:
          name: kube-root-ca.crt
          items:
            - key: ca.crt
              path: ca.crt
      - downwardAPI:
          items:
            - path: namespace
              fieldRef:
                fieldPath: metadata.namespace
{{- end -}}

{{- define "vault-auth-injector.container-security" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end -}}

{{- define "vault-auth-injector.pod-identity" -}}
- name: NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
{{- end -}}
