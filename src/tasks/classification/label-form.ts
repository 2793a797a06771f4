/**
 * The one spelling of a label, in the config and in events alike: without blanks around it, in Unicode's composed form.
 * Two labels that look the same on a screen are one.
 */
export function labelForm(label: string): string {
  return label.normalize('NFC').trim()
}
