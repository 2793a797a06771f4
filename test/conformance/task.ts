/**
 * What every task must do: its loss has the slope that it says, its targets and heads survive a checkpoint and a manifest, its
 * score tests what its loss learns, and what it shows of an answer has the shape that it declares.
 */
import { defaultLimits } from '../../src/platform/limits.ts'
import { readSignal } from '../../src/intake/events/signal.ts'
import { describe, expect, it } from 'vitest'
import { Compile } from 'typebox/compile'
import type { TSchema } from 'typebox'
import type { FeedbackSignal } from '../../src/contracts/event.ts'
import type { Score, Target } from '../../src/contracts/example.ts'
import type { PlacedRow, Task } from '../../src/contracts/task.ts'
import { positionsOf } from '../../src/payloads/rows.ts'
import type { Fields, SchemaPart } from '../../src/contracts/task-view.ts'
import { openRandom } from '../../src/platform/random.ts'
import { thrown } from '../coded.ts'
import { withChoices } from '../../src/platform/nullable.ts'

export interface TaskCase {
  readonly open: () => Task
  /** Signals with the answer that was served, if any; together they bring all that the head of the test knows. */
  readonly taught: readonly { readonly signal: FeedbackSignal; readonly served?: string }[]
  readonly refused: readonly FeedbackSignal[]
  /** What all of them are about, for a task whose targets are places in it: its row has `offsets`. */
  readonly about?: PlacedRow
}

