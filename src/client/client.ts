/**
 * `import { openClient } from 'antikythera/client'`: a daemon over HTTP, with the types of its answers.
 *
 *   const client = openClient({ url: 'http://127.0.0.1:8080' })
 *   const { predictions } = await client.model('sentiment').predict(['what a lovely phone'])
 *   await client.model('sentiment').feedback({ prediction_id: predictions[0].id, label: 'positive' })
 */
import type { Json } from '../contracts/core.ts'
import type {
  FeedbackAnswer,
  AsidePage,
  AuditPage,
  Comparison,
  DropAnswer,
  Evaluation,
  Fleet,
  ForgetAccepted,
  ForgetForecast,
  ForgetRequest,
  ForgetRequests,
  Letter,
  Letters,
  Model,
  Models,
  Move,
  MovePage,
  PauseAnswer,
  Pin,
  Pins,
  Practice,
  Predictions,
  Quality,
  Ranking,
  QuarantinePage,
  Receipt,
  ResendAnswer,
  Routing,
  SelectionAnswer,
  SourceWorths,
  Version,
  VersionPage,
} from './answers.ts'
import { openHttp, type Lines, type ClientOptions, type Http } from './http.ts'
import type { EvaluateBody } from './schemas/evaluate.ts'
import type { ForgetBody } from './schemas/forget.ts'
import type {
  CanaryBody,
  EndTrialBody,
  PromoteBody,
  RollbackBody,
  ShadowBody,
} from './schemas/moves.ts'
import type { Immutable, PageQuery } from './schemas/parts.ts'
import type { PracticeBody } from './schemas/practice.ts'
import type { PredictBody } from './schemas/predict.ts'

export type * from './answers.ts'
export type { ClientOptions } from './http.ts'

/** Every call throws the daemon's coded error, or `CONNECTION_FAILED`. */
export interface Client {
  readonly http: Http
  models(): Promise<Models>
  model(name: string): ModelClient
  fleet(): Promise<Fleet>
  audit: (query?: PageQuery) => Promise<AuditPage>
}

export type ModelClient = ReturnType<typeof modelAt>

/** What is ranked, and in which context; `candidates`: `{ id, input }` of each. */
export interface RankedChoice {
  readonly context: Json
  readonly candidates: readonly Json[]
  /** The number of items that are shown. */
  readonly top?: number
  readonly seed?: string
  readonly version?: string
  readonly key?: string
}

/** Which events: all that it does not exclude. */
export interface Selection {
  readonly id?: string
  readonly source?: string
  readonly label?: string
  readonly since?: string
  readonly from?: string
  readonly reason?: string
}

/** Exactly one of them; `before` goes on with the next page. */
export interface LetterChoice {
  readonly ids?: readonly number[]
  readonly code?: string
  readonly all?: true
  readonly before?: string
}

export function openClient(options: ClientOptions): Client {
  const http = openHttp(options)
  return {
    http,
    models: () => http('GET', '/v1/models'),
    model: (name) => modelAt(http, name),
    fleet: () => http('GET', '/v1/fleet'),
    audit: (query) => http('GET', withQuery('/v1/audit', query)),
  }
}

