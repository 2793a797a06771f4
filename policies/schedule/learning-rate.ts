/** Learning rates that change, as a factor on the configured ones. `constant` is in ../none.ts. */
import type { SettingsOf } from '../../src/contracts/core.ts'
import type { LearningRateSchedule, PolicyKind } from '../../src/contracts/policy.ts'
import { number } from '../settings.ts'
import { ownState, stateless } from '../state.ts'

const driftResetSettings = {
  peak: number([1, 100], 5, 'factor on the configured rates, in the update of the alarm'),
  half_life: number([0.1, 1_000_000], 5, 'updates after which half of the increase is left'),
}

/**
 * The configured rates, raised after an alarm: they start at `peak` times the configured value, and half of the rest of
 * the increase disappears every `half_life` updates.
 *
 *   η_u / η = 1 + (peak − 1)·2^(−u/half_life)      u updates since the alarm's own; 1 before the first alarm
 *
 * The default: without a trigger that raises alarms it equals `constant`. Learning faster only where the error shows
 * that the world has changed is in Gama et al. (2014), "A survey on concept drift adaptation", ACM Computing Surveys
 * 46(4), §3.3 (informed adaptation); as a step size that rises with drift in Kuncheva & Plumpton (2008), "Adaptive
 * learning rate for online linear discriminant classifiers", SSPR.
 *
 *     rate: { policy: drift-reset, peak: 10 }
 *     trigger: { policy: adwin, on_drift: raise-rate }
 */
export const driftReset: PolicyKind<LearningRateSchedule, SettingsOf<typeof driftResetSettings>> = {
  summary: 'the configured rates, raised for some time after an alarm',
  settings: driftResetSettings,
  open({ peak, half_life: halfLife }) {
    /** Updates begun since the last alarm, not counting its own; null before the first alarm. */
    let since: number | null = null
    return {
      begin({ raised }) {
        if (raised) since = 0
        else if (since !== null) since += 1
      },
      factor: () => (since === null ? 1 : 1 + (peak - 1) * 2 ** (-since / halfLife)),
      snapshot: () => ({ since }),
      restore(state) {
        since = ownState<{ readonly since: number | null }>(state, 'since')?.since ?? null
      },
    }
  },
}

const inverseSqrtSettings = {
  steps: number(
    [1, 1_000_000],
    20,
    'steps after which the rates have fallen to 71 %, and after three times as many to half',
  ),
  floor: number([0, 1], 0.5, 'lowest value of the rates, as a factor on the configured ones'),
}

/**
 * Rates that fall with the steps made, down to a share of the configured ones, and start again after an alarm.
 *
 *   η_t / η = max(floor, 1/√(1 + t/steps))      t steps since the start, or since the update of the last alarm
 *
 * The first examples are learned quickly, and later ones disturb less of what is known. With rates that fall as 1/√t the
 * regret of online gradient descent grows only as √T: Zinkevich (2003), "Online convex programming and generalized
 * infinitesimal gradient ascent", ICML. That is against one fixed answer; the floor lets it follow a stream that changes.
 *
 *     rate: { policy: inverse-sqrt, steps: 50, floor: 0.2 }
 */
export const inverseSqrt: PolicyKind<
  LearningRateSchedule,
  SettingsOf<typeof inverseSqrtSettings>
> = {
  summary:
    'the rates fall with the number of steps, down to a floor, and start again after an alarm',
  settings: inverseSqrtSettings,
  open({ steps: slow, floor }) {
    /** Steps of earlier updates, since the start or the last alarm; and those of the present update. */
    let [earlier, present] = [0, 0]
    return {
      begin({ steps, raised }) {
        earlier = raised ? 0 : earlier + present
        present = steps
      },
      factor: (step) => Math.max(floor, 1 / Math.sqrt(1 + (earlier + step) / slow)),
      snapshot: () => ({ made: earlier + present }),
      restore(state) {
        earlier = ownState<{ readonly made: number }>(state, 'made')?.made ?? 0
        present = 0
      },
    }
  },
}

const warmupCosineSettings = {
  warmup: number([0, 0.9], 0.1, 'share of the steps in which the rates rise'),
  floor: number([0, 1], 0, 'final value of the rates, as a factor on the configured ones'),
}

/**
 * Warm-up and cosine within each update: the rates rise over its first steps, then fall to `floor` by its last.
 *
 *   η_t / η = (t + 1)/(w + 1)                                        t < w = ⌊warmup·n⌋
 *           = floor + (1 − floor)·½(1 + cos(π·(t − w)/(n − w)))      otherwise, of n steps
 *
 * For updates of many steps (large `every`, several epochs), so that each version ends with small steps; an update of
 * one step has the full rate. The restart with each version follows Loshchilov & Hutter (2017), "SGDR: stochastic
 * gradient descent with warm restarts", ICLR; the warm-up follows Goyal et al. (2017), arXiv:1706.02677.
 *
 *     rate: { policy: warmup-cosine, warmup: 0.2 }
 *     trigger: { policy: count, every: 512 }
 */
export const warmupCosine: PolicyKind<
  LearningRateSchedule,
  SettingsOf<typeof warmupCosineSettings>
> = {
  summary: 'within each update the rates rise, then fall along a cosine',
  settings: warmupCosineSettings,
  open({ warmup, floor }) {
    let steps = 1
    return {
      ...stateless,
      begin(update) {
        steps = Math.max(1, update.steps)
      },
      factor(step) {
        const rising = Math.floor(warmup * steps)
        if (step < rising) return (step + 1) / (rising + 1)
        const fallen = Math.min(1, (step - rising) / (steps - rising))
        return floor + ((1 - floor) * (1 + Math.cos(Math.PI * fallen))) / 2
      },
      restore() {
        steps = 1
      },
    }
  },
}
