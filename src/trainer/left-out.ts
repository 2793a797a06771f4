/**
 * What single sources have taught a closed form: the sums without the examples of one source are, to the bit, those of a run
 * that never saw it (optim/heads/closed-form.ts), so its worth is exact:
 *
 *   worth of s     = accuracy of the model − accuracy of the model without s, on rows that s did not bring
 *   agreement of s = accuracy of the model without s on what s said
 *
 * Worth says what a source changes, and of one among many that is little; agreement shows wrong labels that change nothing yet.
 *
 * Nothing of it is stored: the event log has the examples, and the latent cache their embeddings, which are computed again where
 * it has lost them. All of it runs between two turns of the trainer, one head at a time.
 */
import { setImmediate as yieldToEventLoop } from 'node:timers/promises'
import type { LeftOutHead, SumsWithout } from '../contracts/adapter.ts'
import type { Example, Score } from '../contracts/example.ts'
import type { Latent } from '../contracts/network.ts'
import { failure, invariant } from '../platform/errors.ts'
import type { SourceWorth, WithoutAnswer, WithoutQuestion, WorthReport } from './contract.ts'
import type { LatentProvider } from './sources/latents.ts'
import type { RestoreVersion } from './lineage/restore-version.ts'

interface LeftOutParts extends RestoreVersion {
  readonly latents: LatentProvider
}

/** The sources with the most examples have a line each; the others have one together. */
const MOST_SOURCES = 100
/** Heads that answer without a source: of the last ones that were asked for. */
const MOST_HEADS = 4
/** Examples that are encoded at once. */
const BLOCK = 256

interface KeptHead {
  readonly source: string
  /** Of the sums that it was left out of. */
  readonly sums: string
  readonly head: LeftOutHead
}

export class LeftOut {
  readonly #parts: LeftOutParts
  /** The last report, and what it is of: asked again, nothing is computed. */
  #report: { readonly of: string; readonly report: WorthReport } | undefined
  #heads: readonly KeptHead[] = []

  constructor(parts: LeftOutParts) {
    this.#parts = parts
  }

  /** Throws `SUMS_UNKNOWN`, `ROWS_MISSING`. */
  async worth(signal: AbortSignal): Promise<WorthReport> {
    const { version, digest, sums } = this.#sums()
    const { rows, from } = this.#rows()
    const of = JSON.stringify([digest, from, rows.map(({ key }) => key)])
    if (this.#report?.of === of) return { ...this.#report.report, version }
    const groups = largest(this.#learned())
    const asked = await this.#latents(rows, signal)
    const scored = (head: LeftOutHead) => this.#scores(rows, head.answer(asked))
    const withAll = scored(sums.without([]))
    const sources: SourceWorth[] = []
    for (const { name, examples } of groups) {
      const gone = await this.#rowsOf(examples, signal)
      const own = new Set(examples.map(({ source }) => source))
      const isOthers = (_: Score, at: number) => !own.has(rows[at]?.source ?? '')
      const head = sums.without(gone)
      const [before, after] = [withAll.filter(isOthers), scored(head).filter(isOthers)].map(means)
      sources.push({
        ...(name !== undefined && { source: name }),
        ...{ examples: examples.length, digest: head.digest },
        rows: withAll.filter(isOthers).length,
        ...{ with: before ?? none, without: after ?? none },
        ...this.#agreement(examples, gone, head),
      })
      signal.throwIfAborted()
      await yieldToEventLoop()
    }
    const report = {
      ...{ version, digest, from, rows: rows.length, examples: sums.examples },
      sources: sources.toSorted(byWorth),
    }
    this.#report = { of, report }
    return report
  }

  /** Throws `SUMS_UNKNOWN`, `SUMS_MOVED`, `SOURCE_UNKNOWN`. */
  async answer(asked: WithoutQuestion, signal: AbortSignal): Promise<WithoutAnswer> {
    const { version, digest, sums } = this.#sums()
    if (asked.digest !== digest)
      throw failure(
        'SUMS_MOVED',
        `${asked.version} answers, and the sums of ${version} are those of other examples by now`,
        { details: { version: asked.version, sums: version } },
      )
    const { base, maxTokens, trunk } = this.#parts.loop.encoding
    const { head } = await this.#headWithout(asked.source, { sums, digest }, signal)
    await Promise.all(asked.inputs.map(async (input) => base.prepare?.(input, maxTokens, signal)))
    const encoded = asked.inputs.map((input) => base.encode(input, maxTokens))
    const logits = head.answer(await trunk.encode(encoded))
    return { digest: head.digest, logits: logits.map((row) => [...row]) }
  }

  /** What it holds of sources that are to be forgotten. */
  clear(): void {
    this.#report = undefined
    this.#heads = []
  }

  async #headWithout(
    source: string,
    { sums, digest }: { readonly sums: SumsWithout; readonly digest: string },
    signal: AbortSignal,
  ): Promise<KeptHead> {
    const known = this.#heads.find((each) => each.source === source && each.sums === digest)
    if (known !== undefined) return known
    const examples = this.#learned().filter((each) => each.source === source)
    if (examples.length === 0)
      throw failure('SOURCE_UNKNOWN', `the model has learned nothing from ${source}`, {
        details: { source },
      })
    const head = sums.without(await this.#rowsOf(examples, signal))
    const kept = { source, sums: digest, head }
    const others = this.#heads.filter((each) => each.sums === digest)
    this.#heads = [kept, ...others].slice(0, MOST_HEADS)
    return kept
  }

  /** The present sums, which are those of the version that the learner has made last, but for what was taken back since. */
  #sums() {
    const { state, loop } = this.#parts
    const { learner, progress } = state
    const unknown = (why: string) =>
      failure('SUMS_UNKNOWN', `what a source has taught ${loop.model} is not known: ${why}`)
    const [sums, report] = [learner.without, learner.sums]
    const version = progress.state.parent
    if (sums === undefined || report?.digest === undefined || version === null)
      throw unknown(
        (report?.divided ?? 0) > 0
          ? 'some of its examples only rule out an answer, and their shares depend on the order'
          : learner.knnMemory === undefined
            ? 'it has no exact sums'
            : 'a memory of examples answers beside its sums',
      )
    const examples = state.summedRows
    if (examples === undefined)
      throw unknown(
        `the event log does not have all of its ${report.examples} examples (limits.event_log)`,
      )
    return { version, sums: { ...sums, examples: report.examples }, digest: report.digest }
  }

  #rows(): { readonly rows: readonly Example[]; readonly from: WorthReport['from'] } {
    const { loop, state } = this.#parts
    const golden = (loop.comparison?.golden ?? []).map(({ example }) => example)
    if (golden.length > 0) return { rows: golden, from: 'golden' }
    const { rows } = state.heldOut
    if (rows.length > 0) return { rows, from: 'held-out' }
    throw failure('ROWS_MISSING', `${loop.model} has no golden and no held-out rows to score on`)
  }

