/** Lowers its priority, and prints the different priorities of its threads. */
import { readdirSync } from 'node:fs'
import { getPriority } from 'node:os'
import { lowerPriority } from '../../dist/src/trainer/process/priority.js'

lowerPriority()
const priorities = readdirSync('/proc/self/task').map((thread) => getPriority(Number(thread)))
console.log(JSON.stringify([...new Set(priorities)]))
