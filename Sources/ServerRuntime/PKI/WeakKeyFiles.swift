import HostEffects
import Logging
import PKI
import Settings
import Synchronization
import Telemetry

/// The keys that anybody can make, from the files that `CERTCTL_WEAK_KEYS_FILES` names. Read at the start, and again with the
/// settings.
final class WeakKeyFiles: Sendable {
    /// Of one file.
    private static let readLimit = 64 << 20

    private let known = Mutex(WeakKeyList())
    private let fileSystem: FileSystem
    private let log: Logger

    init(fileSystem: FileSystem, log: Logger) {
        self.fileSystem = fileSystem
        self.log = log
    }

    var list: WeakKeyList { known.withLock { $0 } }

    /// Reads the files for the first time.
    ///
    /// - Throws: ``StartUpFailure`` that names the file and the line that are wrong.
    func load(_ paths: [String]) throws(StartUpFailure) {
        let list = try Self.read(paths, fileSystem)
        known.withLock { $0 = list }
        if list.count > 0 { log.info("weak keys are known", LogField("fingerprints", list.count)) }
    }

    /// Reads them again. When something is wrong with them, what was known stays.
    func reload(_ paths: [String]) {
        do throws(StartUpFailure) {
            try load(paths)
        } catch {
            log.error("weak keys not read again; those known before stay", LogField("error", error.message))
        }
    }

    /// What the files say.
    static func read(_ paths: [String], _ fileSystem: FileSystem) throws(StartUpFailure) -> WeakKeyList {
        var files: [[UInt8]] = []
        for path in paths {
            do throws(FileError) {
                guard let octets = try fileSystem.read(PathRules.realPath(path) ?? path, atMost: readLimit) else {
                    throw FileError(.read, path, .notFound)
                }
                files.append(octets)
            } catch {
                throw StartUpFailure(
                    error.isPermissionProblem ? .permission : .configuration, "CERTCTL_WEAK_KEYS_FILES: \(error)")
            }
        }
        do throws(WeakKeyListProblem) {
            return try WeakKeyList(files: files)
        } catch {
            throw StartUpFailure(.configuration, "CERTCTL_WEAK_KEYS_FILES: \(text(error, paths))")
        }
    }

    private static func text(_ problem: WeakKeyListProblem, _ paths: [String]) -> String {
        let form = "lines of 20 hexadecimal digits, as in Debian's package openssl-blacklist"
        return switch problem {
        case .notAFingerprint(let file, let line):
            "line \(line) of \(paths[file]) is no fingerprint; the form is \(form)"
        case .empty(let file): "\(paths[file]) has no fingerprints; the form is \(form)"
        case .tooMany:
            "more than \(WeakKeyList.mostFingerprints) fingerprints; name only the files of sizes that are used"
        }
    }
}
