/** A server on fakes: everything below HTTP at hand, nothing listening. */
import { messages } from '../../src/payloads/inputs/messages.ts'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { DeadLetter } from '../../src/contracts/connector.ts'
import { openAuditLog } from '../../src/platform/audit/audit-log.ts'
import { openDeadLetters } from '../../src/intake/dead-letters/dead-letters.ts'
import { openInboxReader } from '../../src/intake/inbox/reader.ts'
import { openInbox, type InboxOptions } from '../../src/intake/inbox/inbox.ts'
import { defaultLimits, type Limits } from '../../src/platform/limits.ts'
import { systemClock } from '../../src/platform/clock.ts'
import type { Task } from '../../src/contracts/task.ts'
import { classificationOf } from '../tasks/classification-of.ts'
import type { AuthSettings } from '../../src/api/http/auth.ts'
import type { Rate } from '../../src/platform/access/rate-limiter.ts'
import type { CorsOptions } from '../../src/api/http/origins.ts'
import { eventCheck } from '../../src/serving/services/feedback/event-check.ts'
import { openFeedbackService } from '../../src/serving/services/feedback/feedback-service.ts'
import {
  openSourceLimit,
  type SourceRates,
} from '../../src/serving/services/feedback/source-limit.ts'
import type { Fleet } from '../../src/serving/services/fleet/fleet-service.ts'
import type {
  ServedModel,
  TrainerReport,
  TrainerView,
} from '../../src/serving/services/served-model.ts'
import { openServer } from '../../src/api/http/server.ts'
import type { Surface } from '../../src/api/surface.ts'
import { openV1 } from '../../src/api/v1/surface.ts'
import { watchScrapes } from '../../src/serving/services/metrics/scrape.ts'
import { openServices, type Services } from '../../src/serving/services/services.ts'
import type { SpanExporter } from '../../src/platform/tracing/exporter.ts'
import { scratchFolder } from '../scratch-folder.ts'
import { fakeBase } from '../serving/fake-base.ts'
import { openLive } from '../serving/open-live.ts'

export const report: TrainerReport = {
  model: 'm',
  state: 'idle',
  pid: 4321,
  restarts: 0,
  lag: 3,
  pending: 2,
  counts: { accepted: 10, duplicates: 1, learned: 8, rejected: 4, waiting: 5 },
  prequential: { count: 8, accuracy: 0.75, accuracy_recent: 0.8, loss: 0.5 },
  head: ['no', 'yes'],
  steps: 17,
  droppedSteps: 1,
  tensors: 42,
  residentBytes: 4e8,
}

export interface ServedOptions {
  readonly live?: Parameters<typeof openLive>[0]
  readonly limits?: Partial<Limits>
  readonly tokens?: readonly string[]
  readonly auth?: AuthSettings
  readonly auditFolder?: string
  readonly keyRate?: Rate
  readonly rates?: SourceRates
  readonly hosts?: readonly string[]
  readonly cors?: CorsOptions
  readonly open?: boolean
  readonly spans?: SpanExporter
  /** Instead of a classification. */
  readonly task?: Task
  readonly inbox?: Partial<InboxOptions>
  readonly trainer?: Partial<TrainerReport>
  readonly fleet?: Fleet
  /** Of a position that somebody waits for. */
  readonly reached?: NonNullable<TrainerView['reached']>
  readonly example?: NonNullable<ServedModel['example']>
  readonly forgotten?: NonNullable<ServedModel['forgotten']>
  readonly setAside?: NonNullable<ServedModel['setAside']>
  readonly forgets?: NonNullable<ServedModel['forgets']>
  readonly letterCounts?: NonNullable<ServedModel['letterCounts']>
  readonly storeBytes?: NonNullable<ServedModel['storeBytes']>
  /** It writes texts, with what the metrics and the predictions of the live model are. */
  readonly texts?: (live: Awaited<ReturnType<typeof openLive>>) => ServedModel['texts'] & object
  /** Beside v1. */
  readonly surfaces?: (services: Services) => readonly Surface[]
}