export function taskConformance(name: string, { open, taught, refused, about }: TaskCase): void {
  describe(`task ${name}`, () => {
    const task = open()
    const random = openRandom(1, 'task')
    const targets = taught.map(({ signal, served }) => {
      const target = task.target(signal, served, task.start)
      return about === undefined ? target : task.placed!(target, about)
    })
    const head = task.grown(task.start, targets)
    const positions = about === undefined ? 1 : positionsOf(about.row)
    const size = positions * task.outputs(head)
    const statistics = task.statistics?.observe(
      new Map(task.statistics.parameters.map(({ name, shape }) => [name, zeros(shape)])),
      targets.map((target) => ({ target, weight: 1 })),
    )
    /** Outputs as a head may give them: what is counted among them is as it was counted. */
    const outputs = () => withCounted(Float32Array.from({ length: size }, () => random.normal()))
    const loss = (target: Target, of: Float32Array, share = 1, gradient = new Float32Array(size)) =>
      task.loss({ target, outputs: of, share }, head, gradient, statistics ?? new Map())

    /** A task with statistics answers them behind its first output. */
    function withCounted(row: Float32Array): Float32Array {
      if (statistics === undefined) return row
      const [mean, deviation] = ['head.mean', 'head.deviation'].map((key) => statistics.get(key))
      row.set([mean?.data[0] ?? 0, deviation?.data[0] ?? 1], 1)
      return row
    }

    it('declares each tensor once, all of them tensors of the head', () => {
      const specs = [
        ...task.parameters(5, task.outputs(head)),
        ...(task.statistics?.parameters ?? []),
      ]
      const names = specs.map((spec) => spec.name)
      expect(new Set(names).size).toBe(names.length)
      expect(names.filter((each) => !each.startsWith('head.'))).toEqual([])
    })

    it('has the slope that finite differences have', () => {
      for (const target of targets) {
        const at = outputs()
        const gradient = new Float32Array(size)
        loss(target, at, 1, gradient)
        const step = 0.01
        const column = 0
        const moved = (by: number) =>
          at.map((value, place) => (place === column ? value + by : value))
        const slope = (loss(target, moved(step)) - loss(target, moved(-step))) / (2 * step)
        expect(gradient[column]).toBeCloseTo(slope, 2)
      }
    })

    it('adds to the gradient, and weighs loss and gradient by the share', () => {
      for (const target of targets) {
        const at = outputs()
        const [once, twice] = [new Float32Array(size), new Float32Array(size).fill(1)]
        const whole = loss(target, at, 1, once)
        expect(loss(target, at, 2, twice)).toBeCloseTo(2 * whole, 4)
        for (const [place, value] of twice.entries())
          expect(value).toBeCloseTo(1 + 2 * once[place]!, 4)
      }
    })

    it('learns: a small step against the gradient lowers the loss', () => {
      for (const target of targets) {
        const at = outputs()
        const gradient = new Float32Array(size)
        const before = loss(target, at, 1, gradient)
        const after = loss(
          target,
          at.map((value, place) => value - 0.01 * gradient[place]!),
        )
        expect(after).toBeLessThanOrEqual(before)
      }
    })

    it('pulls towards a teacher, and not where it answers the same', () => {
      const [at, teacher] = [outputs(), outputs()]
      const by = { share: 1, temperature: 1, positions }
      const [same, other] = [new Float32Array(size), new Float32Array(size)]
      task.distil(at, at, by, same)
      for (const value of same) expect(value).toBeCloseTo(0, 4)
      task.distil(at, teacher, by, other)
      const step = 0.01
      const moved = (sign: number) =>
        at.map((value, place) => (place === 0 ? value + sign * step : value))
      const of = (row: Float32Array) => task.distil(row, teacher, by, new Float32Array(size))
      expect(other[0]).toBeCloseTo((of(moved(1)) - of(moved(-1))) / (2 * step), 2)
    })

    it('scores between right and wrong, with the loss that it would learn', () => {
      for (const target of targets) {
        const at = outputs()
        const { error, loss: scored } = task.score(at, target, head)
        expect(error).toBeGreaterThanOrEqual(0)
        expect(error).toBeLessThanOrEqual(1)
        if (task.isTest(target)) expect(scored).toBeCloseTo(loss(target, at), 3)
      }
    })

    it('takes targets and heads back from JSON as they were', () => {
      const back = <Value>(value: Value) => JSON.parse(JSON.stringify(value)) as Value
      expect(back(head)).toEqual(head)
      for (const target of targets) {
        const at = outputs()
        expect(task.strata(back(target))).toEqual(task.strata(target))
        expect(task.strata(target).length).toBeGreaterThan(0)
        expect(task.score(at, back(target), head)).toEqual(task.score(at, target, head))
        expect(task.size(target)).toBeGreaterThanOrEqual(0)
        expect(back(task.shown(target))).toEqual(task.shown(target))
      }
    })

    it('grows a head once: what it knows already leaves it as it is', () => {
      expect(task.grown(head, targets)).toBe(head)
      expect(task.union(head, head)).toBe(head)
      expect(task.shared(head, head)).toBeGreaterThan(0)
      expect(task.shared(head, head)).toBeLessThanOrEqual(size)
      for (const target of targets) task.check(target, head)
    })

    it('finds its head again in the facts of a manifest', () => {
      const facts = JSON.parse(JSON.stringify(task.facts(head))) as Fields
      expect(task.headIn(facts)).toEqual(head)
      expect(task.headOf(facts)).toEqual(head)
      expect(positions * task.outputs(task.headIn(facts))).toBe(size)
      expect(task.present(facts)).toEqual(facts)
      expect(task.foreign(head)).toBeUndefined()
      expect(task.renaming(head)).toBeUndefined()
    })

    it('shows an answer in the shape that it declares, and remembers it as text', () => {
      const answer = task.decode(outputs(), {
        facts: task.facts(head),
        ...(about ?? { row: { data: new Float32Array() } }),
      })
      expect(faults(task.view.schemas.answer, task.view.answer(answer))).toEqual([])
      const { text, shown } = task.view.served(answer)
      expect(text).not.toBe('')
      expect(Object.keys(shown).length).toBeGreaterThan(0)
      expect(faults(task.view.schemas.facts, task.view.facts(task.facts(head)))).toEqual([])
    })

    it('reads the example that it shows', () => {
      const example = task.view.example(task.facts(head))
      const signal = readSignal(example, defaultLimits, '', task.view.signals)
      expect(() => task.admit(signal)).not.toThrow()
    })

    it('refuses what it cannot learn from with a code and a fix', () => {
      for (const signal of refused) {
        expect(thrown(() => task.admit(signal)).code).not.toBe('')
        expect(thrown(() => task.target(signal, undefined, head)).code).not.toBe('')
      }
    })

    it('reports in the shape that it declares, and goes on from a snapshot restored twice', () => {
      const scores = targets
        .filter((target) => task.isTest(target))
        .map((target): readonly [Score, Target] => [task.score(outputs(), target, head), target])
      const [one, other] = [task.openQuality(8), task.openQuality(8)]
      for (const [score, target] of scores) one.observe(score, target, about?.row)
      const state = JSON.parse(JSON.stringify(one.snapshot())) as Fields
      other.restore(state)
      other.restore(state)
      for (const quality of [one, other])
        for (const [score, target] of scores) quality.observe(score, target, about?.row)
      expect(other.report()).toEqual(one.report())
      const report = one.report()
      expect(faults(task.view.schemas.quality, report)).toEqual([])
      expect(faults(task.view.schemas.brief, task.view.brief(report))).toEqual([])
      const set: string[] = []
      task.view.measure(report, (gauge) => set.push(gauge))
      expect(set.length).toBeGreaterThan(0)
    })
  })
}

function zeros(shape: readonly number[]) {
  return { shape, data: new Float32Array(shape.reduce((product, each) => product * each, 1)) }
}

/** What of a value a declared part does not allow. */
function faults({ properties, required = [] }: SchemaPart, value: Fields): readonly string[] {
  const schema = withChoices({ type: 'object', properties, required }) as TSchema
  return [...Compile(schema).Errors(value)].map(
    ({ instancePath, message }) => `${instancePath} ${message}`,
  )
}
