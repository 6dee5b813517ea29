/**
 * Geohash: places on Earth as scores of a sorted set, and the ranges of scores that cover what is near one. A score has 52 bits: by turns one
 * of the longitude and one of the latitude, each a number of 26 bits between its bounds; so places in one square of a grid, whatever
 * its size, have scores behind one another, and a circle or a box is covered by at most nine squares.
 *
 * As Redis has it (geohash.c, geohash_helper.c of 7.0), to the bit and in the same order of squares; distances are those of a sphere (haversine).
 * The geohash of texts (G. Niemeyer, 2008) has other bounds of the latitude.
 */

const latitudeMax = 85.05112878
const longitudeMax = 180
/** Of the whole Earth, for texts. */
const poleLatitude = 90

const stepMax = 26
const cellsMax = 67_108_864
const earthRadiusMeters = 6_372_797.560856
/** Half of the equator, in the projection that the latitude's bound comes from. */
const mercatorMax = 20_037_726.37
const radiansPerDegree = Math.PI / 180

export interface Place {
  readonly longitude: number
  readonly latitude: number
}

/** What is near `center`: a circle, or a box whose sides go along meridians and parallels. Lengths are in meters. */
export type Shape =
  | { readonly type: "circle"; readonly center: Place; readonly radius: number }
  | { readonly type: "box"; readonly center: Place; readonly width: number; readonly height: number }

/** Scores in [from, to). */
export interface Range {
  readonly from: number
  readonly to: number
}

export const isOnMap = ({ latitude, longitude }: Place): boolean =>
  longitude >= -longitudeMax && longitude <= longitudeMax && latitude >= -latitudeMax && latitude <= latitudeMax

/** 13 bits, each with a gap before it. */
const spread = (bits: number): number => {
  let spaced = (bits | (bits << 8)) & 0x00ff00ff
  spaced = (spaced | (spaced << 4)) & 0x0f0f0f0f
  spaced = (spaced | (spaced << 2)) & 0x33333333
  return (spaced | (spaced << 1)) & 0x55555555
}

/** The inverse. */
const gather = (spaced: number): number => {
  let bits = spaced & 0x55555555
  bits = (bits | (bits >>> 1)) & 0x33333333
  bits = (bits | (bits >>> 2)) & 0x0f0f0f0f
  bits = (bits | (bits >>> 4)) & 0x00ff00ff
  return (bits | (bits >>> 8)) & 0x0000ffff
}

/** Two numbers of 26 bits to one of 52. */
const interleave = (x: number, y: number): number => {
  const high = spread(y >>> 13) | (spread(x >>> 13) << 1)
  const low = spread(y & 0x1fff) | (spread(x & 0x1fff) << 1)
  return high * cellsMax + low
}

/** Where a number is among so many equal parts of a range, each of which begins with its lower bound. */
const partOf = (value: number, max: number, parts: number): number => Math.floor(((value + max) / (2 * max)) * parts)

/** One square of a grid of `2^step` by `2^step`. */
interface Square {
  readonly x: number
  readonly y: number
}

interface Area {
  readonly west: number
  readonly east: number
  readonly south: number
  readonly north: number
}

const areaOf = ({ x, y }: Square, parts: number): Area => ({
  west: -longitudeMax + (x / parts) * (2 * longitudeMax),
  east: -longitudeMax + ((x + 1) / parts) * (2 * longitudeMax),
  south: -latitudeMax + (y / parts) * (2 * latitudeMax),
  north: -latitudeMax + ((y + 1) / parts) * (2 * latitudeMax)
})

const scoreWithin = ({ latitude, longitude }: Place, latitudeBound: number): number =>
  interleave(partOf(longitude, longitudeMax, cellsMax), partOf(latitude, latitudeBound, cellsMax))

/** The score of a place that `isOnMap`. */
export const scoreOf = (place: Place): number => scoreWithin(place, latitudeMax)

/** The middle of the square that a score stands for. A score that is none stands for some place as well. */
export const placeOf = (score: number): Place => {
  const bits = Math.floor(score)
  const high = Math.floor(bits / cellsMax) >>> 0
  const low = bits - Math.floor(bits / cellsMax) * cellsMax
  const area = areaOf(
    { x: gather(high >>> 1) * 8_192 + gather(low >>> 1), y: gather(high) * 8_192 + gather(low) },
    cellsMax
  )
  const longitude = (area.west + area.east) / 2
  const latitude = (area.south + area.north) / 2
  return {
    longitude: Math.max(-longitudeMax, Math.min(longitude, longitudeMax)),
    latitude: Math.max(-latitudeMax, Math.min(latitude, latitudeMax))
  }
}

/** In meters. */
export const distance = (from: Place, to: Place): number => {
  const fromLatitude = from.latitude * radiansPerDegree
  const toLatitude = to.latitude * radiansPerDegree
  const u = Math.sin((toLatitude - fromLatitude) / 2)
  const v = Math.sin((to.longitude * radiansPerDegree - from.longitude * radiansPerDegree) / 2)
  return 2 * earthRadiusMeters * Math.asin(Math.sqrt(u * u + Math.cos(fromLatitude) * Math.cos(toLatitude) * v * v))
}

