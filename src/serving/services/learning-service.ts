/**
 * A person's commands about learning: pause, resume, and what becomes of events that a rollback has set aside. The
 * list is on the disk of the daemon that trains the model; any daemon shows it and passes commands on.
 */
import type { TrainerStatus } from '../../trainer/contract.ts'
import { failure } from '../../platform/errors.ts'
import { pageOf, type Page } from '../../platform/page.ts'
import type { ShownAside } from '../../checkpoint/set-aside-pages.ts'
import type { MoveRequest, Routing, Selection } from '../../versions/contract.ts'
import { openVersions } from '../../versions/service.ts'
import type { ServedModel, TrainerView } from './served-model.ts'
import type { TrainerPages } from './trainer-pages.ts'

export interface LearningService {
  /** Newest first, with the count of all. Throws `TRAINED_ELSEWHERE`, `TRAINER_BUSY`. */
  setAside(query: {
    readonly limit: number
    readonly before?: number | undefined
    /** Selects the quarantine of the defence instead of the events that rollbacks have set aside. */
    readonly quarantined?: boolean
  }): Promise<Page<ShownAside, number> & { readonly count: number }>
  /** Sources that weigh less than others, because these contradict them. */
  distrusted(): NonNullable<TrainerStatus['defence']>['distrusted']
  /** Learns what the selection means, or drops it for good. Throws as `setAside` does, and `VERSION_UNKNOWN` for its `from`. */
  select(
    by: 'relearn' | 'discard',
    selection: Selection,
    reason: string,
    actor?: string,
  ): Promise<SelectionResult>
  /** Stops learning until `resume`; events are still accepted. Returns the generation of the command. */
  pause(reason: string, actor?: string): Promise<number>
  resume(reason: string, actor?: string): Promise<number>
}

export interface SelectionResult {
  /** The number of selected events when the command was given. */
  readonly events: number
  readonly generation: number
}

/** The parts of a model that a command moves. */
export type CommandTarget = Pick<ServedModel, 'name' | 'registry' | 'live'>

type Command = 'pause' | 'resume' | 'relearn' | 'discard' | 'forget'

export function openLearningService(
  model: CommandTarget,
  pages: Pick<TrainerPages, 'setAside' | 'selected'>,
  trainer: Pick<TrainerView, 'status'>,
): LearningService {
  return {
    async setAside({ limit, before, quarantined }) {
      const query = { limit: limit + 1, before, quarantined }
      const { count, found } = await pages.setAside(query)
      return { count, ...pageOf(found, limit, ({ at }) => at) }
    },
    distrusted: () => trainer.status(model.name).defence?.distrusted ?? [],
    async select(by, selection, reason, actor) {
      // A misspelt version would select nothing and say so as if that were right.
      if (selection.from !== undefined) await model.registry.find(selection.from)
      const events = await pages.selected(selection)
      const { generation } = await command(model, by, reason, { asks: { selection }, actor })
      return { events, generation }
    },
    pause: async (reason, actor) => (await command(model, 'pause', reason, { actor })).generation,
    resume: async (reason, actor) => (await command(model, 'resume', reason, { actor })).generation,
  }
}

/**
 * Commands of a person to the trainer: pause, resume, relearn, discard, forget. Each is a move of the live pointer that keeps
 * its version: durable, known to every daemon of a fleet, recorded in the history with its reason, and seen by the
 * trainer before it reads on, even without new records.
 */
export async function command(
  { name, registry, live }: CommandTarget,
  by: Command,
  reason: string,
  { asks, actor }: { readonly asks?: MoveRequest; readonly actor?: string | undefined } = {},
): Promise<Routing> {
  if ((await registry.live()) === undefined)
    throw failure('NOT_READY', `model ${name} has no live version`)
  const { routing } = await openVersions(registry).move({ reason, by, asks, actor })
  await live.swap(routing)
  return routing
}
