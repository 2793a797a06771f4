/** Every policy of the tables goes through the suite of its seam; one that is added does by itself. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { openPolicy } from '../../src/config/plugins/open-policy.ts'
import { policies } from '../../src/plugins.ts'
import type { PolicyKind, Regularizer } from '../../src/contracts/policy.ts'
import type { Promotion } from '../../src/contracts/release.ts'
import { regularizerConformance } from '../conformance/regularizer.ts'
import { explorationConformance } from '../conformance/exploration.ts'
import { fewShotConformance } from '../conformance/few-shot.ts'
import { memoryConformance } from '../conformance/memory.ts'
import { promotionConformance } from '../conformance/promotion.ts'
import { rateConformance } from '../conformance/schedule.ts'
import { replayConformance } from '../conformance/replay.ts'
import { rollbackConformance } from '../conformance/rollback.ts'
import { rolloutConformance } from '../conformance/rollout.ts'
import { triggerConformance } from '../conformance/trigger.ts'

const { replay, regularizer, memory, trigger, rate, promotion, rollout, rollback } = policies
const { few_shot: fewShot, exploration } = policies

for (const policy of Object.keys(replay))
  for (const capacity of [1, 2, 10])
    replayConformance(`${policy} of ${capacity}`, {
      capacity,
      open: (bounds = {}) =>
        openPolicy('replay', replay, {
          policy,
          ...(policy !== 'none' && { capacity, ...bounds }),
        }),
    })
for (const [policy, { settings }] of Object.entries<PolicyKind<Regularizer>>(regularizer))
  for (const every of 'every' in settings ? [3, 1000] : [undefined])
    regularizerConformance(every === undefined ? policy : `${policy} of ${every}`, () =>
      openPolicy('regularizer', regularizer, { policy, ...(every !== undefined && { every }) }),
    )
for (const policy of Object.keys(memory))
  for (const capacity of [1, 2, 10])
    memoryConformance(`${policy} of ${capacity}`, {
      capacity,
      open: (bounds = {}) =>
        openPolicy('memory', memory, { policy, ...(policy !== 'none' && { capacity, ...bounds }) }),
    })
for (const policy of Object.keys(trigger))
  triggerConformance(policy, () => openPolicy('trigger', trigger, { policy }))
for (const policy of Object.keys(rate))
  rateConformance(policy, () => openPolicy('rate', rate, { policy }))
for (const policy of Object.keys(fewShot))
  fewShotConformance(policy, () => openPolicy('few_shot', fewShot, { policy }))
for (const policy of Object.keys(exploration))
  explorationConformance(policy, () => openPolicy('exploration', exploration, { policy }))
const folder = mkdtempSync(join(tmpdir(), 'antikythera-golden-'))
afterAll(() => rmSync(folder, { recursive: true }))
const golden = join(folder, 'golden.jsonl')
writeFileSync(golden, '{"text":"fine","label":"yes"}\n')
for (const [policy, { settings }] of Object.entries<PolicyKind<Promotion>>(promotion))
  promotionConformance(policy, () =>
    openPolicy('promotion', promotion, { policy, ...('file' in settings && { file: golden }) }),
  )
for (const policy of Object.keys(rollback))
  rollbackConformance(policy, () => openPolicy('rollback', rollback, { policy }))
for (const policy of Object.keys(rollout))
  rolloutConformance(policy, () => openPolicy('rollout', rollout, { policy }))
