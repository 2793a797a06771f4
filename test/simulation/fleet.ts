/**
 * A fleet of daemons trains one model in a world that crashes, freezes and lies; real leases, lease terms, loop, checkpoint
 * and learner, over simulated time, topic, stores and chance. One seed is one story, the same each time.
 */
import type { Random } from '../../src/contracts/core.ts'
import type { Replay } from '../../src/contracts/policy.ts'
import type { Routing } from '../../src/versions/contract.ts'
import { openLeases } from '../../src/fleet/leases.ts'
import { openRandom } from '../../src/platform/random.ts'
import { openLoop, type Loop } from '../../src/trainer/loop.ts'
import type { LoopParts, LeaseTerm } from '../../src/trainer/parts.ts'
import { LeaseTerms } from '../../src/trainer/lease/lease-term.ts'
import { partsIn, silentLog, type World } from '../trainer/world.ts'
import { tinyTrunk } from '../trainer/tiny.ts'
import { SimulatedTime } from './fleet-clock.ts'
import { Daemon, Dead, noFaults } from './fleet-daemon.ts'
import { Disk } from './fleet-disk.ts'
import type { FleetPlan } from './fleet-plan.ts'
import { Shared } from './fleet-shared.ts'
import { topicSource } from './fleet-topic.ts'

const leaseMs = 6_000
/** Long after the last fault; a fleet that is not done by then never will be. */
const patienceMs = 300_000

export interface Told {
  readonly shared: Shared
  readonly disks: readonly Disk[]
  readonly events: readonly string[]
  readonly violations: readonly string[]
  readonly untilMs: number
}

export async function runFleet(plan: FleetPlan): Promise<Told> {
  const fleet = new Fleet(plan)
  await fleet.run()
  return fleet
}

class Fleet implements Told {
  readonly shared: Shared
  readonly disks: readonly Disk[]
  readonly events: string[] = []
  readonly violations: string[] = []
  readonly #plan: FleetPlan
  readonly #time = new SimulatedTime()
  readonly #random: Random
  readonly #stop = new AbortController()
  readonly #lives = new Map<number, Daemon>()
  readonly #loops = new Map<string, Loop>()
  #running = 0
  #count = 0

  constructor(plan: FleetPlan) {
    this.#plan = plan
    this.#random = openRandom(plan.seed, 'fleet')
    this.shared = new Shared(this.#time)
    this.disks = Array.from({ length: plan.daemons }, () => new Disk())
  }

  get untilMs(): number {
    return this.#time.nowMs
  }

  async run(): Promise<void> {
    for (const at of this.disks.keys()) this.#start(at)
    this.#schedule()
    await this.#time.passUntil(() => this.#isDone() || this.#isLate())
    this.#stop.abort(new Error('the story ends'))
    await this.#time.passUntil(() => this.#running === 0 || this.#isLate())
    if (this.#isLate()) this.violations.push('the fleet never came to rest')
  }

  #isLate(): boolean {
    return this.#time.nowMs > this.#plan.calmAtMs + patienceMs
  }

  #isCalm(): boolean {
    return this.#time.nowMs >= this.#plan.calmAtMs
  }

  #isDone(): boolean {
    if (!this.#isCalm()) return false
    const holder = this.shared.view()?.holder
    const status = holder === undefined ? undefined : this.#loops.get(holder)?.status()
    return status?.state === 'idle' && status.lag === 0
  }

