/** What every method of fine-tuning must do, on a real network: law 5, and that its equation, gradient and files agree. */
import { describe, expect, it } from 'vitest'
import { type AdapterPlan, freshAdapter, sitesOf, specsOf } from '../../src/adapters/adapter.ts'
import { head } from '../../src/adapters/head.ts'
import type { AdapterConfig, MethodPlugin } from '../../src/contracts/adapter.ts'
import type { Tensor, Tensors } from '../../src/contracts/core.ts'
import { openRandom } from '../../src/platform/random.ts'
import { slopes, slopesByDifference } from '../optim/gradient-check.ts'
import { embeddings } from '../learner/embeddings.ts'
import { bytesOf, latents, not, planOf, randomAdapter, rows } from '../trainer/rig.ts'
import { nameOf } from '../adapters/name-of.ts'

export function methodConformance(method: MethodPlugin, configs: readonly AdapterConfig[]): void {
  describe.each(configs)(`method ${nameOf(method)} %o`, (config) => {
    const plan = planOf({ method, config })
    const opened = method.open(config)
    const sites = sitesOf(plan)
    const inputs = latents([3, 1, 6], plan)
    const trained = ownOf(plan, randomAdapter(plan))

    it('leaves the output of the base unchanged when it is fresh', () => {
      const fresh = freshAdapter(plan, openRandom(1, 'fresh'))
      const bare = { ...plan, method: head }
      expect(embeddings(plan, fresh, inputs)).toEqual(embeddings(bare, new Map(), inputs))
    })

    it('is fresh in the same way with the same chance', () => {
      const fresh = () => freshAdapter(plan, openRandom(1, 'fresh'))
      expect(bytesOf(fresh())).toEqual(bytesOf(fresh()))
    })

    it('declares each tensor once', () => {
      const names = specsOf(plan).map(({ name }) => name)
      expect(new Set(names).size).toBe(names.length)
    })

    it('has no idle tensor: each changes the output', () => {
      const before = embeddings(plan, trained, inputs)
      for (const [name, tensor] of trained) {
        const changed = new Map([...trained, [name, scaled(tensor, 3)]])
        expect(embeddings(plan, changed, inputs), name).not.toEqual(before)
      }
    })

    it('gives the same output folded, and folds without changing what it was given', () => {
      const before = bytesOf(trained)
      const folded = opened.fold(trained, plan.base)
      expect([...folded.keys()].sort()).toEqual([...trained.keys()].sort())
      const [plain, served] = [
        embeddings(plan, trained, inputs),
        embeddings(plan, folded, inputs, true),
      ]
      for (const [at, value] of served.entries()) expect(value).toBeCloseTo(plain[at]!, 5)
      expect(bytesOf(trained)).toEqual(before)
    })

    it('takes the numbers of each weight of the base once where it is folded', () => {
      const reads = new Map<string, number>()
      const counted = ([name, { shape, data }]: readonly [string, Tensor]): [string, Tensor] => {
        const counting = {
          shape,
          get data() {
            reads.set(name, (reads.get(name) ?? 0) + 1)
            return data
          },
        }
        return [name, counting]
      }
      const weights = new Map([...plan.base.weights].map(counted))
      opened.fold(trained, { ...plan.base, weights })
      expect([...reads].filter(([, times]) => times > 1)).toEqual([])
    })

    it('comes back from disk as it went, under names of modules', () => {
      const disk = opened.toDisk(trained, sites)
      const modules = sites.map(({ name }) => name)
      for (const name of disk.keys())
        expect(modules.some((module) => isOf(name, module))).toBe(true)
      expect(bytesOf(opened.fromDisk(disk, sites))).toEqual(bytesOf(trained))
    })

    it('describes itself to PEFT in plain JSON', () => {
      const described = opened.peftConfig(sites, plan.base)
      expect(JSON.parse(JSON.stringify(described))).toEqual(described)
      expect(described).toHaveProperty('peft_type')
    })

    it('has the gradients that finite differences have', () => {
      const batch = rows(['a', 'c', not('b'), 'a', not('a')], plan).map((row, at) => ({
        ...row,
        weight: 0.5 + at / 3,
      }))
      const at = randomAdapter(plan)
      // The gradient shows in where a step went, before anything brings it back.
      const { retract: _, ...free } = opened
      const exact = slopes({ ...plan, method: { ...method, open: () => free } }, at, batch)
      for (const { name, direction, slope } of slopesByDifference(plan, at, batch)) {
        const gradient = exact.get(name)!.data
        const along = gradient.reduce((sum, value, index) => sum + value * direction[index]!, 0)
        expect(along, name).toBeCloseTo(slope, 3)
      }
    })
  })
}

/** With PEFT's prefix or as in a state dict. */
function isOf(tensor: string, module: string): boolean {
  return tensor.replace(/^base_model\.model\./, '').startsWith(`${module}.`)
}

function ownOf({ task, base, outputs }: AdapterPlan, tensors: Tensors): Tensors {
  const heads = task.parameters(base.network.width, outputs).map(({ name }) => name)
  return new Map([...tensors].filter(([name]) => !heads.includes(name)))
}

function scaled({ shape, data }: Tensor, factor: number): Tensor {
  return { shape, data: data.map((value) => value * factor) }
}
