/** Bounds of the feature state. At each there is a counter. */
export interface FeatureLimits {
  /** Entities of all kinds; beyond it, one not heard of for long goes for each new one. */
  readonly entitiesMax: number;
  /** Heap of strings, lists and windows beside the slab, about; beyond it, entities go. */
  readonly besideBytesMax: number;
  /** Values are kept this long after their event, or as long as a declaration's ages reach. */
  readonly retentionS: number;
  /** How far ahead of this clock an event may be. */
  readonly aheadMsMax: number;
  /** The last signals known by source and id; up to twice as many are held. */
  readonly signalsRemembered: number;
  /** Events kept for one `count` of one entity; more count as this many. */
  readonly windowEventsMax: number;
}

export const DEFAULT_FEATURE_LIMITS: FeatureLimits = {
  entitiesMax: 1_000_000,
  besideBytesMax: 512 * 1024 * 1024,
  retentionS: 90 * 86_400,
  aheadMsMax: 3_600_000,
  signalsRemembered: 100_000,
  windowEventsMax: 256,
};

/** Longest id of an entity, a signal or a source, in bytes of UTF-8. */
export const ID_BYTES_MAX = 512;
/** Longest `string`, in UTF-16 units. */
export const STRING_CHARS_MAX = 1_024;
/** Most items of `strings`. */
export const STRINGS_MAX = 64;
/** Longest item of `strings`, in UTF-16 units. */
export const ITEM_CHARS_MAX = 256;
/** Longest name of a feature, a signal type or an attribute, in UTF-16 units. */
export const NAME_CHARS_MAX = 200;
/** Most values of a `recent` or `open` feature. */
export const MADE_STRINGS_MAX = 1_000;
/** Longest age or window that can be declared: ten years. */
export const AGE_S_MAX = 315_360_000;
