/** How good the answers of each model are: against baselines, by source of events, and by label. */
import { CodedError } from '../../contracts/core.ts'
import type {
  ClassificationReport,
  Client,
  ErrorReport,
  MultilabelReport,
  Quality as AnyQuality,
  RewardReport,
  ServedScore,
  SpansReport,
  TextReport,
} from '../../client/client.ts'
import type { ClientFlags } from '../flags.ts'
import { percent, print, short, table } from '../print.ts'
import { clientOf } from './connect.ts'
import { SOURCE_HEAD, sourceRow } from './show-sources.ts'
import { gapText } from './show-versions.ts'

/**
 * How good the answers were that the live version has served: by stratum, slice and source, and what was said in place of what.
 */
type Part = NonNullable<ServedScore['parts']>['strata'][number]

/** More do not fit on a screen; `--json` has all. */
const MOST = 10

export function servedLines(served: ServedScore | undefined): string[] {
  if (served === undefined) return []
  const {
    strata = [],
    slices = [],
    sources = [],
    confusion = [],
    slice_gap: gap,
  } = served.parts ?? {}
  const wrong = confusion.filter(({ said, right }) => said !== right).slice(0, MOST)
  const parts = [
    ...partRows('stratum', strata),
    ...partRows('slice', slices),
    ...partRows('source', sources),
  ]
  return [
    `answers that the live version has served: ${served.count} judged, error ${short(served.error)}`,
    ...table([['by', 'name', 'judged', 'error'], ...parts]),
    ...(gap === undefined ? [] : [gapText(gap)]),
    ...(wrong.length === 0
      ? []
      : ['', ...table([['said', 'right', 'times'], ...wrong.map(confusedRow)])]),
    '',
  ]
}

function partRows(by: string, parts: readonly Part[]): string[][] {
  return parts
    .slice(0, MOST)
    .map(({ name, count, error }) => [by, name, String(count), short(error)])
}

function confusedRow({ said, right, count }: { said: string; right: string; count: number }) {
  return [said, right, String(count)]
}

/** `served`: of the live version; absent if none of its answers was judged. */
type OfModel = Pick<
  AnyQuality,
  'drift' | 'sources' | 'slices' | 'slice_gap' | 'accuracy_recent_by_source'
> & {
  readonly served?: ServedScore
}
type Quality = ClassificationReport & OfModel
type NumberQuality = ErrorReport & OfModel
type TextQuality = TextReport & OfModel
type RewardQuality = RewardReport & OfModel
type SpanQuality = SpansReport & OfModel
type LabelsQuality = MultilabelReport & OfModel
type TaskQuality =
  Quality | NumberQuality | TextQuality | SpanQuality | LabelsQuality | RewardQuality

export async function showQuality(flags: ClientFlags): Promise<void> {
  const client = clientOf(flags)
  const names = flags.model === undefined ? await namesOf(client) : [flags.model]
  const models = await Promise.all(names.map((name) => qualityOf(client, name)))
  print(flags.json, { models }, () => models.flatMap((each, at) => linesOf(names[at] ?? '', each)))
}

async function namesOf(client: Client): Promise<readonly string[]> {
  return (await client.models()).models.map(({ model }) => model)
}

/** Null while its trainer has not reported. */
async function qualityOf(client: Client, model: string): Promise<TaskQuality | null> {
  const api = client.model(model)
  try {
    const quality = await api.quality()
    const { served } = await api.describe()
    return { ...quality, ...(served && { served }) } as TaskQuality
  } catch (error) {
    if (error instanceof CodedError && error.code === 'NOT_READY') return null
    throw error
  }
}

function linesOf(model: string, quality: TaskQuality | null): string[] {
  if (quality === null) return [`${model}: the trainer has not reported its quality yet`, '']
  if ('mae' in quality) return numberLines(model, quality)
  if ('completions' in quality) return textLines(model, quality)
  if ('first_reward' in quality) return rewardLines(model, quality)
  if ('exact' in quality) return spanLines(model, quality)
  if ('micro_f1' in quality) return severalLines(model, quality)
  if (quality.events === 0)
    return [`${model}: no example with a label yet`, '', ...servedLines(quality.served)]
  return [
    `${model}: ${quality.events} examples with a label`,
    ...table(overall(quality)),
    ...driftLine(quality),
    '',
    ...table([SOURCE_HEAD, ...quality.sources.map(sourceRow)]),
    ...sliceLines(quality),
    '',
    ...table([LABEL_HEAD, ...quality.labels.map(labelRow), ...otherRow(quality)]),
    '',
    ...servedLines(quality.served),
  ]
}

