/**
 * The canonical spelling of a label, in the config and in events: without surrounding blanks, in Unicode's composed
 * form. Two labels that look the same on a screen are the same.
 */
export function labelForm(label: string): string {
  return label.normalize('NFC').trim()
}
