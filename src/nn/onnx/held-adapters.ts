/**
 * Adapters loaded in a worker, and their stacks: [n, …] over the n adapters of a run, from which each row takes its
 * own. A single adapter is its own stack, without a copy; stacks of several are cached for the next runs, because the
 * same models tend to be busy together.
 */
import { invariant } from '../../platform/errors.ts'
import { ortTensor, type FeedTensor, type Feeds, type OrtTensor } from './session.ts'

/** Cached stacks of several adapters; the least recently used is evicted first. */
const KEPT_STACKS = 8

export type Stack = Readonly<Record<string, OrtTensor>>

export interface HeldAdapters {
  hold(key: string, tensors: Feeds): void
  drop(key: string): void
  stack(keys: readonly string[]): Stack
}

export function openHeldAdapters(): HeldAdapters {
  const held = new Map<string, { readonly tensors: Feeds; readonly alone: Stack }>()
  const stacks = new Map<string, { readonly keys: readonly string[]; readonly stack: Stack }>()

  function find(key: string) {
    const adapter = held.get(key)
    invariant(adapter, `the adapter ${key} is not loaded`)
    return adapter
  }

  function forget(key: string): void {
    held.delete(key)
    for (const [name, { keys }] of stacks) if (keys.includes(key)) stacks.delete(name)
  }

  function keep(name: string, keys: readonly string[], stack: Stack): Stack {
    stacks.delete(name)
    stacks.set(name, { keys, stack })
    const [oldest] = stacks.keys()
    if (stacks.size > KEPT_STACKS && oldest !== undefined) stacks.delete(oldest)
    return stack
  }

  return {
    hold(key, tensors) {
      forget(key)
      held.set(key, { tensors, alone: stackOf([tensors]) })
    },
    drop: forget,
    stack(keys) {
      const adapters = keys.map(find)
      if (adapters.length === 1 && adapters[0]) return adapters[0].alone
      const name = keys.join('\n')
      const kept = stacks.get(name)?.stack
      return keep(name, keys, kept ?? stackOf(adapters.map(({ tensors }) => tensors)))
    },
  }
}

/** All adapters of a stack have the same tensors, of the same shapes. */
function stackOf(adapters: readonly Feeds[]): Stack {
  const names = Object.keys(adapters[0] ?? {})
  const stacked = names.map((name) => [name, ortTensor(side(name, adapters))] as const)
  return Object.fromEntries(stacked)
}

function side(name: string, adapters: readonly Feeds[]): FeedTensor {
  const tensors = adapters.map((adapter) => {
    const tensor = adapter[name]
    invariant(tensor, `an adapter of the stack lacks ${name}`)
    return tensor
  })
  const [{ shape, data }, ...others] = tensors as [FeedTensor, ...FeedTensor[]]
  if (others.length === 0) return { shape: [1, ...shape], data }
  const stack = new Float32Array(data.length * tensors.length)
  tensors.forEach((tensor, at) => {
    invariant(tensor.shape.join() === shape.join(), `${name} differs in shape within a stack`)
    stack.set(tensor.data, at * data.length)
  })
  return { shape: [tensors.length, ...shape], data: stack }
}