function numberLines(model: string, quality: NumberQuality): string[] {
  if (quality.events === 0) return [`${model}: no example with a value yet`, '']
  const { running_mean, last_value } = quality.baselines
  return [
    `${model}: ${quality.events} examples with a value`,
    ...table([
      ['mean absolute error', 'all', 'recent'],
      ['answers', short(quality.mae), short(quality.mae_recent)],
      ['  running mean', short(running_mean.mae), short(running_mean.mae_recent)],
      ['  last value', short(last_value.mae), short(last_value.mae_recent)],
    ]),
    ...driftLine(quality),
    '',
    ...table([SOURCE_HEAD, ...quality.sources.map(sourceRow)]),
    ...sliceLines(quality),
    '',
  ]
}

/** Of answers with any number of labels. */
function severalLines(model: string, quality: LabelsQuality): string[] {
  if (quality.events === 0)
    return [`${model}: no example with labels yet`, '', ...servedLines(quality.served)]
  const { majority } = quality.baselines
  return [
    `${model}: ${quality.events} examples with labels`,
    ...table([
      ['', 'all', 'recent'],
      ['micro F1', percent(quality.micro_f1), percent(quality.micro_f1_recent)],
      ['  majority label', percent(majority.micro_f1), percent(majority.micro_f1_recent)],
      ['macro F1', '', percent(quality.macro_f1)],
      ['overlap', percent(quality.accuracy), percent(quality.accuracy_recent)],
      ['  equal weight per source', '', percent(quality.accuracy_recent_by_source)],
      ['answers with a label', '', percent(quality.coverage)],
      ['calibration error', '', percent(quality.calibration.ece)],
    ]),
    ...driftLine(quality),
    '',
    ...table([SOURCE_HEAD.with(2, 'overlap'), ...quality.sources.map(sourceRow)]),
    ...sliceLines(quality),
    '',
    ...table([
      [...LABEL_HEAD, 'from score'],
      ...quality.labels.map((row) => [...labelRow(row), short(row.threshold)]),
      ...otherRow(quality).map((row) => [...row, '']),
    ]),
    '',
    ...servedLines(quality.served),
  ]
}

/** Rewards as parts of the way from the least to the most. */
function rewardLines(model: string, quality: RewardQuality): string[] {
  if (quality.events === 0) return [`${model}: no shown item with a reward yet`, '']
  const { uniform, mean_reward } = quality.baselines
  const row = (name: string, all: number, recent: number) => [name, short(all), short(recent)]
  return [
    `${model}: ${quality.events} shown items`,
    ...table([
      ['reward, from 0 to 1', 'all', 'recent'],
      row('shown items', quality.reward, quality.reward_recent),
      row('  first positions', quality.first_reward, quality.first_reward_recent),
      row('  a uniform choice', uniform.first_reward, uniform.first_reward_recent),
      row('loss of rewards', quality.log_loss, quality.log_loss_recent),
      row('  the mean so far', mean_reward.log_loss, mean_reward.log_loss_recent),
    ]),
    ...driftLine(quality),
    '',
    ...table([SOURCE_HEAD, ...quality.sources.map(sourceRow)]),
    ...sliceLines(quality),
    '',
  ]
}

/** Means of nothing are left out. */
function textLines(model: string, quality: TextQuality): string[] {
  const { completions, pairs, ratings, rewards, answers } = quality
  const row = (events: number, ...cells: string[]) => (events === 0 ? [] : [cells])
  return [
    `${model}: ${quality.events} examples`,
    ...table([
      ['', 'all', 'recent'],
      ...row(
        completions.events,
        'loss of a token of a completion',
        short(completions.token_loss),
        short(completions.token_loss_recent),
      ),
      ...row(
        completions.events,
        '  perplexity',
        short(completions.perplexity),
        short(completions.perplexity_recent),
      ),
      ...row(
        pairs.events,
        'pairs in the right order',
        percent(pairs.reward_accuracy),
        percent(pairs.reward_accuracy_recent),
      ),
      ...row(ratings.events, 'ratings that are 1', percent(ratings.up), percent(ratings.up_recent)),
      ...row(
        rewards.events,
        'reward of answers',
        percent(rewards.reward),
        percent(rewards.reward_recent),
      ),
      ...row(answers.events, 'characters of an answer', '', short(answers.characters_recent)),
      ...row(answers.events, '  repeated', '', percent(answers.repetition_recent)),
    ]),
    ...driftLine(quality),
    '',
    ...table([SOURCE_HEAD, ...quality.sources.map(sourceRow)]),
    ...sliceLines(quality),
    '',
    ...servedLines(quality.served),
  ]
}