  #schedule(): void {
    const { words, absences, jumps } = this.#plan
    for (const atMs of words) this.#time.after(atMs, () => this.#speak())
    for (const { atMs, forMs } of absences)
      this.#time.after(atMs, () => {
        this.events.push(`${atMs}: Redis goes away for ${forMs} ms`)
        this.shared.awayUntilMs = atMs + forMs
      })
    for (const { atMs, daemon, byMs } of jumps)
      this.#time.after(atMs, () => this.#lives.get(daemon)?.jumpClock(byMs))
  }

  /** A person lets another version answer. */
  #speak(): void {
    const { registry } = this.shared
    const names = [...registry.versions.keys()]
    const live = registry.moves.at(-1)
    if (live === undefined || this.shared.isAway()) return
    const version = names[this.#random.below(names.length)]!
    const by = this.#random.below(2) === 0 ? 'rollback' : 'promote'
    this.events.push(`${this.#time.nowMs}: a person's ${by} to ${version}`)
    registry.sinceMs = this.#time.nowMs
    void registry.point({ version, expect: live.generation, reason: 'a person', by })
  }

  #start(at: number): void {
    const { seed, rates } = this.#plan
    const life = (this.#count += 1)
    const daemon = new Daemon({
      name: `d${at}.${life}`,
      time: this.#time,
      random: openRandom(seed, `faults of life ${life}`),
      rates: () => (this.#isCalm() ? noFaults : rates),
      tell: (event) => this.events.push(`${this.#time.nowMs}: ${event}`),
      onDeath: () => {
        this.#running -= 1
        this.#loops.delete(daemon.name)
        this.#time.after(100 + this.#random.below(12_000), () => this.#start(at))
      },
    })
    this.#running += 1
    this.#lives.set(at, daemon)
    void this.#live(daemon, this.disks[at]!, life)
  }

  async #live(daemon: Daemon, disk: Disk, life: number): Promise<void> {
    try {
      await this.#leaseTerms(daemon, disk, life).run(this.#stop.signal)
      if (!this.#stop.signal.aborted)
        this.violations.push(
          `${daemon.name} gave up: ${this.#loops.get(daemon.name)?.status().message ?? '?'}`,
        )
      this.#running -= 1
    } catch (error) {
      if (error instanceof Dead) return
      if (!this.#stop.signal.aborted)
        this.violations.push(`${daemon.name}: ${String((error as Error).stack)}`)
      this.#running -= 1
    }
    this.#time.activity += 1
  }

  #leaseTerms(daemon: Daemon, disk: Disk, life: number): LeaseTerms {
    const { seed, rates, copyMs, givesBack } = this.#plan
    const random = openRandom(seed, `world of life ${life}`)
    const { clock } = daemon
    let tokens = 0
    const token = () => `${daemon.name}/${(tokens += 1)}`
    const keeper = this.shared.keeperFor(daemon)
    return new LeaseTerms({
      model: 'tiny',
      clock,
      log: silentLog,
      fleet: {
        leases: openLeases({ keeper, clock, log: silentLog, holder: daemon.name, leaseMs, token }),
        copies: this.shared.copiesFor(
          daemon,
          () => !this.#isCalm() && random.uniform() < rates.tear,
        ),
        local: disk.local(daemon, this.shared.files),
        copyMs,
        giveBack: async (_lease, signal) => {
          const isAsked = !this.#isCalm() && random.uniform() < givesBack
          await clock.sleep(isAsked ? random.below(10_000) : 10_000_000, signal)
        },
      },
      open: async (leaseTerm) => {
        this.events.push(`${this.#time.nowMs}: ${daemon.name} has epoch ${leaseTerm.lease.epoch}`)
        return openLoop(this.#parts(daemon, disk, leaseTerm, random))
      },
      onLoop: (loop) => {
        if (loop === undefined) this.#loops.delete(daemon.name)
        else this.#loops.set(daemon.name, loop)
      },
    })
  }

  #parts(daemon: Daemon, disk: Disk, leaseTerm: LeaseTerm, random: Random): LoopParts {
    const { setting, topic, rates } = this.#plan
    const parts = partsIn(this.#world(disk), setting, () => undefined)
    const { registry } = this.shared
    return {
      ...parts,
      clock: daemon.clock,
      intake: {
        ...parts.intake,
        sources: [
          topicSource({
            ...{ topic, daemon, random, time: this.#time },
            onRead: (record) => disk.sawRecord(record),
            rebalances: () => !this.#isCalm() && random.uniform() < rates.rebalance,
          }),
        ],
        predictions: {
          find: (id) => daemon.does('joining', () => parts.intake.predictions.find(id)),
        },
        deadLetters: {
          write: (letters) =>
            daemon.does('dead letters', () => parts.intake.deadLetters.write(letters)),
          close: () => Promise.resolve(),
        },
      },
      encoding: {
        ...parts.encoding,
        trunk: {
          encode: (rows) =>
            daemon.does('latents', () => tinyTrunk.encode(rows), { mayFail: false }),
          close: () => Promise.resolve(),
        },
      },
      policies: {
        ...parts.policies,
        replay: diary(parts.policies.replay, (key, times) => {
          if (times > timesOf(key, topic))
            this.violations.push(`${daemon.name}: ${key} learned ${times} times`)
        }),
      },
      store: disk.storeFor(daemon),
      registry: this.shared.registryFor(daemon, leaseTerm.lease),
      leaseTerm,
      reports: {
        ...parts.reports,
        onPointer: ({ live: { version, digest } }: Routing) => {
          if (registry.versions.get(version)?.manifest.digest !== digest)
            this.violations.push(`${version} is live and not there`)
        },
      },
    }
  }

  #world(disk: Disk): World {
    const { registry, letters } = this.shared
    const predictions = new Map(this.#plan.predictions.map((each) => [each.id, each]))
    return {
      ...{ registry, letters, predictions, store: disk.store },
      streams: new Map(),
      committed: new Map(),
      statuses: [],
      reads: 0,
    }
  }
}

/** How often an event may be learned: once, or where its messages say different things, once for each of them. */
export function timesOf(key: string, topic: FleetPlan['topic']): number {
  const id = `"id":${JSON.stringify(key.slice(key.indexOf('\0') + 1))},`
  const said = topic.flat().filter(({ value }) => value.includes(id))
  return new Set(said.map(({ value }) => value)).size > 1 ? said.length : 1
}

/** A replay that keeps the learner's own log: every key in the order in which this line has learned it. */
export function diary(
  replay: Replay,
  onLearned: (key: string, times: number) => void = () => undefined,
): Replay {
  let learned: string[] = []
  return {
    get size() {
      return replay.size
    },
    get bytes() {
      return replay.bytes
    },
    offer(item, random) {
      learned.push(item.key)
      onLearned(item.key, learned.filter((key) => key === item.key).length)
      return replay.offer(item, random)
    },
    draw: (count, random) => replay.draw(count, random),
    remove: (key) => replay.remove(key),
    keys: () => replay.keys(),
    snapshot: () => ({ replay: replay.snapshot(), learned: [...learned] }),
    restore(state, items) {
      const kept = state as { readonly replay: never; readonly learned: readonly string[] }
      replay.restore(kept.replay, items)
      learned = [...kept.learned]
    },
  }
}
