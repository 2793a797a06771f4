/**
 * The demo: three models on one base learn 2,400 sentences while other clients send requests; then a burst of wrong
 * labels, the drop, one rollback, and the proof that the old answers are restored bit for bit.
 *
 * It talks to the daemon only through HTTP, or sends the feedback to a topic.
 */
import Sentiment from 'sentiment'
import type { Clock, Random } from '../../contracts/core.ts'
import { type ModelName, modelNames, every, type DemoDaemon } from './daemon.ts'
import { type Domain, type DomainRows, readDomains, type Row } from './data.ts'
import { accuracies, accuracy, perDomain, type PerDomain, sum, answers, share } from './measure.ts'
import type { DemoProgress } from './progress.ts'
import { eventsOf, send, waitUntilLearned, eventOf, startAsking } from './teach.ts'

export interface DemoResult {
  readonly events: number
  readonly rejected: number
  readonly prequential: PerDomain
  readonly final: PerDomain
  readonly origin: { readonly replay: number; readonly no_replay: number }
  readonly baseline: {
    readonly afinn: number
    readonly majority: number
    readonly afinn_by_domain: PerDomain
    readonly majority_by_domain: PerDomain
  }
  readonly versions: number
  readonly swaps: number
  readonly requests: number
  readonly failed_requests: number
  readonly poisoned_accuracy: number
  readonly rollback: RolledBack
}

export interface DemoOptions {
  readonly daemon: DemoDaemon
  /** The client for the other users' requests; absent = the same. */
  readonly asked?: Pick<DemoDaemon, 'predict'>
  readonly random: Random
  readonly clock: Clock
  readonly progress: DemoProgress
  /** Called once, when half of the events are learned. */
  readonly halfway?: () => Promise<void>
}

export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  const { daemon, clock, progress, asked = daemon } = options
  const stream = readDomains(options.random)
  const heldOut = stream.flatMap((domain) => domain.heldOut)
  const taughtRows = stream.flatMap((domain) => domain.taught)
  const asking = startAsking({
    ask: async ({ model, text }) => asked.predict(model, [text]),
    questions: questionsFrom(heldOut),
    askers: 2,
    pauseMs: 60,
    clock,
  })
  const learn = async () => {
    const taught = await teachAll(options, stream)
    progress.say(`testing the last versions on ${heldOut.length} sentences they have never seen`)
    const final = await accuracies(daemon, 'sentiment', stream, (row) => row.label)
    const replay = await accuracy(daemon, 'origin', heldOut, (row) => row.domain)
    const noReplay = await accuracy(daemon, 'origin-no-replay', heldOut, (row) => row.domain)
    const poison = await poisonAndRollBack(options, taughtRows, heldOut)
    return { taught, final, replay, noReplay, poison }
  }
  const { taught, final, replay, noReplay, poison } = await learn().finally(() => asking.stop())
  return {
    events: taught.accepted + poison.accepted,
    rejected: taught.rejected,
    prequential: taught.prequential,
    final,
    origin: { replay, no_replay: noReplay },
    baseline: {
      afinn: afinnAccuracy(heldOut),
      majority: majorityAccuracy(taughtRows, heldOut),
      afinn_by_domain: perDomain(stream, (rows) => afinnAccuracy(rows.heldOut)),
      majority_by_domain: perDomain(stream, (rows) => majorityAccuracy(taughtRows, rows.heldOut)),
    },
    ...(await countVersions(daemon)),
    requests: asking.requests,
    failed_requests: asking.failed,
    poisoned_accuracy: poison.accuracy,
    rollback: poison.rollback,
  }
}

/** Every model gets the events of one domain; the next domain follows when all models have learned them. */
async function teachAll(
  { daemon, clock, progress, halfway }: DemoOptions,
  stream: readonly DomainRows[],
): Promise<{ accepted: number; rejected: number; prequential: PerDomain }> {
  let disturbance: Promise<void> | undefined
  const marks = [{ count: 0, accuracy: 0 }]
  const learned = new Map<ModelName, number>()
  const total = modelNames.length * stream.reduce((sum, rows) => sum + rows.taught.length, 0)
  let expected = 0
  for (const rows of stream) {
    progress.say(`training three models on ${rows.taught.length} sentences of ${rows.domain}`)
    for (const model of modelNames) await send(daemon, model, eventsOf(rows, model))
    expected += rows.taught.length
    const waits = modelNames.map(async (model) =>
      waitUntilLearned(daemon, model, expected, clock, (count) => {
        learned.set(model, count)
        const done = sum(learned.values())
        progress.update(done, total)
        if (done > total / 2) disturbance ??= halfway?.() ?? Promise.resolve()
      }),
    )
    const [sentiment] = await Promise.all(waits)
    marks.push(sentiment?.prequential ?? { count: 0, accuracy: 0 })
  }
  await disturbance
  // Through a topic, refusals are known only afterwards.
  const counts = await Promise.all(
    modelNames.map(async (model) => (await daemon.status(model)).counts),
  )
  return {
    accepted: sum(counts.map((each) => each.accepted)),
    rejected: sum(counts.map((each) => each.rejected)),
    prequential: prequentialBetween(marks, stream),
  }
}

