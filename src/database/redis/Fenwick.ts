/**
 * Fenwick: how many things are in each of some places, and in which place the n-th of all of them is. Both a change and a look take as many steps as the
 * number of places has bits (Fenwick, Software: Practice and Experience 24 (3), 1994).
 *
 * Needs of its caller: as many places as a power of two.
 */
export class Fenwick {
  /** At `i`, how many are in the places before `i`, from where `i` without its lowest bit leads. */
  private readonly sums: Int32Array
  private counted = 0

  constructor(places: number) {
    this.sums = new Int32Array(places + 1)
  }

  /** In all places. */
  get total(): number {
    return this.counted
  }

  add(place: number, count: number): void {
    const { sums } = this
    this.counted += count
    for (let i = place + 1; i < sums.length; i += i & -i) sums[i] += count
  }

  /** The place of the n-th, counted from 0, and the how-manieth it is there. */
  find(n: number): { readonly place: number; readonly rank: number } {
    const { sums } = this
    let [place, rank] = [0, n]
    for (let step = (sums.length - 1) >>> 1; step > 0; step >>>= 1) {
      if (sums[place + step] > rank) continue
      place += step
      rank -= sums[place]
    }
    return { place, rank }
  }
}