  #learned(): readonly Example[] {
    const { log, summedRows } = this.#parts.state
    return [...log.examplesOf(summedRows ?? [])]
  }

  async #rowsOf(examples: readonly Example[], signal: AbortSignal) {
    const latents = await this.#latents(examples, signal)
    return latents.map((latent, at) => {
      const example = examples[at]
      invariant(example !== undefined, 'a latent for each example')
      return { latent, target: example.target, weight: example.weight }
    })
  }

  async #latents(examples: readonly Example[], signal: AbortSignal): Promise<readonly Latent[]> {
    const found: Latent[] = []
    for (let from = 0; from < examples.length; from += BLOCK) {
      const block = examples.slice(from, from + BLOCK)
      const latents = await this.#parts.latents.all(block, signal)
      for (const { key } of block) {
        const latent = latents.get(key)
        invariant(latent !== undefined, 'a latent for each example')
        found.push(latent)
      }
    }
    return found
  }

  /** Nothing where no other source has taught its labels. */
  #agreement(
    examples: readonly Example[],
    gone: readonly { readonly latent: Latent }[],
    head: LeftOutHead,
  ): Pick<SourceWorth, 'agreement'> {
    const { task } = this.#parts.loop
    const known = new Set(head.known)
    const isKnown = ({ target }: Example) =>
      task.classes
        ?.columns(target, this.#parts.state.learner.head)
        .some(({ at, isRight }) => isRight && known.has(at)) === true
    const rows = examples.flatMap((example, at) => (isKnown(example) ? [at] : []))
    let right = 0
    for (let from = 0; from < rows.length; from += BLOCK) {
      const block = rows.slice(from, from + BLOCK)
      const logits = head.answer(block.flatMap((at) => gone[at]?.latent ?? []))
      const said = block.flatMap((at) => examples[at] ?? [])
      for (const { error } of this.#scores(said, logits)) right += 1 - error
    }
    return rows.length === 0 ? {} : { agreement: right / rows.length }
  }

  #scores(rows: readonly Example[], logits: readonly Float32Array[]): readonly Score[] {
    const { task } = this.#parts.loop
    const { head } = this.#parts.state.learner
    return rows.map(({ target }, at) => task.score(logits[at] ?? new Float32Array(), target, head))
  }
}

const none = { accuracy: 0, loss: 0 }

function means(scores: readonly Score[]): SourceWorth['with'] {
  const mean = (of: (score: Score) => number) =>
    scores.reduce((sum, score) => sum + of(score), 0) / Math.max(1, scores.length)
  return { accuracy: mean(({ error }) => 1 - error), loss: mean(({ loss }) => loss) }
}

/** The worst last. */
function byWorth(one: SourceWorth, other: SourceWorth): number {
  const [first = 0, second = 0] = [one, other].map(
    (each) => (each.agreement ?? 1) + each.with.accuracy - each.without.accuracy,
  )
  return second - first
}

interface SourceExamples {
  /** Absent: all the smaller ones together. */
  readonly name?: string
  readonly examples: readonly Example[]
}

function largest(all: readonly Example[]): readonly SourceExamples[] {
  const bySource = new Map<string, Example[]>()
  for (const example of all) {
    const own = bySource.get(example.source)
    if (own === undefined) bySource.set(example.source, [example])
    else own.push(example)
  }
  const sorted = [...bySource].toSorted(
    ([a, one], [b, other]) => other.length - one.length || (a < b ? -1 : 1),
  )
  const named = sorted.slice(0, MOST_SOURCES)
  const others = sorted.slice(MOST_SOURCES).flatMap(([, examples]) => examples)
  return [
    ...named.map(([name, examples]) => ({ name, examples })),
    ...(others.length > 0 ? [{ examples: others }] : []),
  ]
}
