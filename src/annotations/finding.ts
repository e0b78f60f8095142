// What can be wrong with annotations, as data. Sentences and remedies are in the catalogue of problems (admission/problems).
import type { AnnotationLayer } from './row.ts';

export type AnnotationFinding =
  | {
      readonly code: 'annotation-value';
      readonly annotation: string;
      readonly value: string;
      readonly wanted: string;
      /** A value that could stand there. */
      readonly example: string;
    }
  | { readonly code: 'annotation-conflict'; readonly annotation: string; readonly other: string }
  | { readonly code: 'annotation-unknown'; readonly annotation: string; readonly nearest: string | undefined }
  | { readonly code: 'annotation-deprecated'; readonly annotation: string; readonly because: string }
  | { readonly code: 'annotation-empty'; readonly annotation: string }
  | {
      readonly code: 'annotation-layer';
      readonly annotation: string;
      readonly layer: AnnotationLayer;
      /** Where alone it counts. */
      readonly only: AnnotationLayer;
    }
  | { readonly code: 'secret-collision'; readonly annotation: string; readonly other: string; readonly file: string }
  | { readonly code: 'secret-ambiguous'; readonly annotation: string; readonly other: string; readonly name: string }
  | { readonly code: 'secret-undeclared'; readonly annotation: string; readonly name: string }
  | { readonly code: 'secret-escapes'; readonly annotation: string; readonly value: string }
  | { readonly code: 'secret-twice'; readonly annotation: string; readonly other: string; readonly name: string }
  | {
      readonly code: 'secret-containers';
      readonly annotation: string;
      readonly directory: string;
      /** Another secret of this directory; undefined: it is the common directory. */
      readonly other: string | undefined;
    }
  | { readonly code: 'secrets-unreadable'; readonly annotation: string; readonly because: string }
  | { readonly code: 'secret-field'; readonly annotation: string; readonly wanted: string }
  | {
      readonly code: 'secret-field-unknown';
      readonly annotation: string;
      readonly field: string;
      readonly nearest: string | undefined;
    }
  | { readonly code: 'containers-exclusive'; readonly annotation: string; readonly other: string };
