import { openTensorFlow } from '../../src/nn/tensorflow.ts'
import { opBattery } from './op-battery.ts'

const { tf } = await openTensorFlow()
opBattery(tf)
