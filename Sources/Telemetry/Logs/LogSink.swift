import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Takes finished lines to a file descriptor without holding up who logs.
///
/// Lines collect in a buffer of bounded size while another writer is at work; whoever finds the descriptor free writes
/// what has collected. When the reader of a pipe stands still, lines beyond the bound are counted and dropped, and the
/// count is written as soon as there is room again.
package final class LogSink: Sendable {
    private struct State {
        var pending: [UInt8] = []
        var isWriting = false
        var dropped = 0
    }

    private let state = Mutex(State())
    private let capacity: Int
    private let writeOctets: @Sendable ([UInt8]) -> Void

    package init(descriptor: Int32, capacity: Int = 1 << 20) {
        self.capacity = capacity
        writeOctets = { Self.writeAll($0, to: descriptor) }
    }

    /// For tests: lines go to a closure.
    package init(capacity: Int = 1 << 20, write: @escaping @Sendable ([UInt8]) -> Void) {
        self.capacity = capacity
        writeOctets = write
    }

    package static let standardOutput = LogSink(descriptor: STDOUT_FILENO)

    func write(_ line: [UInt8]) {
        let mayWrite = state.withLock { state in
            if state.pending.count + line.count > capacity {
                state.dropped += 1
            } else {
                state.pending += line
            }
            if state.isWriting { return false }
            state.isWriting = true
            return true
        }
        guard mayWrite else { return }
        while let octets = nextBatch() { writeOctets(octets) }
    }

    private func nextBatch() -> [UInt8]? {
        state.withLock { state in
            guard !state.pending.isEmpty || state.dropped > 0 else {
                state.isWriting = false
                return nil
            }
            var octets = state.pending
            state.pending = []
            if state.dropped > 0 {
                octets += Array("{\"level\":\"WARN\",\"msg\":\"log lines dropped\",\"count\":\(state.dropped)}\n".utf8)
                state.dropped = 0
            }
            return octets
        }
    }

    private static func writeAll(_ octets: [UInt8], to descriptor: Int32) {
        octets.withUnsafeBytes { buffer in
            var rest = buffer[...]
            while !rest.isEmpty {
                let count = unsafeWrite(descriptor, UnsafeRawBufferPointer(rebasing: rest))
                if count > 0 {
                    rest = rest.dropFirst(count)
                } else if errno == EAGAIN {
                    var poller = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    _ = poll(&poller, 1, 100)
                } else if errno != EINTR {
                    return
                }
            }
        }
    }

    private static func unsafeWrite(_ descriptor: Int32, _ buffer: UnsafeRawBufferPointer) -> Int {
        #if canImport(Glibc)
            Glibc.write(descriptor, buffer.baseAddress, buffer.count)
        #elseif canImport(Musl)
            Musl.write(descriptor, buffer.baseAddress, buffer.count)
        #else
            Darwin.write(descriptor, buffer.baseAddress, buffer.count)
        #endif
    }
}