/** How far a place within the shape is from its center; `undefined`: it is outside. */
export const distanceWithin = (shape: Shape, place: Place): number | undefined => {
  const { center } = shape
  if (shape.type === "circle") {
    const meters = distance(center, place)
    return meters > shape.radius ? undefined : meters
  }
  const across = distance(place, { longitude: center.longitude, latitude: place.latitude })
  const along = distance(place, { longitude: place.longitude, latitude: center.latitude })
  return across > shape.width / 2 || along > shape.height / 2 ? undefined : distance(center, place)
}

/** How many times the map is halved so that a square and its neighbours cover what is this far from a place. */
const stepsFor = (rangeMeters: number, latitude: number): number => {
  if (rangeMeters === 0) return stepMax
  let steps = 1
  for (let range = rangeMeters; range < mercatorMax; range *= 2) steps += 1
  // So that a place near the square's edge is covered too.
  steps -= 2
  // Towards the poles squares are narrower.
  if (Math.abs(latitude) > 66) steps -= 1
  if (Math.abs(latitude) > 80) steps -= 1
  return Math.max(1, Math.min(steps, stepMax))
}

const boundsOf = (shape: Shape): Area => {
  const { latitude, longitude } = shape.center
  const height = shape.type === "circle" ? shape.radius : shape.height / 2
  const width = shape.type === "circle" ? shape.radius : shape.width / 2
  const latitudeDelta = height / earthRadiusMeters / radiansPerDegree
  // Where the shape is nearest to a pole a meter is most of a degree.
  const narrowest = latitude < 0 ? latitude - latitudeDelta : latitude + latitudeDelta
  const longitudeDelta = width / earthRadiusMeters / Math.cos(narrowest * radiansPerDegree) / radiansPerDegree
  return {
    west: longitude - longitudeDelta,
    east: longitude + longitudeDelta,
    south: latitude - latitudeDelta,
    north: latitude + latitudeDelta
  }
}

/** The square of the center, then its neighbours in the order in which Redis looks at them: columns to the east, rows to the north. */
const directions: ReadonlyArray<readonly [east: number, north: number]> = [
  [0, 0],
  [0, 1],
  [0, -1],
  [1, 0],
  [-1, 0],
  [1, 1],
  [-1, 1],
  [1, -1],
  [-1, -1]
]

/** Beyond an edge of the map is the other one. */
const neighbour = ({ x, y }: Square, east: number, north: number, parts: number): Square => ({
  x: (x + east + parts) % parts,
  y: (y + north + parts) % parts
})

const squareOf = ({ latitude, longitude }: Place, parts: number): Square => ({
  x: partOf(longitude, longitudeMax, parts),
  y: partOf(latitude, latitudeMax, parts)
})

const reaches = (square: Square, parts: number, bounds: Area): boolean =>
  areaOf(neighbour(square, 0, 1, parts), parts).north >= bounds.north &&
  areaOf(neighbour(square, 0, -1, parts), parts).south <= bounds.south &&
  areaOf(neighbour(square, 1, 0, parts), parts).east >= bounds.east &&
  areaOf(neighbour(square, -1, 0, parts), parts).west <= bounds.west

/** Ranges of scores that together have every place within the shape, and others; none twice. */
export const rangesOf = (shape: Shape): ReadonlyArray<Range> => {
  const radius =
    shape.type === "circle"
      ? shape.radius
      : Math.sqrt((shape.width / 2) * (shape.width / 2) + (shape.height / 2) * (shape.height / 2))
  const bounds = boundsOf(shape)
  let steps = stepsFor(radius, shape.center.latitude)
  if (steps > 1 && !reaches(squareOf(shape.center, 1 << steps), 1 << steps, bounds)) steps -= 1
  const parts = 1 << steps
  const center = squareOf(shape.center, parts)
  const area = areaOf(center, parts)
  const isNeeded = (east: number, north: number): boolean =>
    steps < 2 ||
    !(
      (north < 0 && area.south < bounds.south) ||
      (north > 0 && area.north > bounds.north) ||
      (east < 0 && area.west < bounds.west) ||
      (east > 0 && area.east > bounds.east)
    )
  const scale = (cellsMax / parts) * (cellsMax / parts)
  const ranges: Array<Range> = []
  for (const [east, north] of directions) {
    if (!isNeeded(east, north)) continue
    const { x, y } = neighbour(center, east, north, parts)
    const bits = interleave(x, y)
    const from = bits * scale
    if (ranges.every((range) => range.from !== from)) ranges.push({ from, to: from + scale })
  }
  return ranges
}

const alphabet = "0123456789bcdefghjkmnpqrstuvwxyz"

/** The geohash of a place as eleven letters, of which the last has no bits left and is always the same. */
export const textOf = (place: Place): string => {
  let bits = scoreWithin(place, poleLatitude)
  // 52 bits are ten letters and two bits.
  bits = Math.floor(bits / 4)
  let text = ""
  for (let i = 0; i < 10; i++) {
    text = alphabet[bits % 32] + text
    bits = Math.floor(bits / 32)
  }
  return `${text}0`
}
