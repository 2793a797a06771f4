/** The messages of the stream: inputs, feedback events, and the served predictions that they refer to. */
import type { EventIdentity, Json } from './core.ts'
import type { Payload } from './payload.ts'

/** What a model is asked about, of one of the kinds that its base reads. */
export type Input = Payload

export type ChatRole = 'system' | 'user' | 'assistant'

/** One of a conversation. A type: it is JSON. */
export type ChatMessage = Readonly<{ role: ChatRole; content: string }>

/** The content of an event: a signal of one of the kinds that the task takes, or a retraction. */
export type FeedbackSignal = Payload | Retraction

export type Retraction = Readonly<{
  kind: 'retract'
  /** Absent if the event names no source. */
  anySource?: true
  /** Then: sources that must sign, for which an event that names none does not speak. */
  exceptSources?: readonly string[]
  /** In a shard that is not the one of its id: if nothing here is meant, another shard has it. */
  passes?: true
  /** Retracts everything from its source, since a time. */
  all?: { readonly sinceMs?: number }
}>

export function isRetraction(signal: FeedbackSignal): signal is Retraction {
  return signal.kind === 'retract'
}

/** One message of the stream, validated. `source` + `id` is its identity, forever. */
export interface FeedbackEvent {
  readonly id: string
  readonly source: string
  readonly model?: string
  readonly input?: Input
  readonly predictionId?: string
  readonly signal: FeedbackSignal
  readonly weight: number
  readonly timeMs?: number
  /** The part of the population it speaks for, such as a region: scores and gates look at each part on its own. */
  readonly slice?: string
  /** The span that sent it (W3C Trace Context). Not part of its content; absent = it belongs to no trace. */
  readonly traceparent?: string
}

/** A served prediction, kept so that feedback can join it days later. */
export interface ServedPrediction {
  readonly id: string
  readonly input: Input
  readonly version: string
  /** The text of the answer, such as its label; '' if there was none. */
  readonly answer: string
  /** The answer as a sink writes it, such as { label }; absent after it was read back from disk. */
  readonly shown?: Readonly<Record<string, Json>>
  readonly timeMs: number
  /** The canary that had a share of the requests when it was made: `version` may be this one or the live one. */
  readonly canary?: string
  /**
   * During a trial, a hash of its request's key: the randomisation unit, such as a user. Absent = each request is one of its
   * own.
   */
  readonly unit?: string
  /** What the shadow would have answered; it was never returned. */
  readonly shadow?: ShadowAnswer
  /**
   * The request chose the version, not the routing: its feedback is learned, but does not count for or against a
   * version.
   */
  readonly pinned?: true
  /** A text that ended because it might be no longer, not because it was done. */
  readonly isCut?: true
  /** The events whose stored answers it was given: it is erased when they are forgotten. */
  readonly cited?: readonly CitedEvent[]
  /** The span of its request (W3C Trace Context): feedback on it belongs to that trace. */
  readonly traceparent?: string
}

/** `timeMs`: of the event; absent = unknown. */
export interface CitedEvent extends EventIdentity {
  readonly timeMs?: number
}

export interface ShadowAnswer {
  readonly version: string
  /** As the `answer` of a served prediction. */
  readonly answer: string
}
