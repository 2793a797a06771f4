/** Every policy by the name that a config uses. Adding one is a file and a line here; README.md says how. */
import type {
  Regularizer,
  Memory,
  PolicyKind,
  Promotion,
  LearningRateSchedule,
  Replay,
  Rollback,
  Trigger,
} from '../src/contracts/policy.ts'
import { aGem } from './regularizer/a-gem.ts'
import { ewcOnline } from './regularizer/ewc-online.ts'
import { l2Anchor } from './regularizer/l2-anchor.ts'
import { lwf } from './regularizer/lwf.ts'
import { none as noPenalty } from './regularizer/none.ts'
import { knn } from './memory/knn.ts'
import { none as noMemory } from './memory/none.ts'
import { always } from './promotion/always.ts'
import { classBalanced } from './replay/class-balanced.ts'
import { derPlus } from './replay/der-plus.ts'
import { der } from './replay/der.ts'
import { erAce } from './replay/er-ace.ts'
import { gdumb } from './replay/gdumb.ts'
import { mir } from './replay/mir.ts'
import { none as noReplay } from './replay/none.ts'
import { recent } from './replay/recent.ts'
import { reservoir } from './replay/reservoir.ts'
import { never } from './rollback/never.ts'
import { constant } from './schedule/constant.ts'
import { driftReset } from './schedule/drift-reset.ts'
import { warmupCosine } from './schedule/warmup-cosine.ts'
import { adwin } from './trigger/adwin.ts'
import { count } from './trigger/count.ts'
import { ddm } from './trigger/ddm.ts'
import { idle } from './trigger/idle.ts'
import { interval } from './trigger/interval.ts'
import { kswin } from './trigger/kswin.ts'
import { pageHinkley } from './trigger/page-hinkley.ts'

export { openPolicy, type Chosen, type PolicyTable } from './open.ts'

type Table<Policy> = Readonly<Record<string, PolicyKind<Policy>>>

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
  } satisfies Table<Replay>,
  regularizer: {
    none: noPenalty,
    'l2-anchor': l2Anchor,
    'ewc-online': ewcOnline,
    lwf,
    'a-gem': aGem,
  } satisfies Table<Regularizer>,
  memory: { none: noMemory, knn } satisfies Table<Memory>,
  trigger: {
    count,
    interval,
    idle,
    adwin,
    ddm,
    'page-hinkley': pageHinkley,
    kswin,
  } satisfies Table<Trigger>,
  rate: {
    constant,
    'warmup-cosine': warmupCosine,
    'drift-reset': driftReset,
  } satisfies Table<LearningRateSchedule>,
  promotion: { always } satisfies Table<Promotion>,
  rollback: { never } satisfies Table<Rollback>,
}
