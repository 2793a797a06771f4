/**
 * A person's commands about learning: pause, resume, and what becomes of events that a rollback has set aside. The
 * list is on the disk of the daemon that trains the model; any daemon shows it and passes commands on.
 *
 * Each command is a move of the live pointer that keeps its version: durable, known to every daemon of a fleet, recorded
 * in the history with its reason, and seen by the trainer before it reads on, even without new records.
 */
import type { TrainerStatus } from '../../trainer/contract.ts'
import { pageOf, type Page } from '../../platform/page.ts'
import type { ShownAside } from '../../checkpoint/set-aside-pages.ts'
import type { Selection } from '../../versions/contract.ts'
import type { NextMove } from '../../versions/service.ts'
import { movePointer, type MoveTarget } from './moves.ts'
import type { TrainerView } from './served-model.ts'
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

export function openLearningService(
  model: MoveTarget,
  pages: Pick<TrainerPages, 'setAside' | 'selected'>,
  trainer: Pick<TrainerView, 'status'>,
): LearningService {
  const generationOf = async (next: NextMove) => (await movePointer(model, next)).routing.generation
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
      return { events, generation: await generationOf({ by, reason, asks: { selection }, actor }) }
    },
    pause: async (reason, actor) => generationOf({ by: 'pause', reason, actor }),
    resume: async (reason, actor) => generationOf({ by: 'resume', reason, actor }),
  }
}
