// Every file that is printed from the sources and committed.
import { annotationsDocument } from './annotations.ts';
import { chartDocuments } from './chart.ts';
import { checksDocument } from './checks.ts';
import { crdDocuments } from './crds.ts';
import type { Document } from './markdown.ts';
import { meshesDocument } from './meshes.ts';
import { metricsDocument } from './metrics.ts';
import { monitoringDocuments } from './monitoring.ts';
import { nativeDifferencesDocument } from './native-differences.ts';
import { policyDocuments } from './policies.ts';
import { problemsDocument } from './problems.ts';
import { resourcesDocument } from './resources.ts';
import { rightsDocument } from './rights.ts';
import { roomsDocument } from './rooms.ts';
import { settingsDocument } from './settings.ts';

/** All generated files, fresh. */
export function documents(): readonly Document[] {
  return [
    annotationsDocument(),
    settingsDocument(),
    problemsDocument(),
    resourcesDocument(),
    metricsDocument(),
    meshesDocument(),
    nativeDifferencesDocument(),
    roomsDocument(),
    checksDocument(),
    rightsDocument(),
    ...chartDocuments(),
    ...monitoringDocuments(),
    ...policyDocuments(),
    ...crdDocuments(),
  ];
}
