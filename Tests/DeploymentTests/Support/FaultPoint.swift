import HostEffects
import Synchronization

/// Numbers every effect of a deployment, be it on files, a command or a handshake.
///
/// `fail` makes the i-th go wrong; `crash` ends the world at the i-th: nothing happens from there on.
final class FaultPoint: Sendable {
    enum Mode: Sendable {
        case fail(at: Int)
        case crash(at: Int)
    }

    private let count = Mutex(0)
    private let mode: Mode?

    init(_ mode: Mode? = nil) { self.mode = mode }

    var effects: Int { count.withLock { $0 } }

    /// Whether the next effect goes wrong.
    func strikes() -> Bool {
        let index = count.withLock { count in
            defer { count += 1 }
            return count
        }
        return switch mode {
        case .fail(let fault): index == fault
        case .crash(let fault): index >= fault
        case nil: false
        }
    }

    var fileSystem: FileSystem {
        FileSystem { effect, path throws(FileError) in
            if self.strikes() { throw FileError(effect, path, .diskFull) }
        }
    }
}
