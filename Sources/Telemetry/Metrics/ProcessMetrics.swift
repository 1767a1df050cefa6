package import Domain

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The usual `process_*` metrics, read from `/proc` when they are asked for.
package enum ProcessMetrics {
    package static func register(in registry: MetricsRegistry, startedAt start: Timestamp) {
        registry.addCollector("process") { samples(startedAt: start) }
    }

    package static func samples(startedAt start: Timestamp) -> [MetricSample] {
        var used = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used)
        let seconds = Double(used.tv_sec) + Double(used.tv_nsec) / 1e9
        var samples = [
            MetricSample(
                "process_cpu_seconds_total", "Processor time used, user and system.", kind: .counter, seconds
            ),
            MetricSample(
                "process_start_time_seconds", "Start of the process since the epoch.",
                Double(start.microsecondsSinceEpoch) / 1_000_000
            ),
        ]
        if let pages = residentPages {
            samples.append(
                MetricSample(
                    "process_resident_memory_bytes", "Memory in use.",
                    Double(pages) * Double(sysconf(Int32(_SC_PAGESIZE)))
                )
            )
        }
        if let count = openFileDescriptors {
            samples.append(MetricSample("process_open_fds", "Open file descriptors.", Double(count)))
        }
        return samples
    }

    /// The second number of `/proc/self/statm`.
    private static var residentPages: Int? {
        guard let file = fopen("/proc/self/statm", "r") else { return nil }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 128)
        guard fgets(&line, Int32(line.count), file) != nil else { return nil }
        let octets = line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        let fields = String(decoding: octets, as: UTF8.self).split(separator: " ")
        return fields.count > 1 ? Int(fields[1]) : nil
    }

    private static var openFileDescriptors: Int? {
        guard let directory = opendir("/proc/self/fd") else { return nil }
        defer { closedir(directory) }
        var count = 0
        while readdir(directory) != nil { count += 1 }
        // Not counted: the two links every directory has, and the directory itself.
        return max(0, count - 3)
    }
}