/** One model `m` with versions v0 … v5, v1 live unless the registry says otherwise. */
export async function openServed(options: ServedOptions = {}) {
  const live = await openLive(options.live)
  if ((await live.registry.live()) === undefined) {
    await live.live.swap(await live.registry.promote('v0'))
    await live.live.swap(await live.registry.promote('v1'))
  }
  const path = join(scratchFolder(), 'inbox.db')
  const bounds = { unreadEvents: 1000, seenEvents: 1000, retentionMs: 0, clock: systemClock }
  const inbox = openInbox(path, { ...bounds, ...options.inbox })
  const letters: DeadLetter[] = []
  const deadLetters = openDeadLetters(join(scratchFolder(), 'dead-letters.db'), { count: 1000 })
  const batches: number[] = []
  const flushed: number[] = []
  const limits = { ...defaultLimits, ...options.limits }
  const known = ['no', 'yes']
  const task =
    options.task ?? classificationOf({ known, open: options.open ?? false, retired: ['old'] })
  const texts = options.texts?.(live)
  const writing = texts && { language: texts.language, reads: [...fakeBase.reads, messages] }
  const base = { ...fakeBase, ...writing }
  const feedback = openFeedbackService({
    model: 'm',
    source: 'http',
    check: eventCheck({
      model: 'm',
      source: 'http',
      reads: base.reads,
      limits,
      task,
    }),
    inbox,
    predictions: { flush: async () => void flushed.push(live.served.length) },
    deadLetters: {
      write: async (more) => {
        letters.push(...more)
        batches.push(more.length)
        await deadLetters.write(more)
      },
    },
    metrics: live.metrics,
    clock: live.clock,
    sourceLimit: openSourceLimit({
      rates: () => options.rates,
      names: () => limits.rate_limited_names,
      ...{ clock: systemClock, metrics: live.metrics },
    }),
  })
  const model: ServedModel = {
    name: 'm',
    task,
    base,
    method: 'lora',
    live: live.live,
    registry: live.registry,
    feedback,
    deadLetters: deadLetters.pages,
    answering: { base, batcher: live.batcher, maxTokens: 16 },
    ...(texts && { texts }),
    ...(options.example && { example: options.example }),
    letterCounts: options.letterCounts ?? (() => deadLetters.counts()),
    ...(options.forgotten && { forgotten: options.forgotten }),
    ...(options.setAside && { setAside: options.setAside }),
    ...(options.forgets && { forgets: options.forgets }),
    ...(options.storeBytes && { storeBytes: options.storeBytes }),
    waitingRows: () => live.batcher.waiting('m'),
  }
  const trainer: TrainerView = {
    status: () => ({ ...report, ...options.trainer }),
    ...(options.reached && { reached: options.reached }),
  }
  const models = [model]
  const auditFolder = options.auditFolder ?? join(scratchFolder(), 'audit')
  const audit = await openAuditLog({ folder: auditFolder, bytes: limits.audit_bytes })
  const services = openServices({
    ...{ models, trainer, limits, audit },
    identity: { replica: 'here', role: 'all' },
    fleet: options.fleet,
    clock: systemClock,
  })
  const scraped = { models, trainer, services, metrics: live.metrics, clock: systemClock }
  watchScrapes({ ...scraped, version: '0.1.0' })
  const server = await openServer({
    surfaces: [openV1(services), ...(options.surfaces?.(services) ?? [])],
    ...{ services, limits },
    auth: () => options.auth ?? (options.tokens && { tokens: options.tokens }),
    audit,
    keyRate: () => options.keyRate,
    hosts: () => options.hosts,
    cors: options.cors,
    log: live.log,
    metrics: live.metrics,
    clock: systemClock,
    asyncApi: { asyncapi: '3.0.0' },
    spans: options.spans,
    version: '0.1.0',
  })
  onTestFinished(async () => {
    await server.close()
    await audit.close()
    await inbox.close()
    await deadLetters.close()
    live.metrics.close()
  })
  const journal = () => {
    const reader = openInboxReader(path)
    const events = reader.journal.read(0, 1000).map(({ value }) => {
      return JSON.parse(Buffer.from(value).toString()) as { id?: string }
    })
    reader.close()
    return events
  }
  return {
    ...live,
    server,
    app: server.app,
    letters,
    batches,
    flushed,
    journal,
    known,
    auditFolder,
  }
}
