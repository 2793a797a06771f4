/** The demo's table, for people. */
import { styleText } from 'node:util'
import type { KilledTrainer } from './fleet.ts'
import type { PerDomain } from './measure.ts'
import type { DemoResult } from './run.ts'

const columns = ['overall', 'yelp', 'amazon', 'imdb'] as const

/** Lines to print; `width` of a terminal is not needed, the table is 66 characters wide. */
export function reportLines(result: DemoResult, fleet?: FleetResult): readonly string[] {
  const { baseline, origin, rollback } = result
  return [
    '',
    heading('sentiment'),
    row('', columns),
    row('prequential (test, then train)', numbers(result.prequential)),
    row('held-out, last version', numbers(result.final)),
    row('  AFINN word list', numbers(baseline.afinn_by_domain)),
    row('  majority class', numbers(baseline.majority_by_domain)),
    '',
    heading('origin: three labels that appeared one after the other'),
    row('held-out, with replay', [percent(origin.replay)]),
    row('held-out, without replay', [percent(origin.no_replay)]),
    '',
    heading('a burst of flipped labels, and one rollback'),
    row('before', [percent(result.final.overall)]),
    row('after the burst', [percent(result.poisoned_accuracy)]),
    row(`rolled back to ${rollback.to}`, [percent(rollback.accuracy)]),
    row('answers bit for bit the old ones', [
      rollback.identical ? `yes, all ${rollback.compared}` : 'NO',
    ]),
    row('flipped labels set aside', [String(rollback.set_aside)]),
    '',
    heading('while serving'),
    row('events accepted, rejected', [String(result.events), String(result.rejected)]),
    row('versions, swaps', [String(result.versions), String(result.swaps)]),
    row('requests answered, failed', [
      String(result.requests - result.failed_requests),
      String(result.failed_requests),
    ]),
    ...fleetLines(fleet),
  ]
}

/** Additional rows for a fleet. */
export interface FleetResult {
  readonly replicas: number
  readonly killed: KilledTrainer | undefined
}

function fleetLines(fleet: FleetResult | undefined): readonly string[] {
  if (fleet === undefined) return []
  const { replicas, killed } = fleet
  const told = killed && [
    row('the trainer killed, its lease', [`${killed.holder}, epoch ${killed.epoch}`]),
    row('who trained on', [`${killed.holder_after}, epoch ${killed.epoch_after}`]),
  ]
  return [
    '',
    heading('a fleet on one topic'),
    row('replicas that answered', [String(replicas)]),
    ...(told ?? []),
  ]
}

function heading(text: string): string {
  return styleText('bold', text)
}

function row(name: string, cells: readonly string[]): string {
  return `  ${name.padEnd(34)}${cells.map((cell) => cell.padStart(8)).join('')}`
}

function numbers(of: PerDomain): readonly string[] {
  return columns.map((column) => percent(of[column]))
}

function percent(ratio: number): string {
  return ratio.toFixed(3)
}
