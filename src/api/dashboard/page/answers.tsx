/** The answers of `/v1`, as far as the page reads them. */

export interface Live extends Routed {
  readonly version: string
  readonly generation: number
  readonly since: string
  /** Absent: it holds now. */
  readonly until?: string
  /** The key of the person who did it, where there are keys. */
  readonly actor?: string
  readonly previous: string | null
  /** What was live until this move; only in the history. */
  readonly before?: string | null
  /** The cause of the move: start, trainer, rollback or promote. */
  readonly by: string
  readonly reason: string
}

export interface Routed {
  readonly canary?: { readonly version: string; readonly share: number }
  readonly shadow?: { readonly version: string }
}

/** Answers of a trial that feedback has judged. */
export interface Arm {
  readonly judged: number
  readonly error: number | null
}

/** A version before it goes live. */
export interface Trial {
  readonly version: string
  readonly kind: string
  readonly share?: number
  /** `policy`: it decides. `person`: a person ends it. */
  readonly by: string
  readonly reason: string
  readonly since?: string
  readonly candidate: Arm
  readonly live: Arm
  readonly compared?: number
  readonly agreed?: number
  readonly waiting?: string
}

export interface Model {
  readonly model: string
  readonly base: string
  readonly method: string
  readonly task: string
  /** The task's name for the share of right answers. */
  readonly score: { readonly name: string; readonly meaning: string }
  readonly headline: Headline
  readonly labels?: readonly string[]
  readonly live: Live | null
  readonly trainer: Partial<Coded> & {
    readonly state: string
    readonly learning?: { readonly step: number; readonly of: number; readonly seconds?: number }
  }
  readonly lag: number
  readonly lag_unknown?: readonly string[]
  readonly pending: number
  readonly faults?: readonly (Partial<Coded> & { readonly fix?: string })[]
  readonly trial?: Trial
  readonly drift?: { readonly alarms: number; readonly last: string | null }
  readonly counts: {
    readonly learned: number
    readonly rejected: number
    readonly set_aside?: number
    readonly quarantined?: number
    /** Came before anything was learned: in no score. */
    readonly unanswered?: number
  }
  readonly prequential: Scores
  readonly judged_by?: string
  /** Absent until its trainer has reported it. */
  readonly quality?: object
  /** Of the live version, on examples that nothing trains on. */
  readonly held_out?: { readonly count: number; readonly accuracy: number; readonly loss: number }
  /** Quality of the answers of the live version; absent until one is judged. */
  readonly served?: {
    readonly count: number
    readonly error: number
    readonly parts?: { readonly slice_gap?: SliceGap }
  }
}

/** How good the model is in one number. */
export interface Headline {
  readonly name: string
  readonly meaning: string
  /** Higher: a share. Lower: an error or a loss. */
  readonly better: 'higher' | 'lower'
  /** Null until an example was judged. */
  readonly recent: number | null
  readonly all: number | null
  readonly baseline?: { readonly name: string; readonly recent: number }
}

export interface Scores {
  readonly count: number
  readonly accuracy: number
  readonly accuracy_recent: number
}

export interface Coded {
  readonly code: string
  readonly message: string
}

export interface Version {
  readonly version: string
  readonly parent: string | null
  readonly created: string
  readonly events: number
  readonly events_new: number
  readonly steps: number
  readonly scores: Scores & { readonly loss: number }
  /** Where the headline is not the score. */
  readonly headline?: { readonly value: number }
  /** Positions of its new events. */
  readonly span?: readonly {
    readonly source: string
    readonly partition: string
    readonly from: string
    readonly to: string
  }[]
  readonly served?: {
    readonly count: number
    readonly error: number
    readonly parts?: { readonly strata: readonly ServedStratum[] }
  }
  /** How far its texts are from those of the base. */
  readonly kl?: { readonly per_token: number }
  readonly slice_gap?: SliceGap
  readonly decision: string
  readonly reason: string
  /** The rollback that took it back. */
  readonly undone_by?: { readonly to: string; readonly since: string; readonly reason: string }
  readonly live: boolean
  readonly removed: boolean
  readonly pinned: boolean
}

export interface ServedStratum {
  readonly name: string
  readonly count: number
  readonly error: number
}

export interface Page<Item> {
  readonly items: readonly Item[]
  readonly next: string | undefined
}

export interface Source {
  readonly source: string
  readonly count: number
  readonly accuracy_recent: number
}

export interface Slice {
  readonly slice: string
  readonly count: number
  readonly accuracy_recent: number
}

/** The widest difference between two slices, in percentage points. */
export interface SliceGap {
  readonly best: string
  readonly worst: string
  readonly points: number
  /** Above 0 it is no chance. */
  readonly low: number
  readonly high: number
}

/** A stratum of a classification; other tasks have numbers only. */
export interface Stratum {
  readonly label: string
  readonly support: number
  readonly precision: number | null
  readonly recall: number | null
  /** The last two: since the model was created, and absent until there are enough examples. */
  readonly recall_best?: number
  readonly forgetting?: number
}

