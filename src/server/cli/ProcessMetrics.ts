/** ProcessMetrics: what this process takes of its machine, under the names that Prometheus's own clients use. */
import { performance } from "node:perf_hooks"
import type { Metrics } from "../Metrics.ts"

export const measure = (metrics: Metrics): void => {
  const started = performance.timeOrigin / 1_000
  const gauge = (name: string, help: string, of: () => number): void => metrics.read({ name, type: "gauge", help }, of)
  metrics.read({ name: "process_cpu_seconds_total", type: "counter", help: "CPU time of the process." }, () => {
    const { system, user } = process.cpuUsage()
    return (system + user) / 1e6
  })
  gauge("process_resident_memory_bytes", "Memory of the process that is in RAM.", () => process.memoryUsage.rss())
  gauge("process_start_time_seconds", "When the process started, in seconds since 1970.", () => started)
  gauge("nodejs_heap_size_used_bytes", "JavaScript's heap that is in use.", () => process.memoryUsage().heapUsed)
  gauge("nodejs_external_memory_bytes", "Memory of buffers beside that heap.", () => process.memoryUsage().external)
  let before = performance.eventLoopUtilization()
  gauge("nodejs_eventloop_utilization_ratio", "How busy the event loop was since this was last asked.", () => {
    const now = performance.eventLoopUtilization()
    const { utilization } = performance.eventLoopUtilization(now, before)
    before = now
    return utilization
  })
}
