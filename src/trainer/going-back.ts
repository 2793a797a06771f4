/**
 * Puts the learner back to a version: weights, optimizer, replay and chance as they were when it was published. A
 * version of which no snapshot is kept (imported, or older than those) gives its weights, to a fresh optimizer and the
 * present memory; one of another adapter gives nothing, and a fresh adapter begins.
 */
import type { Logger, TrainableState, Version } from '../contracts.ts'
import type { LearnerState } from './saved.ts'
import type { AdapterStart, LoopParts } from './parts.ts'
import type { Patience } from './patience.ts'
import { adapterText, type TrainerState } from './state.ts'

export interface GoingBack {
  readonly loop: LoopParts
  readonly state: TrainerState
  readonly patience: Patience
}

/** Changes the learner and the tally; the caller saves. */
export async function goBackTo(
  version: string,
  { loop, state, patience }: GoingBack,
  signal: AbortSignal,
): Promise<void> {
  const snapshot = state.checkpoint.snapshot(version)
  if (snapshot !== undefined) restore(snapshot, loop, state)
  else {
    const load = () => loop.registry.load(version)
    const loaded = await patience.persist(`loading ${version}`, load, signal)
    restore({ ...state.learnerState, weights: weightsOf(loaded, loop) }, loop, state)
  }
  state.tally.wentTo(version)
}

/** As a trainable would have it that has made no step. */
export function freshWeights(start: AdapterStart, loop: LoopParts): TrainableState {
  const trainable = loop.openTrainable(start)
  try {
    return trainable.snapshot()
  } finally {
    trainable.dispose()
  }
}

function restore(to: LearnerState, loop: LoopParts, state: TrainerState): void {
  state.restoreLearner(to)
  // The config may have got labels since.
  if (state.learner.extend(loop.labels.known)) state.learnerChanged()
}

function weightsOf({ manifest, parameters }: Version, loop: LoopParts): TrainableState {
  const { labels, version } = manifest
  if (adapterText(manifest.adapter) === adapterText(loop.adapter))
    return freshWeights({ labels, parameters }, loop)
  warn(loop.log, version)
  return freshWeights({ labels, parameters: loop.freshParameters(labels) }, loop)
}

function warn(log: Logger, version: string): void {
  log.warn({ version }, 'the live version has another adapter; the trainer begins a fresh one')
}
