/** The chat demo's table, for people. */
import { styleText } from 'node:util'
import type { ChatResult, Stage } from './run.ts'
import type { RuleShares } from './measure.ts'

/** Lines to print, at most 80 characters wide, apart from the answers. */
export function chatReportLines(result: ChatResult): readonly string[] {
  const { before, completions, no_replay: noReplay, thumbs, poisoned, rollback } = result
  const stages = [before, completions, noReplay, thumbs]
  const shares = (part: keyof RuleShares) => stages.map(({ rule }) => share(rule[part]))
  const losses = (part: 'held_out' | 'general' | 'distance') =>
    stages.map((stage: Stage) => stage[part].toFixed(3))
  return [
    '',
    heading('answers to held-out questions'),
    row('', ['before', 'taught', 'no replay', 'thumbs']),
    row('house style', shares('satisfied')),
    row('  opens with thanks', shares('opens')),
    row('  names the matter', shares('names')),
    row('  one paragraph, 45 words', shares('short')),
    row('  ends with the next step', shares('ends')),
    row('loss of held-out answers', losses('held_out')),
    row('loss of other instructions', losses('general')),
    row('distance to the base, nats a token', losses('distance')),
    row('thumbs up, down', ['', '', '', `${thumbs.up}, ${thumbs.down}`]),
    '',
    heading('a burst of bad completions, and one rollback'),
    row('house style before', [share(thumbs.rule.satisfied)]),
    row('after the burst', [share(poisoned.rule.satisfied)]),
    row(`rolled back to ${rollback.to}`, [share(rollback.rule.satisfied)]),
    row('answers token for token the old ones', [
      rollback.identical ? `yes, all ${rollback.compared}` : 'NO',
    ]),
    '',
    heading('while serving'),
    row('events, versions', [String(result.events), String(result.versions)]),
    row('requests answered, failed', [
      String(result.requests - result.failed_requests),
      String(result.failed_requests),
    ]),
    '',
    heading(result.example.question),
    `  before  ${oneLine(result.example.before)}`,
    `  after   ${oneLine(result.example.after)}`,
  ]
}

function heading(text: string): string {
  return styleText('bold', text)
}

function row(name: string, cells: readonly string[]): string {
  return `  ${name.padEnd(38)}${cells.map((cell) => cell.padStart(10)).join('')}`
}

function share(ratio: number): string {
  return `${(100 * ratio).toFixed(0)} %`
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ')
}
