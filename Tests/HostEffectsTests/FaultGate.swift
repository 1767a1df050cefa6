import HostEffects
import Synchronization

/// Numbers the effects of an operation and fails the i-th, or everything from it on as a power cut would.
final class FaultGate: Sendable {
    enum Mode: Sendable {
        case fail(at: Int)
        case crash(at: Int)
    }

    private let count = Mutex(0)
    private let mode: Mode?

    init(_ mode: Mode? = nil) { self.mode = mode }

    var effects: Int { count.withLock { $0 } }

    var fileSystem: FileSystem {
        FileSystem { effect, path throws(FileError) in
            let index = self.count.withLock { count in
                defer { count += 1 }
                return count
            }
            switch self.mode {
            case .fail(let fault)? where index == fault: throw FileError(effect, path, .diskFull)
            case .crash(let fault)? where index >= fault: throw FileError(effect, path, .diskFull)
            case .fail, .crash, nil: return
            }
        }
    }
}
