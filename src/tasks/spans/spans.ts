/** Spans: labelled pieces of a text, as one tag for each position of its row. */
import type { Task } from '../../contracts/task.ts'
import { isOf } from '../../contracts/payload.ts'
import { text } from '../../payloads/inputs/text.ts'
import { rating } from '../../payloads/signals/rating.ts'
import { removeSpans, type NamedSpan } from '../../payloads/signals/spans.ts'
import { invariant } from '../../platform/errors.ts'
import { labelList, presentNames } from '../labels/label-list.ts'
import { labelsIn, withOldNamesRetired, type LabelRules } from '../labels/label-rules.ts'
import { checkLabel, knownLabel, refuseUnknown } from '../labels/named-label.ts'
import { renamedLabel } from '../labels/renamed-labels.ts'
import { columnsOf } from './bioes.ts'
import { spansHead } from './head.ts'
import { distilled, rowLoss } from './loss.ts'
import { checkInside, placedText } from './places.ts'
import { SpansQuality } from './quality.ts'
import { decode, judged, scoreOf, type Answer } from './score.ts'
import { placedTarget, servedSpans, spansNamed, targetOf, type SpanTarget } from './target.ts'
import { spansView } from './view.ts'

export function openSpans(settings: LabelRules): Task<SpanTarget, Answer> {
  const rules = withOldNamesRetired(settings)
  const { known, retired, renamed } = rules
  const list = labelList<SpanTarget>(settings, {
    brought: ({ kind, spans }) => (kind === 'wrong' ? [] : spans.map(({ label }) => label)),
    named: ({ spans, not = [] }) => [...spans, ...not].map(({ label }) => label),
    withNames(target, nameOf) {
      const moved = (spans: SpanTarget['spans']) =>
        spans.map((span) => ({ ...span, label: nameOf(span.label) }))
      const { spans, not } = target
      return { ...target, spans: moved(spans), ...(not && { not: moved(not) }) }
    },
  })
  const namedIn = (labels: readonly string[]) => (label: string) => {
    const name = knownLabel(label, labels, rules)
    refuseUnknown(name, labels, rules)
    return name
  }
  return {
    ...spansHead,
    view: spansView,
    needsOffsets: true,

    ...list,
    shared: (one, other) => columnsOf(list.shared(one, other)),
    check(target, head) {
      const labels = labelsIn(head)
      const { kind, spans, not = [] } = target
      for (const { label } of spans) checkLabel(label, kind !== 'wrong', labels, rules)
      for (const { label } of not) checkLabel(label, false, labels, rules)
    },

    target: (signal, served, head) => targetOf(signal, served, namedIn(labelsIn(head))),
    placed: (target, { input, row }) => placedTarget(target, placedText(input, row)),
    admit(signal, input) {
      // What is about an answer depends on its prediction, which the trainer looks up.
      if (!isOf(signal, rating) && !isOf(signal, removeSpans))
        targetOf(signal, '[]', namedIn(known))
      if (input !== undefined && isOf(input, text)) checkInside(spansNamed(signal), input.text)
    },
    topics: (signal) => strataOf(spansNamed(signal)),

    loss: (row, head, gradient) => rowLoss(row, { labels: labelsIn(head), retired }, gradient),
    distil: distilled,
    score: (outputs, target, head) => scoreOf(outputs, target, { labels: labelsIn(head), retired }),
    // The answer may be from before a label was renamed.
    judge(served, target) {
      const spans = servedSpans(served) ?? []
      return judged(
        spans.map((span) => ({ ...span, label: renamedLabel(span.label, renamed) })),
        target,
      )
    },
    present(facts) {
      const { labels, retired } = presentNames(facts, rules)
      return { labels, ...(facts.retired !== undefined && { retired }) }
    },
    decode: (outputs, { facts, row, input }) =>
      decode(
        outputs,
        presentNames(facts, rules),
        row.offsets === undefined ? undefined : placedText(input, row),
      ),

    strata: ({ spans, not = [] }) => strataOf([...spans, ...not]),
    size(target) {
      invariant(target.positions !== undefined, 'a target on the positions of its row')
      return JSON.stringify(target).length
    },
    isTest: ({ kind }) => kind === 'all',
    shown({ kind, spans, not }) {
      const said = spans.map(({ start, end, label }) => ({ start, end, label }))
      const wrong = not?.map(({ start, end, label }) => ({ start, end, label }))
      if (kind === 'all') return { spans: said }
      if (kind === 'wrong') return { not_spans: said }
      return { ...(said.length > 0 && { add_spans: said }), ...(wrong && { remove_spans: wrong }) }
    },

    openQuality: (most) => new SpansQuality(most),
  }
}

/** Labels, and one stratum for texts that have none. */
function strataOf(spans: readonly NamedSpan[]): readonly string[] {
  const labels = spans.flatMap(({ label }) => label ?? [])
  return labels.length === 0 ? [''] : [...new Set(labels)]
}
