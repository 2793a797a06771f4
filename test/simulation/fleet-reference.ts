/**
 * The run without faults that a fleet's story is measured by: one trainer, one life, the same records in the same order,
 * and at the same places the versions that people went back to.
 */
import type { Source, SourceRecord } from '../../src/contracts/source.ts'
import { openRandom } from '../../src/platform/random.ts'
import { openLoop } from '../../src/trainer/loop.ts'
import { memoryRegistry, type MemoryRegistry } from '../trainer/memory-registry.ts'
import { partsIn, type World } from '../trainer/world.ts'
import { SimulatedTime } from './fleet-clock.ts'
import { Daemon, noFaults } from './fleet-daemon.ts'
import { Disk, type StoryLine } from './fleet-disk.ts'
import type { FleetPlan } from './fleet-plan.ts'
import { recordAt, topicName, type Topic } from './fleet-topic.ts'
import { diary } from './fleet.ts'

/** Undefined when somebody went to a version of another line, of which this one cannot know. */
export async function runReference(
  plan: FleetPlan,
  story: readonly StoryLine[],
): Promise<World | undefined> {
  const disk = new Disk()
  const world = worldOn(disk, plan)
  const stop = new AbortController()
  const atEnd = () => stop.abort(new Error('told to the end'))
  const telling = new Telling({ topic: plan.topic, story, registry: world.registry, disk, atEnd })
  const parts = partsIn(world, plan.setting, () => undefined)
  const loop = openLoop({
    ...parts,
    intake: { ...parts.intake, sources: [telling.source()] },
    policies: { ...parts.policies, replay: diary(parts.policies.replay) },
    store: disk.storeFor(calmDaemon()),
    registry: telling.registry(),
  })
  await loop.run(stop.signal)
  return telling.isComplete ? world : undefined
}

interface TellingParts {
  readonly topic: Topic
  readonly story: readonly StoryLine[]
  readonly registry: MemoryRegistry
  readonly disk: Disk
  readonly atEnd: () => void
}

/** Hands out records as the story has them. */
class Telling {
  isComplete = true
  readonly #parts: TellingParts
  readonly #made: readonly string[]
  readonly #lines: StoryLine[]
  /** The pointer was moved, and the trainer has not looked at it since. */
  #isUnseen = false

  constructor(parts: TellingParts) {
    this.#parts = parts
    this.#made = madeIn(parts.story)
    this.#lines = parts.story.filter(({ what }) => what !== 'made' && what !== 'policy')
  }

  registry(): MemoryRegistry {
    const { registry } = this.#parts
    return {
      ...registry,
      live: () => {
        this.#isUnseen = false
        return registry.live()
      },
      point: async (move) => {
        const [line] = this.#lines
        if (line?.what === 'overtaking') await this.#goTo(this.#lines.shift()!)
        return registry.point(move)
      },
    }
  }

  source(): Source {
    return {
      name: topicName,
      open: async () => undefined,
      read: async () => this.#next(),
      commit: async () => undefined,
      lag: async () => this.#lines.length,
      close: async () => undefined,
    }
  }

  async #next(): Promise<readonly SourceRecord[]> {
    if (this.#isUnseen) return []
    const { topic, atEnd } = this.#parts
    const line = this.#lines.shift()
    if (line?.what === 'record') return [recordAt(topic, Number(line.name), line.position)]
    if (line === undefined) atEnd()
    else await this.#goTo(line)
    return []
  }

  /** The same version by another name: the one that was made as the so-manieth. */
  async #goTo({ what, name, position }: StoryLine): Promise<void> {
    const { registry, disk } = this.#parts
    const version = madeIn(disk.story())[this.#made.indexOf(name)]
    this.#isUnseen = version !== undefined
    if (version === undefined) this.isComplete = false
    else {
      const expect = registry.moves.length
      const by = what === 'promote' ? what : 'rollback'
      if (by === 'rollback') registry.sinceMs = position
      await registry.point({ version, expect, reason: 'a person', by })
    }
  }
}

function madeIn(story: readonly StoryLine[]): readonly string[] {
  return ['v0', ...story.filter(({ what }) => what === 'made').map(({ name }) => name)]
}

function worldOn({ store }: Disk, plan: FleetPlan): World {
  return {
    store,
    registry: memoryRegistry(),
    letters: new Map(),
    predictions: new Map(plan.predictions.map((each) => [each.id, each])),
    streams: new Map(),
    committed: new Map(),
    statuses: [],
    reads: 0,
  }
}

function calmDaemon(): Daemon {
  return new Daemon({
    name: 'calm',
    time: new SimulatedTime(),
    random: openRandom(0, 'calm'),
    rates: () => noFaults,
    onDeath: () => undefined,
    tell: () => undefined,
  })
}