/** Accuracy overall and within each domain, from the running score at each domain's end. */
function prequentialBetween(
  marks: readonly { readonly count: number; readonly accuracy: number }[],
  stream: readonly DomainRows[],
): PerDomain {
  const inside = (index: number): number => {
    const [before, after] = [marks[index], marks[index + 1]]
    if (before === undefined || after === undefined) return Number.NaN
    const correct = after.count * after.accuracy - before.count * before.accuracy
    return correct / (after.count - before.count)
  }
  const each = Object.fromEntries(stream.map(({ domain }, index) => [domain, inside(index)]))
  return { ...(each as Record<Domain, number>), overall: marks.at(-1)?.accuracy ?? Number.NaN }
}

async function countVersions(daemon: DemoDaemon): Promise<{ versions: number; swaps: number }> {
  let [versions, swaps] = [0, 0]
  for (const model of modelNames) {
    versions += (await daemon.versions(model)).length
    swaps += (await daemon.status(model)).live.generation - 1
  }
  return { versions, swaps }
}

function questionsFrom(rows: readonly Row[]): readonly { model: ModelName; text: string }[] {
  return rows.flatMap(({ text }) => modelNames.map((model) => ({ model, text })))
}

/**
 * The AFINN word list, which many Node users have today. It gives a score: above zero counts as positive and everything
 * else as negative, which favours it over counting zero as wrong.
 */
function afinnAccuracy(rows: readonly Row[]): number {
  const analyser = new Sentiment()
  const correct = rows.filter(
    (row) => (analyser.analyze(row.text).score > 0 ? 'positive' : 'negative') === row.label,
  )
  return correct.length / rows.length
}

/** Accuracy of always answering the label that is most frequent in `taught`. */
function majorityAccuracy(taught: readonly Row[], rows: readonly Row[]): number {
  const counts = new Map<string, number>()
  for (const { label } of taught)
    if (label !== null) counts.set(label, (counts.get(label) ?? 0) + 1)
  const majority = [...counts].sort((a, b) => b[1] - a[1])[0]?.[0]
  return rows.filter((row) => row.label === majority).length / rows.length
}

/** The accident: a burst of flipped labels, the drop in accuracy, and the one call that undoes it. */
interface RolledBack {
  readonly to: string
  readonly identical: boolean
  readonly compared: number
  readonly accuracy: number
  /** Flipped labels that are not learned unless someone asks for it. */
  readonly set_aside: number
}

/** Some are learned, and the last ones wait for the next update when the rollback comes. */
const poisonedEvents = 330
const waitingEvents = poisonedEvents % every

/** Flipped labels arrive, accuracy falls, one call restores the version before them. */
async function poisonAndRollBack(
  { daemon, clock, progress }: { daemon: DemoDaemon; clock: Clock; progress: DemoProgress },
  taught: readonly Row[],
  heldOut: readonly Row[],
): Promise<{ accepted: number; accuracy: number; rollback: RolledBack }> {
  const before = await answers(daemon, 'sentiment', heldOut)
  const good = await daemon.status('sentiment')
  progress.say(
    `a burst of ${poisonedEvents} flipped labels into sentiment, in updates of ${every}; ${waitingEvents} wait for the next`,
  )
  const flipped = taught.slice(-poisonedEvents).map((row, index) => {
    const label = row.label === 'positive' ? 'negative' : 'positive'
    return eventOf({ ...row, label }, 'sentiment', `flipped-${index}`)
  })
  const { accepted } = await send(daemon, 'sentiment', flipped)
  const learned = good.counts.learned + poisonedEvents - waitingEvents
  await waitUntilLearned(daemon, 'sentiment', learned, clock, (count) =>
    progress.update(count - good.counts.learned, poisonedEvents - waitingEvents),
  )
  const poisoned = share(await answers(daemon, 'sentiment', heldOut), heldOut, (row) => row.label)
  progress.say(`rolling back to ${good.live.version}`)
  const { live } = await daemon.rollback('sentiment', good.live.version, 'a burst of wrong labels')
  const set_aside = await untilSetAside(daemon, clock)
  const after = await answers(daemon, 'sentiment', heldOut)
  return {
    accepted,
    accuracy: poisoned,
    rollback: {
      to: live,
      identical: JSON.stringify(after) === JSON.stringify(before),
      compared: after.length,
      accuracy: share(after, heldOut, (row) => row.label),
      set_aside,
    },
  }
}

/** Waiting events are no longer learned. */
async function untilSetAside(daemon: DemoDaemon, clock: Clock): Promise<number> {
  for (;;) {
    const { pending, counts } = await daemon.status('sentiment')
    const { set_aside = 0 } = counts
    if (pending === 0 && set_aside >= waitingEvents) return set_aside
    await clock.sleep(100)
  }
}