function modelAt(http: Http, name: string) {
  const at = (...parts: readonly string[]) =>
    ['/v1/models', name, ...parts]
      .map((part, k) => (k === 0 ? part : encodeURIComponent(part)))
      .join('/')
  const get = async <Answer>(parts: readonly string[], query?: object) =>
    http<Answer>('GET', withQuery(at(...parts), query))
  const post = async <Answer>(body: object | Lines, ...parts: readonly string[]) =>
    http<Answer>('POST', at(...parts), body)
  return {
    name,
    /** `wait_for`: answers when what feedback was given up to this position is learned. */
    describe: async (query?: { readonly wait_for?: string }) => get<Model>([], query),
    quality: async () => get<Quality>(['quality']),
    /** What each source is worth: exact, for closed forms with exact sums. */
    sources: async () => get<SourceWorths>(['sources']),
    predict: async (inputs: readonly Json[], more: Immutable<Omit<PredictBody, 'inputs'>> = {}) =>
      post<Predictions>({ inputs, ...more }, 'predict'),
    /** `candidates`: `{ id, input }` of each. */
    rank: async (body: RankedChoice) => post<Ranking>(body, 'rank'),
    /** One event, `{ events }`, or lines of events as JSON. */
    feedback: async (events: object | Lines) => post<FeedbackAnswer>(events, 'feedback'),
    /** A language model answers several times, and learns what its answers are worth. */
    practice: async (
      body: Omit<PracticeBody, 'input' | 'facts'> & { readonly input: Json; readonly facts?: Json },
    ) => post<Practice>(body, 'practice'),
    evaluate: async (
      body: Immutable<Omit<EvaluateBody, 'rows'>> & { readonly rows: readonly Json[] },
    ) => post<Evaluation>(body, 'evaluate'),
    receipt: async (id: string, query?: { readonly source?: string }) =>
      get<Receipt>(['feedback', id], query),

    versions: async (query?: PageQuery) => get<VersionPage>(['versions'], query),
    version: async (version: string) => get<Version>(['versions', version]),
    compare: async (from: string, to: string) => get<Comparison>(['versions', from, 'compare', to]),
    pins: async () => get<Pins>(['pins']),
    pin: async (version: string, body?: { readonly reason?: string }) =>
      http<Pin>('PUT', at('versions', version, 'pin'), body),
    unpin: async (version: string, body?: { readonly reason?: string }) =>
      http<Pin>('DELETE', at('versions', version, 'pin'), body),
    history: async (query?: PageQuery & { readonly version?: string }) =>
      get<MovePage>(['history'], query),

    rollBack: async (body: RollbackBody) => post<Move>(body, 'rollback'),
    promote: async (body: PromoteBody) => post<Move>(body, 'promote'),
    canary: async (body: CanaryBody) => post<Routing>(body, 'canary'),
    shadow: async (body: ShadowBody) => post<Routing>(body, 'shadow'),
    endTrial: async (kind: 'canary' | 'shadow', body: EndTrialBody) =>
      post<Routing>(body, kind, 'end'),

    pause: async (body: { readonly reason?: string } = {}) => post<PauseAnswer>(body, 'pause'),
    resume: async (body: { readonly reason?: string } = {}) => post<PauseAnswer>(body, 'resume'),
    setAside: async (query?: PageQuery) => get<AsidePage>(['set-aside'], query),
    relearn: async (body: Selection) => post<SelectionAnswer>(body, 'relearn'),
    discard: async (body: Selection) => post<SelectionAnswer>(body, 'discard'),
    quarantine: async (query?: PageQuery) => get<QuarantinePage>(['quarantine'], query),
    release: async (body: Selection) => post<SelectionAnswer>(body, 'quarantine', 'release'),
    drop: async (body: Selection) => post<SelectionAnswer>(body, 'quarantine', 'drop'),

    forget: async (body: Omit<ForgetBody, 'dry_run'>) => post<ForgetAccepted>(body, 'forget'),
    /** What it would do. */
    forgetForecast: async (body: Omit<ForgetBody, 'dry_run'>) =>
      post<ForgetForecast>({ ...body, dry_run: true }, 'forget'),
    forgetRequests: async (query?: { readonly limit?: string }) =>
      get<ForgetRequests>(['forget'], query),
    forgetRequest: async (request: string) => get<ForgetRequest>(['forget', request]),

    deadLetters: async (query?: PageQuery & { readonly code?: string }) =>
      get<Letters>(['dead-letters'], query),
    deadLetter: async (id: string) => get<Letter>(['dead-letters', id]),
    resendDeadLetters: async (body: LetterChoice) =>
      post<ResendAnswer>(body, 'dead-letters', 'resend'),
    dropDeadLetters: async (body: LetterChoice) => post<DropAnswer>(body, 'dead-letters', 'drop'),
  }
}

function withQuery(path: string, query: object = {}): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined)
  if (given.length === 0) return path
  return `${path}?${new URLSearchParams(given as [string, string][]).toString()}`
}