function spanLines(model: string, quality: SpanQuality): string[] {
  if (quality.events === 0) return [`${model}: no example with spans yet`, '']
  const { dictionary } = quality.baselines
  return [
    `${model}: ${quality.events} examples with all spans of a text`,
    ...table([
      ['of spans', 'all', 'recent'],
      ['F1', shareOf(quality.f1), shareOf(quality.f1_recent)],
      ['  precision', shareOf(quality.precision), shareOf(quality.precision_recent)],
      ['  recall', shareOf(quality.recall), shareOf(quality.recall_recent)],
      ['  dictionary F1', shareOf(dictionary.f1), shareOf(dictionary.f1_recent)],
      ['texts that are all right', percent(quality.exact), percent(quality.exact_recent)],
    ]),
    ...driftLine(quality),
    '',
    ...table([SOURCE_HEAD, ...quality.sources.map(sourceRow)]),
    ...sliceLines(quality),
    '',
    ...table([
      ['label', 'spans', 'precision', 'recall', 'F1', 'recent F1'],
      ...quality.labels.map((each) => [
        ...[each.label, String(each.support)],
        ...[each.precision, each.recall, each.f1, each.f1_recent].map(shareOf),
      ]),
    ]),
    '',
    ...servedLines(quality.served),
  ]
}

/** Lines about slices; none unless events name slices. */
function sliceLines({ slices = [], slice_gap: gap }: OfModel): string[] {
  if (slices.length === 0) return []
  const rows = slices.map(({ slice, ...row }) => sourceRow({ source: slice, ...row }))
  const lines = ['', ...table([['slice', ...SOURCE_HEAD.slice(1)], ...rows])]
  return gap === undefined ? lines : [...lines, gapText(gap)]
}

/** Whatever stands in one row is of the same examples. */
function overall({ accuracy, accuracy_recent, ...quality }: Quality): string[][] {
  const { majority, last_label } = quality.baselines
  return [
    ['', 'all', 'recent'],
    ['accuracy', percent(accuracy), percent(accuracy_recent)],
    ['  equal weight per source', '', percent(quality.accuracy_recent_by_source)],
    ['  majority label', percent(majority.accuracy), percent(majority.accuracy_recent)],
    ['  last label', percent(last_label.accuracy), percent(last_label.accuracy_recent)],
    ['calibration error', '', percent(quality.calibration.ece)],
    ...calibrationRows(quality),
  ]
}

function calibrationRows({ calibration, sure }: Pick<Quality, 'calibration' | 'sure'>): string[][] {
  const { ece_uncalibrated: raw, temperature } = calibration as Partial<typeof calibration>
  return [
    // A daemon of an earlier version does not say it.
    ...(raw === undefined ? [] : [['  without temperature', '', percent(raw)]]),
    ...(temperature === undefined ? [] : [['  temperature', '', short(temperature)]]),
    ...(sure === undefined
      ? []
      : [
          [`sure answers (score ≥ ${sure.threshold})`, '', percent(sure.coverage)],
          ['  right', '', shareOf(sure.accuracy)],
        ]),
  ]
}

function driftLine({ drift }: Pick<OfModel, 'drift'>): string[] {
  if (typeof drift?.last !== 'string') return []
  return [`drift alarms: ${drift.alarms}, the last: ${drift.last}`]
}

const LABEL_HEAD = ['label', 'examples', 'precision', 'recall', 'f1']

function labelRow({
  label,
  support,
  precision,
  recall,
  f1,
}: Pick<
  ClassificationReport['labels'][number],
  'label' | 'support' | 'precision' | 'recall' | 'f1'
>) {
  return [label, String(support), ...[precision, recall, f1].map(shareOf)]
}

function otherRow({
  other_labels: { labels, support, correct },
}: Pick<Quality, 'other_labels'>): string[][] {
  if (labels === 0) return []
  const recall = support === 0 ? null : correct / support
  return [[`(${labels} others)`, String(support), '', shareOf(recall), '']]
}

function shareOf(share: number | null): string {
  return share === null ? '-' : percent(share)
}