export interface Quality {
  readonly [ofTask: string]: unknown
  readonly sources: readonly Source[]
  readonly slices?: readonly Slice[]
  readonly slice_gap?: SliceGap
  readonly labels?: readonly Stratum[]
  readonly other_labels?: { readonly labels: number }
  /** Losses of written texts. */
  readonly completions?: TextLosses
  readonly pairs?: PairOrder
  readonly ratings?: { readonly events: number; readonly up: number; readonly up_recent: number }
  readonly answers?: TextForms
  /** The mean over labels. */
  readonly forgetting?: number
  readonly calibration?: Calibration
  readonly sure?: Sure
  readonly confusion?: {
    readonly labels: readonly string[]
    readonly counts: readonly (readonly number[])[]
  }
}

export interface TextLosses {
  readonly events: number
  readonly token_loss: number
  readonly token_loss_recent: number
  readonly perplexity: number
  readonly perplexity_recent: number
}

export interface PairOrder {
  readonly events: number
  readonly reward_accuracy: number
  readonly reward_accuracy_recent: number
}

/** The form of the answers that feedback judged. */
export interface TextForms {
  readonly events: number
  readonly characters_recent: number
  readonly repetition_recent: number
}

/** The calibration of recent answers. */
export interface Calibration {
  /** Answers that it was measured on. */
  readonly events: number
  readonly ece: number
  readonly ece_uncalibrated?: number
  readonly temperature?: number
}

/** `accuracy` is null where no answer was sure. */
export interface Sure {
  readonly threshold: number
  readonly coverage: number
  readonly accuracy: number | null
}

export interface Letter extends Partial<Coded> {
  readonly id: number
  readonly code: string
  readonly reason: string
  readonly time: string
}

export interface Aside {
  readonly source: string
  readonly id: string
  readonly was: string
  readonly label?: string
  readonly relearning?: boolean
}

export interface Quarantine {
  readonly quarantine: readonly (Pick<Aside, 'source' | 'id' | 'label'> & {
    /** outlier, hostile, over-share or over-daily */
    readonly why: string
    readonly releasing?: boolean
  })[]
  /** Sources that the others contradict; 0 = their examples weigh nothing. */
  readonly distrusted: readonly { readonly source: string; readonly trust: number }[]
}

export interface Fleet {
  readonly replica: string
  readonly shared: boolean
  readonly members: readonly {
    readonly replica: string
    readonly role: string
    readonly seen: string
    readonly models: readonly { readonly model: string; readonly version: string }[]
  }[]
  readonly models: readonly {
    readonly model: string
    readonly lease: { readonly holder: string } | null
    readonly config_differs?: readonly string[]
  }[]
  readonly problem?: Coded
}

export interface AuditRecord {
  readonly time: string
  readonly key: string
  readonly method: string
  readonly path: string
  readonly request: string
  readonly status: number
  readonly code?: string
  readonly body?: { readonly reason?: unknown }
}

/** The receipt of an event. */
export interface Receipt extends Partial<Coded> {
  readonly source: string
  readonly state: string
  readonly waiting_for?: string
  readonly version?: string
  readonly weight?: number
  readonly slice?: string
  readonly time?: string
  readonly fix?: string
  readonly rollback?: { readonly to: string; readonly since: string; readonly reason: string }
}

export interface ForgetRequest {
  readonly request: string
  readonly state: string
  readonly blocked?: { readonly code: string }
  readonly waiting_for?: string
  readonly events?: number
  readonly learned_again?: number
  readonly left?: number
  readonly certificate?: {
    readonly asked: Readonly<Record<string, string>>
    readonly reason?: string
    readonly by?: string
    readonly completed_at?: string
    readonly erased: { readonly events?: number }
    readonly versions: {
      readonly retired: readonly string[]
      readonly rebuilt?: { readonly version: string }
    }
  }
}

/** Lines of each slice or each source, the one with the most examples first. */
export interface PartLines {
  readonly timesMs: readonly number[]
  readonly lines: readonly {
    readonly name: string
    readonly count: number
    readonly values: readonly (number | null)[]
  }[]
}

/** A point of the line. */
export interface Sample {
  readonly timeMs: number
  /** The headline; null before there is one. */
  readonly value: number | null
  readonly baseline: number | null
  readonly count: number
  readonly lag: number
  readonly pending: number
  readonly version: string | null
  readonly generation: number | null
  readonly alarms: number
  readonly state: string
}

/** The score of one version on rows with known answers. */
export interface VersionScore extends Estimate {
  readonly version: string
  /** Absent: answers are no labels. */
  readonly strata?: readonly (Pick<Stratum, 'recall' | 'precision'> & {
    readonly name: string
    readonly count: number
  })[]
  readonly confusion?: readonly {
    readonly said: string
    readonly right: string
    readonly count: number
  }[]
}

/** Without an interval where the rows are too few. */
export interface Estimate {
  readonly mean: number
  readonly low?: number
  readonly high?: number
}

export interface Evaluated {
  readonly rejected: readonly (Coded & { readonly index: number; readonly fix?: string })[]
  readonly report: {
    readonly measure: string
    readonly rows: number
    readonly version?: VersionScore
    readonly against?: VersionScore
    readonly difference?: Estimate & {
      readonly verdict: string
      readonly better: number
      readonly worse: number
    }
  }
  /** Sent back with the next rows. */
  readonly tally: object
}
