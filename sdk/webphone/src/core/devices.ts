/**
 * Returns the device to use of those that are there: the chosen one, else the system's default, `""`.
 * A headset that is plugged in again is used again, because the choice is remembered.
 */
export function pickDevice(chosen: string | null, present: readonly string[]): string {
  return chosen && present.includes(chosen) ? chosen : "";
}

/** What a microphone in use has to do when devices come and go. */
export function afterChange(
  chosen: string | null,
  present: readonly string[],
  used: { id: string; ended: boolean },
): string | null {
  const wanted = pickDevice(chosen, present);
  if (used.ended) return wanted;
  // The default may be any device: leave a working one alone unless the chosen one is back.
  return wanted !== "" && wanted !== used.id ? wanted : null;
}
