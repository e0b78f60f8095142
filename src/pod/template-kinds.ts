// Where objects of known kinds keep their pod templates.

/** A kind that injection can change although its API may refuse the result. */
export interface TemplateNote {
  readonly sentence: string;
  readonly remedy: string;
}

interface KindRow {
  /** API groups that have the kind; other groups have other kinds of the same name. */
  readonly groups: readonly string[];
  readonly template: readonly string[];
  /** An object of this kind can have a reference in place of the template. */
  readonly isOptional?: boolean;
  readonly note?: TemplateNote;
}

/** The API group of v1. */
export const CORE = '';
const TEMPLATE = ['spec', 'template'];
const KNATIVE: TemplateNote = {
  sentence: 'Knative refuses fields of the agent, such as restartPolicy of an init container, in its own objects',
  remedy: 'apply the original manifest: the webhook injects the pods of its revisions',
};

/** Known kinds, by name. */
export const KINDS: Readonly<Record<string, readonly KindRow[]>> = {
  Pod: [{ groups: [CORE], template: [] }],
  PodTemplate: [{ groups: [CORE], template: ['template'] }],
  ReplicationController: [{ groups: [CORE], template: TEMPLATE }],
  Deployment: [{ groups: ['apps', 'extensions'], template: TEMPLATE }],
  ReplicaSet: [{ groups: ['apps', 'extensions'], template: TEMPLATE }],
  DaemonSet: [{ groups: ['apps', 'extensions', 'apps.kruise.io'], template: TEMPLATE }],
  StatefulSet: [{ groups: ['apps', 'apps.kruise.io'], template: TEMPLATE }],
  Job: [{ groups: ['batch'], template: TEMPLATE }],
  CronJob: [{ groups: ['batch'], template: ['spec', 'jobTemplate', 'spec', 'template'] }],
  CloneSet: [{ groups: ['apps.kruise.io'], template: TEMPLATE }],
  DeploymentConfig: [{ groups: ['apps.openshift.io'], template: TEMPLATE, isOptional: true }],
  Rollout: [{ groups: ['argoproj.io'], template: TEMPLATE, isOptional: true }],
  ScaledJob: [{ groups: ['keda.sh'], template: ['spec', 'jobTargetRef', 'template'] }],
  Service: [{ groups: ['serving.knative.dev'], template: TEMPLATE, note: KNATIVE }],
  Configuration: [{ groups: ['serving.knative.dev'], template: TEMPLATE, note: KNATIVE }],
  Revision: [{ groups: ['serving.knative.dev'], template: [], note: KNATIVE }],
};
