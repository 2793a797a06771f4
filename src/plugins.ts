/**
 * The one table of concrete parts, by their names in a config. A new part is its own file or folder and a line here;
 * the config's schema, its defaults and the tables of the documentation follow from it. No other file names one.
 */
import { fileDeadLetters, fileSourcePlugin } from '../connectors/file/plugin.ts'
import { httpSourcePlugin } from '../connectors/http/plugin.ts'
import {
  kafkaDeadLetters,
  kafkaPredictions,
  kafkaSourcePlugin,
} from '../connectors/kafka/plugin.ts'
import { redisSourcePlugin } from '../connectors/redis/plugin.ts'
import {
  always,
  constant,
  immediate,
  never,
  noFewShot,
  noMemory,
  noPenalty,
  noReplay,
} from '../policies/none.ts'
import { bootstrap } from '../policies/exploration/bootstrap.ts'
import { epsilonGreedy, noExploration } from '../policies/exploration/epsilon-greedy.ts'
import { softmax } from '../policies/exploration/softmax.ts'
import { contrastive } from '../policies/few-shot/contrastive.ts'
import { knn } from '../policies/memory/knn.ts'
import { mixture } from '../policies/memory/mixture.ts'
import { retrieval } from '../policies/memory/retrieval.ts'
import { kl, manual, margin, sliceGap } from '../policies/promotion/bounds.ts'
import { golden } from '../policies/promotion/golden.ts'
import { heldOut } from '../policies/promotion/held-out.ts'
import { offPolicy } from '../policies/promotion/off-policy.ts'
import { retention } from '../policies/promotion/retention.ts'
import { aGem } from '../policies/regularizer/a-gem.ts'
import { l2Anchor } from '../policies/regularizer/anchor.ts'
import { ewcOnline } from '../policies/regularizer/ewc-online.ts'
import { lwf } from '../policies/regularizer/lwf.ts'
import { classBalanced, gdumb, recent, reservoir } from '../policies/replay/kept.ts'
import { der, derPlus, erAce, mir } from '../policies/replay/rehearsed.ts'
import { onErrors } from '../policies/rollback/on-errors.ts'
import { onRegression } from '../policies/rollback/on-regression.ts'
import { canary, shadow } from '../policies/rollout/trial.ts'
import { driftReset, inverseSqrt, warmupCosine } from '../policies/schedule/learning-rate.ts'
import { adwin } from '../policies/trigger/adwin.ts'
import { idle, interval } from '../policies/trigger/clock.ts'
import { count } from '../policies/trigger/count.ts'
import { ddm } from '../policies/trigger/ddm.ts'
import { kswin } from '../policies/trigger/kswin.ts'
import { pageHinkley } from '../policies/trigger/page-hinkley.ts'
import { bitfit } from './adapters/bitfit.ts'
import { bottleneck } from './adapters/bottleneck.ts'
import { dora } from './adapters/dora.ts'
import { full } from './adapters/full.ts'
import { head } from './adapters/head.ts'
import { ia3 } from './adapters/ia3.ts'
import { lora } from './adapters/lora.ts'
import { loreft } from './adapters/loreft.ts'
import { norm } from './adapters/norm.ts'
import { anacp } from './adapters/closed-form/anacp.ts'
import { ncm } from './adapters/closed-form/ncm.ts'
import { ranpac } from './adapters/closed-form/ranpac.ts'
import { slda } from './adapters/closed-form/slda.ts'
import type { SurfacePlugin } from './api/surface.ts'
import { dashboard } from './api/dashboard/plugin.ts'
import { openai } from './api/openai/plugin.ts'
import { v1 } from './api/v1/plugin.ts'
import { bert } from './bases/bert/plugin.ts'
import { causal } from './bases/causal/plugin.ts'
import { features } from './bases/features/plugin.ts'
import { onnx } from './bases/onnx/plugin.ts'
import { document } from './bases/document/plugin.ts'
import { fields } from './bases/fields/plugin.ts'
import { pair } from './bases/pair/plugin.ts'
import {
  e5Small,
  efficientNetLite0,
  minilm,
  pulled,
  smollm2,
  wordllama,
} from './bases/pulled/plugin.ts'
import { textPair } from './bases/text-pair/plugin.ts'
import { useLite } from './bases/use-lite/plugin.ts'
import type { MethodPlugin } from './contracts/adapter.ts'
import type { BasePlugin } from './contracts/base.ts'
import type { Exploration } from './contracts/choice.ts'
import type {
  FewShot,
  LearningRateSchedule,
  Memory,
  PolicyTable,
  Regularizer,
  Replay,
  Trigger,
} from './contracts/policy.ts'
import type { Promotion, Rollback, Rollout } from './contracts/release.ts'
import type { SinkPlugin, SourcePlugin } from './contracts/connector.ts'
import type { ServedPrediction } from './contracts/event.ts'
import type { TaskPlugin } from './contracts/task.ts'
import { classification } from './tasks/classification/plugin.ts'
import { generation } from './tasks/generation/plugin.ts'
import { multilabel } from './tasks/multilabel/plugin.ts'
import { ranking } from './tasks/ranking/plugin.ts'
import { regression } from './tasks/regression/plugin.ts'
import { spans } from './tasks/spans/plugin.ts'

/** Under `base:`. */
export const bases = {
  'use-lite': useLite,
  minilm,
  'e5-small': e5Small,
  static: wordllama,
  'efficientnet-lite0': efficientNetLite0,
  smollm2,
  pulled,
  bert,
  causal,
  features,
  onnx,
  pair,
  'text-pair': textPair,
  document,
  fields,
} satisfies Readonly<Record<string, BasePlugin>>

/** Under `adapter: { method: … }`. */
export const methods = {
  lora,
  dora,
  ia3,
  bottleneck,
  loreft,
  bitfit,
  norm,
  full,
  head,
  ncm,
  slda,
  ranpac,
  anacp,
} satisfies Readonly<Record<string, MethodPlugin>>

/** Under `task:`. */
export const tasks = {
  classification,
  multilabel,
  regression,
  generation,
  ranking,
  spans,
} satisfies Readonly<Record<string, TaskPlugin>>

/** What is asked, and what feedback says. */
export { inputs, signals } from './payloads/built-in.ts'

/** Under `sources:`. */
export const sources = {
  http: httpSourcePlugin,
  file: fileSourcePlugin,
  kafka: kafkaSourcePlugin,
  redis: redisSourcePlugin,
} satisfies Readonly<Record<string, SourcePlugin>>

/** Under `sinks:`, by the kind of data. */
export const sinks = {
  dead_letters: {
    file: fileDeadLetters,
    kafka: kafkaDeadLetters,
  } satisfies Readonly<Record<string, SinkPlugin>>,
  predictions: {
    kafka: kafkaPredictions,
  } satisfies Readonly<Record<string, SinkPlugin<ServedPrediction>>>,
}

/** HTTP APIs; the daemon serves all of them. */
export const surfaces = { v1, openai, dashboard } satisfies Readonly<Record<string, SurfacePlugin>>

/** By the key of the config that chooses one: `trigger: { policy: count }`. */
export const policies = {
  replay: {
    none: noReplay,
    reservoir,
    recent,
    'class-balanced': classBalanced,
    gdumb,
    mir,
    der,
    'der++': derPlus,
    'er-ace': erAce,
  } satisfies PolicyTable<Replay>,
  regularizer: {
    none: noPenalty,
    'l2-anchor': l2Anchor,
    'ewc-online': ewcOnline,
    lwf,
    'a-gem': aGem,
  } satisfies PolicyTable<Regularizer>,
  memory: { none: noMemory, knn, mixture, retrieval } satisfies PolicyTable<Memory>,
  trigger: {
    count,
    interval,
    idle,
    adwin,
    ddm,
    'page-hinkley': pageHinkley,
    kswin,
  } satisfies PolicyTable<Trigger>,
  rate: {
    constant,
    'warmup-cosine': warmupCosine,
    'inverse-sqrt': inverseSqrt,
    'drift-reset': driftReset,
  } satisfies PolicyTable<LearningRateSchedule>,
  few_shot: { none: noFewShot, contrastive } satisfies PolicyTable<FewShot>,
  exploration: {
    none: noExploration,
    'epsilon-greedy': epsilonGreedy,
    softmax,
    bootstrap,
  } satisfies PolicyTable<Exploration>,
  promotion: {
    always,
    manual,
    margin,
    'held-out': heldOut,
    'off-policy': offPolicy,
    retention,
    golden,
    'slice-gap': sliceGap,
    kl,
  } satisfies PolicyTable<Promotion>,
  rollout: { immediate, canary, shadow } satisfies PolicyTable<Rollout>,
  rollback: {
    never,
    'on-errors': onErrors,
    'on-regression': onRegression,
  } satisfies PolicyTable<Rollback>,
}

/** The defaults of a config that names none. */
export const defaults = {
  base: 'use-lite',
  method: 'lora',
  task: 'classification',
  policies: {
    replay: 'reservoir',
    regularizer: 'none',
    memory: 'none',
    trigger: 'count',
    rate: 'drift-reset',
    few_shot: 'none',
    exploration: 'none',
    promotion: 'always',
    rollout: 'immediate',
    rollback: 'never',
  } satisfies { readonly [Kind in keyof typeof policies]: keyof (typeof policies)[Kind] },
  sources: [{ http: {} }],
} as const
